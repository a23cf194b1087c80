"""Write every sound of a folder a second time, backwards: other recordings to learn from."""

import sys
import wave
from pathlib import Path


def main(folder: Path) -> None:
    """Write NAME_reversed.wav for every NAME.wav."""
    for path in sorted(folder.glob("*.wav")):
        with wave.open(str(path)) as sound:
            settings, data = sound.getparams(), sound.readframes(sound.getnframes())
        size = settings.sampwidth * settings.nchannels
        frames = [data[place : place + size] for place in range(0, len(data), size)]
        with wave.open(str(path.with_name(f"{path.stem}_reversed.wav")), "wb") as turned:
            turned.setparams(settings)
            turned.writeframes(b"".join(reversed(frames)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
