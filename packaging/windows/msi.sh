#!/usr/bin/env bash
# Pack a built folder as an installer for Windows:  msi.sh FOLDER VERSION OUT
# Needs WiX 5 (dotnet tool install --global wix --version 5.0.2).  Written for Windows, where
# continuous integration runs it in Git's bash; it was never tried elsewhere.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 version=$2 out=$3
number=$(grep -oE '^[0-9]+\.[0-9]+\.[0-9]+' <<<"$version") # all that an installer may be called
wix build "$(cygpath -w "$here/soundsift.wxs")" -arch x64 -d "Version=$number" \
    -d "Folder=$(cygpath -w "$folder")" -o "$(cygpath -w "$out/soundsift-$version-windows-x64.msi")"
