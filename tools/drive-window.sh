#!/usr/bin/env bash
# Drive the window on a virtual screen as a user would, and photograph it.
#   tools/drive-window.sh LIBRARY OUT "QUERY" WIDTHxHEIGHT SCALE THEME
# Needs Xvfb, xdotool and ImageMagick's import (Debian: xvfb xdotool imagemagick).
# SLOW=3 waits three times as long for everything, on a busy machine.
set -euo pipefail
cd "$(dirname "$0")/.."
library=$1 out=$2 query=$3 size=$4 scale=$5 theme=$6
for tool in Xvfb xdotool import; do
    command -v "$tool" >/dev/null || { echo "drive-window: $tool is missing" >&2; exit 1; }
done

pause() { sleep "$(awk "BEGIN { print $1 * ${SLOW:-1} }")"; }

home=$(mktemp -d)
printf '[window]\ntheme=%s\n' "$theme" >"$home/window.ini"
display=:$((90 + RANDOM % 100))
Xvfb "$display" -screen 0 "${size}x24" -dpi 96 >/dev/null 2>&1 &
screen=$!
trap 'kill "$window" "$screen" 2>/dev/null; rm -rf "$home"' EXIT
export DISPLAY=$display SOUNDSIFT_HOME=$home QT_QPA_PLATFORM=xcb QT_SCALE_FACTOR=$scale
sleep 1
.venv/bin/soundsift window --library "$library" &
window=$!

id=$(timeout 60 xdotool search --sync --onlyvisible --name 'Soundsift$' | head -1)
xdotool windowmove "$id" 0 0 windowsize "$id" "${size%x*}" "${size#*x}"
xdotool windowfocus "$id"
pause 8 # the model is warm
xdotool type --delay 60 "$query"
pause 1.5
xdotool key Down
pause 12 # what sounds sound like is read for the first time
xdotool key Down
pause 0.2
xdotool key Down # twice from the first result
pause 1.2
xdotool key space # stops
pause 0.3
xdotool key space # and plays
pause 0.4
import -window root "$out"
xdotool key ctrl+q
wait "$window"
echo "$out"
