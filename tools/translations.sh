#!/usr/bin/env bash
# Gather all texts of the window into assets/translations/soundsift_LANGUAGE.ts, keeping what was
# translated, and compile what there is.  $1 is the language, such as de.
set -euo pipefail
cd "$(dirname "$0")/.."
language=${1:?which language? Such as: tools/translations.sh de}
folder=assets/translations
mkdir -p "$folder"
mapfile -t sources < <(find app/gui -name '*.py' | sort)
.venv/bin/pyside6-lupdate "${sources[@]}" -ts "$folder/soundsift_$language.ts" -source-language en \
    -target-language "$language" -silent
.venv/bin/pyside6-lrelease -silent "$folder/soundsift_$language.ts" -qm "$folder/soundsift_$language.qm"
echo "$folder/soundsift_$language.ts: translate it (Qt Linguist, or any editor), then run this again"
