#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make-image.sh OUT INITRD WORDS: OUT/host.img from OUT/tree, with the guest and the scripts as they are now.
set -euo pipefail
out=$1 initrd=$2 words=$3
here=$(cd "$(dirname "$0")" && pwd)
bench=$out/tree/bench
rm -rf "$bench"
rm -rf "$out/tree/var/run"
mkdir -p "$bench/modules" "$out/tree"/{proc,sys,dev,run,tmp,root}
ln -sfn /run "$out/tree/var/run"
install -m 755 "$here/init" "$out/tree/init"
for host in kvm xen; do
	{ echo "kernel_words=\"$words\""; cat "$here/$host.sh"; } > "$bench/$host.sh"
	cp -r "$out/modules-$host/modules" "$bench/modules/$host"
done
cp "$out/../kernel/vmlinuz" "$bench/vmlinuz"
cp "$initrd" "$bench/initrd.img"
rm -f "$out/host.img"
truncate -s 3G "$out/host.img"
/sbin/mke2fs -q -t ext4 -O ^has_journal -d "$out/tree" "$out/host.img"
