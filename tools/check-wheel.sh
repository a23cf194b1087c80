#!/usr/bin/env bash
# Build the wheel, install it into an empty environment, and use it from outside of the checkout:
# make, index and search the demo sounds, ask for the trainer's help, open the window and close it.
# $1: a Python whose packages are lent to the new environment, so that nothing but the builder is
# downloaded; without it, pip installs what the wheel asks for.
# KEEP: a folder that the wheel is copied to.
set -euo pipefail
keep=${KEEP:+$(mkdir -p "$KEEP" && cd "$KEEP" && pwd)}
root=$(cd "$(dirname "$0")/.." && pwd)
lender=${1:-}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "check-wheel: $*"; }
# Print the Python of the environment $1, which Windows keeps elsewhere.
python_of() { ls "$1/bin/python" 2>/dev/null || ls "$1/Scripts/python.exe"; }

unset PYTHONPATH
export SOUNDSIFT_HOME=$work/home QT_QPA_PLATFORM=offscreen PIP_DISABLE_PIP_VERSION_CHECK=1

"$python" -m venv "$work/builder"
builder=$(python_of "$work/builder")
"$builder" -m pip install -q --constraint "$root/constraints.txt" hatchling
(cd "$root" && "$builder" -m hatchling build -t wheel -d "$work/dist" >/dev/null)
wheel=("$work"/dist/*.whl)
say "$(basename "${wheel[0]}"), $(($(wc -c <"${wheel[0]}") / 1000000)) MB"
[ -z "$keep" ] || cp "${wheel[0]}" "$keep"

if [ -n "$lender" ]; then
    "$lender" -m venv "$work/venv"
    installed=$(python_of "$work/venv")
    find_site='import sysconfig; print(sysconfig.get_path("purelib"))'
    "$lender" -c "$find_site" >"$("$installed" -c "$find_site")/lent.pth"
    "$installed" -m pip install -q --no-deps --force-reinstall "${wheel[0]}"
else
    "$python" -m venv "$work/venv"
    installed=$(python_of "$work/venv")
    "$installed" -m pip install -q --constraint "$root/constraints.txt" "${wheel[0]}"
fi
cd "$work"
soundsift=$(dirname "$installed")/soundsift
"$installed" -c '
import sys
from pathlib import Path
import app, engine, trainer
from engine.paths import assets
for path in (app.__file__, engine.__file__, trainer.__file__, assets()):
    assert Path(path).resolve().is_relative_to(Path(sys.prefix).resolve()), f"{path} is not of the wheel"
'
"$soundsift" --version
"$soundsift" demo sounds
"$soundsift" index sounds
"$soundsift" search "a bell rings" -n 1 --json | "$installed" -c '
import json, sys
found = json.load(sys.stdin)["results"]
assert len(found) == 1, found
'
"$soundsift" search --names bell -n 1 >/dev/null
"$soundsift" models list >/dev/null
"$soundsift" tag sounds --dry-run >/dev/null
"$soundsift" train --help >/dev/null
"$soundsift" train fit --help >/dev/null
"$installed" "$root/tools/open_window.py"
say "the wheel works"
