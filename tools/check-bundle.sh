#!/usr/bin/env bash
# Use a built bundle as a stranger would, on Linux: with an empty environment, and a window on a
# virtual screen (Xvfb).  $1 is the folder that tools/bundle.sh wrote into.
# The folder is tried first, then the Debian package if there is one, unpacked beside it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$(cd "${1:-$root/build/bundle}" && pwd)
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

say() { echo "check-bundle: $*"; }
fail() { echo "check-bundle: $*" >&2; exit 1; }

# Run $program in an environment that holds a home and a screen, and nothing else.
alone() { env -i HOME="$work/home" DISPLAY="$display" "$program" "$@"; }

# Read to the end (grep -q would not, and whoever writes would fail), and say whether a text is in it.
has() { grep -- "$1" >/dev/null; }

# Print the milliseconds until somebody who looks at the screen sees a window.
first_paint() {
    python3 "$root/tools/first_paint.py" "$work/screen/Xvfb_screen0" "$work/picture.xwd" \
        env -i HOME="$work/home" DISPLAY="$display" "$program" "$@" 2>>"$work/qt" # which tells of its locale
}

use() {
    say "using $program"
    rm -rf "$work/home" "$work/sounds"
    mkdir -p "$work/home"
    library=$work/home/sounds.db
    cd "$work"
    [ "$(alone --version)" = "$version" ] || fail "the version is $(alone --version)"
    alone licences | has '^mutagen .*GPL-2.0-or-later' || fail "licences are missing"
    alone licences mutagen | has 'GNU GENERAL PUBLIC LICENSE' || fail "a text is missing"
    alone models list >/dev/null
    alone demo sounds >/dev/null
    python3 "$root/tools/turn_sounds.py" sounds # twice as many, for those who learn
    alone index sounds --library "$library" >/dev/null 2>"$work/said" || fail "$(cat "$work/said")"
    [ ! -s "$work/said" ] || fail "indexing complained: $(head -3 "$work/said")"
    alone search "a bell rings" -n 1 --library "$library" | has church_bell ||
        fail "the bell was not found"
    alone search --names siren -n 1 --library "$library" | has siren || fail "no siren"
    alone similar sounds/thunder.wav -n 1 --library "$library" >/dev/null
    alone tag sounds --library "$library" --dry-run | has '[0-9]%' || fail "no tag was suggested"
    children
    extras
    window
    train
}

# The three modules that are started as child processes, by name, and nothing else.
children() {
    local model order said
    model=$(dirname "$(readlink -f "$program")")/_internal/assets/models/default
    order='{"library":"'$library'","model":"'$model'","paths":["'$work/sounds'"],"threads":1}'
    said=$(sleep 30 | alone --run-module app.index_process "$order" | tail -1)
    [ "$said" = '{"done": true}' ] || fail "the indexing child said: $said"
    # a copy with another name is nobody's that we know, and so tried in a child
    cp -r "$model" other && sed -i 's/"name": "default"/"name": "other"/' other/model.json
    alone index sounds/church_bell.wav --library "$work/home/other.db" --model "$work/other" >/dev/null ||
        fail "a model could not be tried"
    rm -r other
    [ -s "$work/home/.local/share/soundsift/tried-models.json" ] || fail "no trial was kept"
    ! alone --run-module os >/dev/null 2>&1 || fail "any module can be started"
}

# What is an extra elsewhere has to be there: nobody can install it into a bundle.
extras() {
    local said
    said=$(alone search bell --library postgresql://nobody@127.0.0.1:1/nothing 2>&1 || true)
    has 'cannot be reached' <<<"$said" || fail "a server's library: $said"
    said=$(sleep 20 | alone serve --port 0 --until-closed --library "$library" 2>&1) ||
        fail "serving: $said"
    has '^answering at http://127.0.0.1' <<<"$said" || fail "serving: $said"
    for name in py-ptsl waapi-client; do
        alone licences | has "^$name " || fail "$name is missing"
    done
}

# Print the process that a window has started to index.
child_of() { pgrep -P "$1" -f -- 'run-module app.index_process'; }

# Run a command, given behind a sentence, until it succeeds; say the sentence when it never does.
wait_for() {
    local sentence=$1
    shift
    for _ in $(seq 300); do
        "$@" && return 0
        sleep 0.1
    done
    fail "$sentence"
}

# The window paints, starts its child, says so when that is killed, and goes when asked to.
window() {
    say "first paint, cold: $(first_paint window --library "$library") ms"
    say "first paint, warm: $(first_paint window --library "$library") ms"
    local pid child data=$work/home/.local/share/soundsift log=$work/home/.local/state/soundsift/log
    mkdir -p "$data"
    printf '[index]\nwatch=true\n' >"$data/window.ini"
    env -i HOME="$work/home" DISPLAY="$display" \
        "$program" window --library "$library" sounds/church_bell.wav 2>/dev/null &
    pid=$!
    pids+=("$pid")
    child=$(wait_for "no child watches the folders" child_of "$pid")
    kill -9 "$child"
    wait_for "the window did not notice that its child was killed" \
        grep -rs 'the indexing process ended with code -9' "$log" >/dev/null
    kill -0 "$pid" || fail "the window died with its child"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
}

train() {
    local said
    said=$(alone --run-module trainer --from-library --library "$library" --name mine) ||
        fail "training ended badly"
    grep -q '"event": "loss"' <<<"$said" || fail "nothing was learnt"
    grep -q '"event": "personal"' <<<"$said" || fail "nothing came of training"
    alone search "a bell rings" -n 1 --library "$library" >/dev/null
}

for tool in Xvfb python3; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
mkdir "$work/screen"
display=:$((100 + RANDOM % 400))
Xvfb "$display" -screen 0 1400x900x24 -fbdir "$work/screen" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 50); do [ -s "$work/screen/Xvfb_screen0" ] && break || sleep 0.1; done

version=$("$out/dist/soundsift/soundsift" --version)
program=$out/dist/soundsift/soundsift
use
packages=("$out"/soundsift_*.deb)
if [ -e "${packages[0]}" ]; then
    dpkg-deb -x "${packages[0]}" "$work/deb"
    program=$work/deb/opt/soundsift/soundsift
    use
fi
say "the bundle works"
