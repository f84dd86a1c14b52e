#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make-host.sh OUT: the system on which KVM's and Xen's guests run, all of it from Debian's packages:
# OUT/host.img, its root file system; OUT/host-initrd.img, what mounts it; OUT/xen.efi.
# The kernel is the guests' own. When something cannot be had, the reason is in OUT/host.missing.
set -euo pipefail
out=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=$root/build
mkdir -p "$out"
out=$(cd "$out" && pwd)
[ ! -e "$out/host.complete" ] || exit 0
rm -f "$out/host.missing"
give_up() { echo "$*" > "$out/host.missing"; echo "bench: $*" >&2; exit 0; }
trap 'give_up "the hosts of KVM and Xen could not be made: $BASH_COMMAND"' ERR
[ -x /sbin/mke2fs ] || give_up "the package e2fsprogs is not installed"

xen=4.20
"$root/tools/build/get-debs.sh" "$out/tree" "trixie trixie-backports" base-files bash coreutils grep busybox-static \
	util-linux mount qemu-system-x86 qemu-system-xen seabios xen-utils-$xen xen-hypervisor-$xen-amd64 ||
	give_up "Debian's packages of QEMU and Xen could not be had"

case $(. /etc/os-release; echo "$VERSION_CODENAME") in
bookworm) suite=bookworm-backports ;;
*) suite=trixie ;;
esac
"$root/tools/build/get-debs.sh" --only '^linux-image-6\.12' "$out/kernel.debs" $suite linux-image-amd64 ||
	give_up "Debian's kernel package could not be had"
modules() { # folder, modules
	"$root/tools/build/unpack-kernel.py" "$out/kernel.debs" "$out/modules-$1" "${@:2}"
	cmp -s "$out/modules-$1/release" "$build/kernel/release" ||
		give_up "Debian's kernel is newer than the guests' kernel: remove build/kernel, then make deps"
}
modules disk virtio_blk crc32c_generic ext4 # whose checksum it wants under an alias
modules kvm kvm_amd vfio_pci vfio_iommu_type1
modules xen xen_evtchn xen_gntdev xen_gntalloc xen_privcmd xenfs xen_pciback

gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -o "$out/host-init" "$here/first.c"
"$root/tools/build/make-initrd.py" "$out/host-initrd.img" --init "$out/host-init" "$out/modules-disk/modules"
cp "$out/tree"/boot/xen-*.efi "$out/xen.efi"
rm -rf "$out/kernel.debs"
touch "$out/host.complete"
