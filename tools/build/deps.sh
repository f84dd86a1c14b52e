#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deps.sh BUILD: what building and testing need. Installs missing packages of this Debian release;
# QEMU and the guests' kernel, of newer suites, are unpacked under BUILD. Does nothing when all is there.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build"
exec 9> "$build/.deps.lock"
flock 9

packages=(gcc libc6-dev binutils make nasm gnu-efi clang clang-format clang-tidy llvm libpci-dev libcmocka-dev
	acpica-tools mtools dosfstools ovmf busybox-static cpio xz-utils zstd python3 python3-pytest python3-pytest-rerunfailures python3-pytest-xdist
	ca-certificates)

missing() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done
}

install() {
	local want as_root=
	mapfile -t want < <(missing "$@")
	[ ${#want[@]} -gt 0 ] || return 0
	echo "deps: installing ${want[*]}"
	[ "$(id -u)" = 0 ] || as_root=sudo
	$as_root apt-get -qq update
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${want[@]}" > /dev/null
}

command -v apt-get > /dev/null || { echo "deps: this is no Debian; needed: ${packages[*]}" >&2; exit 1; }
install "${packages[@]}"
# The sanitizers' and the fuzzer's runtime has clang's major version in its name.
clang_major=$(clang -dumpversion | cut -d. -f1)
install "libclang-rt-$clang_major-dev"

# QEMU: AMD-Vi with interrupt remapping that Linux accepts came with version 11.
if [ ! -e "$build/qemu/.complete" ]; then
	echo "deps: unpacking QEMU into $build/qemu"
	"$here/get-debs.sh" "$build/qemu" "trixie trixie-backports" qemu-system-x86 seabios ipxe-qemu
fi
cat > "$build/qemu/.wrapper" <<'WRAPPER'
#!/bin/sh
# QEMU with the loader and the libraries that were unpacked beside it.
here=$(dirname "$(readlink -f "$0")")
lib=$here/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR="$lib/qemu"
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib:$lib/pulseaudio" "$here/usr/bin/qemu-system-x86_64" \
	-L "$here/usr/share/qemu" -L "$here/usr/share/seabios" -L "$here/usr/lib/ipxe/qemu" "$@"
WRAPPER
if cmp -s "$build/qemu/.wrapper" "$build/qemu/qemu-system-x86_64"; then
	rm "$build/qemu/.wrapper"
else
	chmod +x "$build/qemu/.wrapper"
	mv "$build/qemu/.wrapper" "$build/qemu/qemu-system-x86_64"
fi

# The guests' kernel, Debian's stock 6.12: with the drivers of the demonstration, and with those of all kinds of devices.
# What was unpacked before a module was asked for is unpacked again.
kernel() { # DEST MODULE...
	local dest=$1 suite=trixie module complete=$1/.complete
	shift
	for module; do
		[ -e "$dest/modules/$module.ko" ] || complete=
	done
	[ ! -e "$complete" ] || return 0
	echo "deps: unpacking the guests' kernel into $dest"
	[ "$(. /etc/os-release; echo "$VERSION_CODENAME")" != bookworm ] || suite=bookworm-backports
	"$here/get-debs.sh" --only '^linux-image-6\.12' "$build/kernel.debs" $suite linux-image-amd64
	"$here/unpack-kernel.py" "$build/kernel.debs" "$dest" "$@"
}
kernel "$build/kernel" nvme e1000e
kernel "$build/kernel-devices" igb igbvf xhci_pci usb_storage ahci sd_mod virtio_blk virtio_net \
	snd_hda_codec_generic snd_hda_intel e1000 wdat_wdt
rm -rf "$build/kernel.debs"

# Kernels of other releases that the tests start.
"$here/get-kernels.sh" "$build" 6.1-cloud 7-cloud || echo "deps: a kernel could not be fetched: the test of several kernels will be skipped"

# Bochs emulates VT-x. What it tests can wait; a suite that has gone must not hold everything up. 3.0 is Debian 13's;
# Debian 12's 2.7 runs the same guests, slower; 3.1, of the coming release, is a second opinion.
bochs() { # DEST SUITE
	[ ! -e "$1/.complete" ] || return 0
	echo "deps: unpacking Bochs of $2 into $1"
	"$here/get-debs.sh" "$1" "$2" bochs bochs-term bochs-wx- vgabios || { rm -rf "$1.part"; return 1; }
}
bochs "$build/bochs" trixie || bochs "$build/bochs" bookworm ||
	echo "deps: Bochs could not be fetched: the tests of VT-x will be skipped"
bochs "$build/bochs-3.1" forky || echo "deps: no Bochs 3.1: a second opinion on VT-x will be skipped"
