#!/usr/bin/env bash
# Builds what the lab's machines start from, once: a Debian system on a disk of its own, its kernel, and a small package repository
# with what bundles install. Called as `image.sh FOLDER SERVER PRESENT LEFT`: SERVER is the address that machines ask for names and
# packages; PRESENT are packages that the image has from the start, LEFT those that a bundle has to install, both with spaces between.
#
# Packages come from wherever apt on this machine gets them. A killed build leaves nothing that a next one would take for whole.
set -Eeuo pipefail

folder=$1 server=$2
read -ra present <<<"$3"
read -ra left <<<"$4"
mkdir -p "$folder"
work=$(mktemp -d "$folder/building.XXXXXX")
root=$work/root

unmount() { # children first
	local at
	for at in "$root/proc" "$root/sys" "$root/dev"; do
		if mountpoint -q "$at"; then umount -R "$at"; fi
	done
}
trap 'unmount; rm -rf "$work"' EXIT

# The same places that this machine installs from, whatever they are.
# shellcheck disable=SC2016 # apt fills these in
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
[ -n "$archive" ] || { echo "apt on this machine knows no archive of Debian 12: the lab builds its machines from one" >&2; exit 1; }
mkdir -p "$folder/packages"
debootstrap --variant=minbase --cache-dir="$folder/packages" bookworm "$root" "$archive" >"$work/debootstrap.log" 2>&1 ||
	{ tail -n 20 "$work/debootstrap.log" >&2; exit 1; }

mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root chroot "$root" "$@"; }
quietly() { "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; return 1; }; }

# shellcheck disable=SC2016
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | grep ' bookworm' | sort -u >"$root/etc/apt/sources.list"
apt-config dump | grep -iE '^Acquire::(http|https)::Proxy' >"$root/etc/apt/apt.conf.d/99lab" || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # nothing starts while the image is built
chmod 0755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/postgresql-common" "$root/etc/initramfs-tools/conf.d"
echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
cp -n "$folder/packages"/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true

quietly inside apt-get update
quietly inside apt-get install -y --no-install-recommends systemd systemd-sysv dbus udev iproute2 iputils-ping openssh-server sudo cloud-init \
	ca-certificates apparmor procps kmod netbase zstd initramfs-tools e2fsprogs locales tzdata linux-image-cloud-amd64
if [ ${#present[@]} -gt 0 ]; then quietly inside apt-get install -y --no-install-recommends "${present[@]}"; fi
cp -n "$root/var/cache/apt/archives"/*.deb "$folder/packages/" 2>/dev/null || true

# An authority that these machines trust and no other does: to be told of one at boot would cost them minutes.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=Lab' -keyout "$work/authority.key" -out "$work/authority.crt" 2>/dev/null
mkdir -p "$root/usr/local/share/ca-certificates"
cp "$work/authority.crt" "$root/usr/local/share/ca-certificates/lab.crt"
quietly inside update-ca-certificates

# What bundles will ask for, with all that it depends on, as an archive of its own.
inside apt-get clean
quietly inside apt-get install -y --no-install-recommends --download-only "${left[@]}"
mkdir -p "$work/repository"
mv "$root/var/cache/apt/archives"/*.deb "$work/repository/"
for deb in "$work/repository"/*.deb; do
	dpkg-deb --field "$deb"
	printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d ' ' -f 1)"
done >"$work/repository/Packages"

# A machine of its own: no identity, nothing that was only for building.
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/apt.conf.d/99lab" "$root/etc/machine-id" "$root/etc/ssh"/ssh_host_* \
	"$root/etc/postgresql-common/createcluster.conf" "$root/etc/hostname"
rm -rf "$root/var/lib/apt/lists"/* "$root/debootstrap"
: >"$root/etc/machine-id"
echo "deb [trusted=yes] http://$server/ ./" >"$root/etc/apt/sources.list" # what the lab serves
echo "nameserver $server" >"$root/etc/resolv.conf"
echo 'LABEL=lab / ext4 defaults,errors=remount-ro 0 1' >"$root/etc/fstab"
# Only the seed on the second disk, as a provider's or a colocated machine's installer would give one.
printf 'datasource_list: [NoCloud, None]\nlocale: false\n' >"$root/etc/cloud/cloud.cfg.d/90_lab.cfg"
# Checks run every five minutes instead of each: emulated, a round of them takes half a minute of the one processor.
mkdir -p "$root/etc/systemd/system/berth-check.timer.d"
printf '[Timer]\nOnCalendar=\nOnCalendar=*:0/5\n' >"$root/etc/systemd/system/berth-check.timer.d/lab.conf"
inside systemctl enable systemd-networkd.service >/dev/null 2>&1
unmount

kernel=$(find "$root/boot" -name 'vmlinuz-*' -printf '%f\n' | sort -V | tail -n 1)
cp "$root/boot/$kernel" "$work/kernel"
cp "$root/boot/initrd.img-${kernel#vmlinuz-}" "$work/initrd"
mke2fs -q -t ext4 -L lab -d "$root" "$work/disk.raw" 6G
qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
for part in kernel initrd repository authority.key authority.crt disk.qcow2; do
	rm -rf "${folder:?}/$part"
	mv "$work/$part" "$folder/$part" # the disk last: a folder that has it is whole
done
