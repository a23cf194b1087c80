"""Tell the version that is built: that of the tag, so that no file has to repeat it.

hatchling asks for it (``[tool.hatch.version]`` in pyproject.toml) when a wheel, an sdist, a bundle
or an editable install is made; the program itself reads its metadata and never starts git.  An
sdist carries its version along, and hatchling does not ask again.

At a tag ``v1.2.3`` it is 1.2.3, seven commits later 1.2.4.dev7, and :data:`UNKNOWN` where no tag
can be seen: in a shallow clone, in an archive without git, before the first release.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

UNKNOWN = "0.1.0.dev0"
ROOT = Path(__file__).resolve().parents[1]
_DESCRIBED = re.compile(r"v(?P<tag>.+)-(?P<since>\d+)-g[0-9a-f]+")


def version(root: Path = ROOT) -> str:
    """Return the version of the checkout at ``root``."""
    if not (root / ".git").exists():  # within somebody else's repository, perhaps
        return UNKNOWN
    command = ["git", "-C", str(root), "describe", "--tags", "--long", "--match", "v[0-9]*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return UNKNOWN
    return of_description(done.stdout.strip()) if done.returncode == 0 else UNKNOWN


def of_description(described: str) -> str:
    """Return the version that ``git describe --long`` tells of, such as ``v1.2.3-7-gabc``."""
    found = _DESCRIBED.fullmatch(described)
    if found is None:
        return UNKNOWN
    tag, since = found["tag"], int(found["since"])
    if since == 0:
        return tag
    last = re.fullmatch(r"(.*?)(\d+)", tag)  # of 1.2.3, or of 1.2rc3
    return f"{last[1]}{int(last[2]) + 1}.dev{since}" if last else UNKNOWN


if __name__ == "__main__":
    print(version())
