#!/usr/bin/env bash
# Pack a built folder as a Debian package.
#   deb.sh FOLDER ICONS VERSION OUT
# It depends on the packages of all libraries of this system that the folder uses and does not
# bring, so what is built on an older Debian or Ubuntu can be installed on newer ones.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 icons=$2 version=$3 out=$4
architecture=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# Print the packages of the libraries outside of the folder that its files are linked with.
packages_used() {
    find "$folder" -type f \( -name '*.so' -o -name '*.so.*' -o -name soundsift \) -print0 |
        LD_LIBRARY_PATH="$folder/_internal:$folder/_internal/torch/lib" xargs -0 ldd 2>/dev/null |
        awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u | grep -v "^$folder" |
        while read -r library; do
            real=$(readlink -f "$library")
            dpkg -S "$real" 2>/dev/null || dpkg -S "${real#/usr}" 2>/dev/null || true
        done | cut -d: -f1 | sort -u
}

# glibc only ever grows: a system with an older one cannot start the program.
glibc=$(ldd --version | head -1 | grep -oE '[0-9]+\.[0-9]+$')
depends="libc6 (>= $glibc)"
for package in $( { packages_used; echo libportaudio2; } | sort -u); do
    [ "$package" = libc6 ] || depends="$depends, $package"
done

install -d "$tree/opt" "$tree/usr/bin" "$tree/usr/share/doc/soundsift" "$tree/DEBIAN"
cp -a "$folder" "$tree/opt/soundsift"
ln -s /opt/soundsift/soundsift "$tree/usr/bin/soundsift"
install -Dm644 "$here/soundsift.desktop" "$tree/usr/share/applications/soundsift.desktop"
install -Dm644 "$here/soundsift-mime.xml" "$tree/usr/share/mime/packages/soundsift.xml"
install -Dm644 "$here/soundsift.metainfo.xml" "$tree/usr/share/metainfo/soundsift.metainfo.xml"
for picture in "$icons"/*.png; do
    size=$(basename "$picture" .png)
    install -Dm644 "$picture" "$tree/usr/share/icons/hicolor/${size}x$size/apps/soundsift.png"
done
install -Dm644 "$here/../../assets/icons/soundsift.svg" \
    "$tree/usr/share/icons/hicolor/scalable/apps/soundsift.svg"
install -Dm644 "$here/../copyright" "$tree/usr/share/doc/soundsift/copyright"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: soundsift
Version: ${version/.dev/~dev}
Architecture: $architecture
Maintainer: The Soundsift developers
Section: sound
Priority: optional
Installed-Size: $(du -sk "$tree" | cut -f1)
Depends: $depends
Description: find sounds by what they sound like
 Describe a sound, or give one that is like it, and find it in your own library:
 offline, whatever the files are called.
CONTROL
dpkg-deb --root-owner-group -Zxz -z1 --build "$tree" "$out/soundsift_${version}_$architecture.deb" >/dev/null
