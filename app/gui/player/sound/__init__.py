"""Playing and recording through PortAudio."""
