#!/usr/bin/env bash
# Build the program as a folder that needs no Python, and what installs it on this system.
# $1 is the folder that holds the result (build/bundle); its environment is kept between builds.
#   SKIP_CHECK=1  do not start what was built
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/bundle}
python=${PYTHON:-python3}
mkdir -p "$out"
out=$(cd "$out" && pwd)

say() { echo "bundle: $*"; }
fail() { echo "bundle: $*" >&2; exit 1; }
python_of() { ls "$1/bin/python" 2>/dev/null || ls "$1/Scripts/python.exe"; }

[ -d "$out/venv" ] || "$python" -m venv "$out/venv"
builder=$(python_of "$out/venv")
pip=("$builder" -m pip --disable-pip-version-check -qq install --constraint constraints.txt)
say "installing what goes into it (the first time this takes minutes)"
# On Linux the registry's torch brings CUDA, ten times as large; this index has one without.
cpu=()
[ "$(uname)" != Linux ] ||
    cpu=(--retries 0 --timeout 15 --extra-index-url https://download.pytorch.org/whl/cpu)
"${pip[@]}" "${cpu[@]}" torch
"$builder" -c 'import sys, torch; sys.exit(torch.version.cuda is not None)' ||
    fail "this torch brings CUDA: install one without it into $out/venv, then run this again"
"${pip[@]}" --requirement packaging/requirements.txt
"${pip[@]}" ".[$(cd packaging && "$builder" -c 'import contents; print(",".join(contents.EXTRAS))')]"
# The extra protools, which asks for one version of grpcio alone, and for a tool of developers'.
"${pip[@]}" grpcio protobuf
"${pip[@]}" --no-deps py-ptsl==601.1.0
"${pip[@]}" --no-deps --force-reinstall .
version=$("$builder" -c 'from importlib.metadata import version; print(version("soundsift"))')

say "building $version"
(cd "$out" && "$builder" "$OLDPWD/packaging/icons.py" icons 16 24 32 48 64 128 256 512)
mkdir -p "$out/work/soundsift"
cp "$out/icons/512.png" "$out/work/soundsift/soundsift.png"
(cd "$out" && "$builder" -m PyInstaller --noconfirm --log-level WARN \
    --distpath "$out/dist" --workpath "$out/work" "$OLDPWD/packaging/soundsift.spec")
folder=$out/dist/soundsift
# torch's symbols are a fifth of its size, and Python's three quarters; other wheels come without
# any, or with patched headers that strip is known to break
[ "$(uname)" != Linux ] || strip --strip-unneeded "$folder"/_internal/torch/lib/lib{torch*,c10}.so \
    "$folder"/_internal/libpython*.so*

megabytes() { echo $(($(du -sk "$1" | cut -f1) * 1024 / 1000000)); }
say "$folder: $(megabytes "$folder") MB"
case $(uname) in
    Linux)
        packaging/linux/deb.sh "$folder" "$out/icons" "$version" "$out"
        tar -C "$out/dist" -czf "$out/soundsift-$version-linux-$(uname -m).tar.gz" soundsift
        ;;
    Darwin) packaging/macos/dmg.sh "$out/dist/Soundsift.app" "$version" "$out" ;;
    *) packaging/windows/msi.sh "$folder" "$version" "$out" ;;
esac
for made in "$out"/soundsift*; do
    say "$made: $(megabytes "$made") MB"
done
[ -n "${SKIP_CHECK:-}" ] || tools/check-bundle.sh "$out"
