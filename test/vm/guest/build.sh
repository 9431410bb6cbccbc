#!/bin/sh
# build.sh FOLDER MIRROR KEYRING
#
# Makes the guest in FOLDER: kernel, initrd, root.ext4, swap. Needs root, but no loop device.
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
export LC_ALL=C

release=trixie
here=$(cd "$(dirname "$0")" && pwd)
guest=$1
mirror=$2
keyring=$3
tree=$guest/tree

say() { echo "vm: $*" >&2; }

bootstrap() { # TREE PACKAGES OPTION...
  into=$1
  include=$2
  shift 2
  debootstrap --variant=minbase --keyring="$keyring" --include="$include" "$@" \
    "$release" "$into" "$mirror" >"$into.log" ||
    {
      tail -n 20 "$into.log" "$into/debootstrap/debootstrap.log" >&2
      exit 1
    }
}

without_documents() { # TREE
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/usr/share/doc/* "$1"/usr/share/locale/*
}

say "Debian $release"
bootstrap "$tree" "$(sed 's/#.*//' "$here/packages" | xargs | tr ' ' ,)"

say "a recent runc, and crictl"
"$here/recent-runc/build.sh" "$tree/usr/local/sbin/runc-recent"
"$here/crictl/build.sh" "$tree/usr/local/bin/crictl"

# A root file system with systemd, for containers. Without devices, which users may not make.
say "a small Debian"
small=$guest/small
images=$tree/usr/local/share/images
bootstrap "$small" systemd,systemd-sysv,dbus --cache-dir="$tree/var/cache/apt/archives"
without_documents "$small"
rm -rf "$small"/usr/share/man/* "$small"/usr/share/info/* "$small"/usr/lib/*/gconv/*
ln -s /dev/null "$small/etc/systemd/system/timers.target"
: >"$small/etc/machine-id"
mkdir "$images"
tar -C "$small" --exclude='./dev/*' --numeric-owner -cf "$images/debian.tar" .
rm -rf "$small"

say "kernel and initrd"
kernel=$(basename "$tree"/lib/modules/*)
cp "$tree/boot/vmlinuz-$kernel" "$guest/kernel"
rm -rf "$tree"/boot/* "$tree"/initrd.img* "$tree"/vmlinuz*
initrd=$guest/initrd.tree
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/proc" "$initrd/root" "$initrd/modules"
cp "$tree/bin/busybox" "$initrd/bin/"
for command in sh mount umount swapon grep insmod switch_root poweroff; do
  ln -s busybox "$initrd/bin/$command"
done
cp "$here/init" "$initrd/init"
for module in virtio_pci virtio_blk ext4 virtio_console; do
  chroot "$tree" modprobe --set-version "$kernel" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
  name=$(basename "$file" .xz)
  xz -dc "$tree/$file" >"$initrd/modules/$name"
  echo "$name" >>"$initrd/modules/order"
done
(cd "$initrd" && find . | bin/busybox cpio -o -H newc 2>/dev/null) >"$guest/initrd"

say "disks"
cp -r "$here/tree/." "$tree/"
mkdir "$tree/job"
chroot "$tree" useradd --create-home --uid 1000 --shell /bin/bash user
# Nothing is to happen by itself, neither while tests run nor before: the drivers of all devices and
# all profiles of AppArmor take longer to load than the rest to start.
units=$tree/etc/systemd/system
ln -s job.target "$units/default.target"
for unit in timers.target systemd-udev-trigger.service systemd-firstboot.service \
  systemd-pstore.service systemd-update-utmp.service netavark-dhcp-proxy.socket; do
  ln -sf /dev/null "$units/$unit"
done
rm "$units/sysinit.target.wants/apparmor.service"
touch "$tree/etc/.updated" "$tree/var/.updated"
without_documents "$tree"
: >"$tree/etc/machine-id"
truncate -s 8G "$guest/root.ext4"
truncate -s 512M "$guest/swap"
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 -d "$tree" "$guest/root.ext4"
mkswap "$guest/swap" >"$guest/mkswap.log" 2>&1
rm -rf "$tree" "$initrd"
