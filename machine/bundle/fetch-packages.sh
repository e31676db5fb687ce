#!/bin/bash
# Fetches Debian packages, with all that they need, into a folder: for a machine without network. Run it on any Debian 12 (bookworm) on
# amd64 with network; what is installed there makes no difference. Needs no root.
#
#   bash fetch-packages.sh DIR [PACKAGE…]    the packages that are named here, and those
set -Eeuo pipefail
packages=()
if [ $# -lt 1 ] || [ $((${#packages[@]} + $#)) -lt 2 ]; then
	echo "usage: bash fetch-packages.sh DIR [PACKAGE…]" >&2
	exit 2
fi
if ! grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || [ "$(dpkg --print-architecture)" != amd64 ]; then
	echo "this has to run on Debian 12 (bookworm) on amd64: other packages would not fit the machine" >&2
	exit 1
fi
mkdir -p -- "$1"
to=$(cd -- "$1" && pwd)
shift
packages+=("$@")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir -p "$work/archives/partial" "$work/lists/partial"
: >"$work/status" # as if nothing were installed: all that is needed comes along
options=(-qq -y -o "Dir::State::status=$work/status" -o "Dir::State::lists=$work/lists" -o "Dir::Cache::archives=$work/archives"
	-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o Debug::NoLocking=1 -o APT::Sandbox::User= -o APT::Install-Recommends=0 -o Acquire::Retries=3)
apt-get "${options[@]}" update
apt-get "${options[@]}" --download-only install "${packages[@]}"
for deb in "$work"/archives/*.deb; do
	# apt writes the colon of an epoch as %3a; the name is nobody's business but ours.
	mv -f -- "$deb" "$to/$(basename -- "${deb//%3a/_}")"
done
printf '%s\n' "${packages[@]}" | LC_ALL=C sort -u >"$to/packages"
(cd -- "$to" && sha256sum -- *.deb >SHA256SUMS)
echo "$(find "$to" -name '*.deb' | wc -l) packages, $(du -sh "$to" | cut -f1), in $to" >&2
