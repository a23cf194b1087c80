#!/usr/bin/env bash
# Build the wheel, install it into an empty environment, and use it from outside of the checkout:
# make, index and search the demo sounds, ask for the trainer's help, open the window and close it.
# $1: a Python with the packages that Soundsift needs, whose packages are lent to the new
# environment so that nothing is downloaded; without it, pip installs them.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
lender=${1:-}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "check-wheel: $*"; }
unset PYTHONPATH
export SOUNDSIFT_HOME=$work/home QT_QPA_PLATFORM=offscreen

"$python" -m venv "$work/builder"
"$work/builder/bin/pip" install -q --constraint "$root/constraints.txt" hatchling
(cd "$root" && "$work/builder/bin/hatchling" build -t wheel -d "$work/dist" >/dev/null)
wheel=("$work"/dist/*.whl)
say "$(basename "${wheel[0]}"), $(($(wc -c <"${wheel[0]}") / 1000000)) MB"

if [ -n "$lender" ]; then
    "$lender" -m venv "$work/venv"
    find_site='import sysconfig; print(sysconfig.get_path("purelib"))'
    "$lender" -c "$find_site" >"$("$work/venv/bin/python" -c "$find_site")/lent.pth"
    "$work/venv/bin/pip" install -q --no-deps --force-reinstall "${wheel[0]}"
else
    "$python" -m venv "$work/venv"
    "$work/venv/bin/pip" install -q --constraint "$root/constraints.txt" "${wheel[0]}"
fi
cd "$work"
bin=$work/venv/bin
"$bin/python" -c '
import sys, app, engine, trainer
from engine.paths import assets
for path in (app.__file__, engine.__file__, trainer.__file__, str(assets())):
    assert path.startswith(sys.prefix), f"{path} is not of the wheel"
'
"$bin/soundsift" --version
"$bin/soundsift" demo sounds
"$bin/soundsift" index sounds
"$bin/soundsift" search "a bell rings" -n 1 --json | "$bin/python" -c '
import json, sys
found = json.load(sys.stdin)["results"]
assert len(found) == 1, found
'
"$bin/soundsift" search --names bell -n 1 >/dev/null
"$bin/soundsift" models list >/dev/null
"$bin/soundsift" tag sounds --dry-run >/dev/null
"$bin/soundsift" train --help >/dev/null
"$bin/soundsift" train fit --help >/dev/null
"$bin/python" "$root/tools/open_window.py"
say "the wheel works"
