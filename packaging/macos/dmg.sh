#!/usr/bin/env bash
# Pack Soundsift.app as a disk image:  dmg.sh APP VERSION OUT
# Written for macOS, where continuous integration runs it; it was never tried elsewhere.  Nothing is
# signed with a developer's certificate: a user opens it the first time by Control-click, Open.
set -euo pipefail
app=$1 version=$2 out=$3
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
codesign --force --deep --sign - "$app"
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
hdiutil create -quiet -ov -format UDZO -volname Soundsift -srcfolder "$stage" \
    "$out/soundsift-$version-macos-$(uname -m).dmg"
