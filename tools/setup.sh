#!/usr/bin/env bash
# Make the virtual environment named by $1 and install Soundsift into it.
# On Debian and Ubuntu also install the system libraries that Qt and PortAudio need,
# where that is allowed; otherwise name them.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
python=${PYTHON:-python3}

say() { echo "soundsift set-up: $*"; }
fail() { echo "soundsift set-up: $*" >&2; exit 1; }

# Qt's windows and PortAudio's sound; the command line works without them.
libraries=(libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0
    libxcb-shape0 libxcb-xinerama0 libportaudio2)

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q "install ok installed" || echo "$name"
    done
}

install_packages() {
    command -v apt-get >/dev/null || return 0
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null 2>&1 ||
        { as_root apt-get update -qq >/dev/null 2>&1 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null 2>&1; }
    then return 0
    fi
    say "could not install them; for the window and for playback run"
    say "  sudo apt-get install ${missing[*]}"
}

command -v "$python" >/dev/null || fail "there is no $python: install Python 3.11 or newer"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is older than 3.11: name a newer one, like \`make PYTHON=python3.11\`"

install_packages "${libraries[@]}"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    install_packages python3-venv
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's venv is missing: run \`sudo apt-get install python3-venv\`"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check -qq)
say "installing Python packages into $venv (the first time this takes minutes)"
"${pip[@]}" install --constraint constraints.txt torch || fail "torch could not be installed: is there a network?"
"${pip[@]}" install --constraint constraints.txt --editable '.[dev]' ||
    fail "the packages could not be installed: is there a network?"
say "ready"
