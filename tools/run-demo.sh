#!/usr/bin/env bash
# The main job on the demo sounds: make them, index them, search them three times.
# $1 is the virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
soundsift=$venv/bin/soundsift
library=$venv/demo-library.db
tried=$venv/.tried-default-mn04

has_better_model() {
    "$soundsift" models list --json | grep -q '"audio_tower": "efficientat-mn04"'
}

"$soundsift" demo assets/demo
if ! has_better_model && [ ! -e "$tried" ]; then
    touch "$tried"
    "$soundsift" models get default-mn04 >/dev/null 2>&1 || true
fi
if has_better_model; then
    echo "model in use: default-mn04, with the audio tower of EfficientAT's authors"
else
    echo "model in use: default, which ships with Soundsift (default-mn04 could not be downloaded)"
fi
"$soundsift" index assets/demo --library "$library"
for query in "rain falling" "ticking clock" "police siren"; do
    echo
    echo "soundsift search \"$query\""
    "$soundsift" search "$query" -n 3 --library "$library"
done
echo
echo "In the window: $venv/bin/soundsift window --library $library"
echo "Now your own:  $venv/bin/soundsift opens the window; $venv/bin/soundsift index FOLDER"
