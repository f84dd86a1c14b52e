#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# get-kernels.sh BUILD [NAME...]
# Stock kernels of Debian for guests, as BUILD/kernels/NAME/vmlinuz; without names, all. Does nothing for those that are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
[ $# -gt 0 ] || set -- 6.1 6.1-cloud 6.12-cloud 7 7-cloud
mkdir -p "$build/kernels"

status=0
for name; do
	case $name in
	6.12*) suite=bookworm-backports ;;
	6.1*) suite=bookworm ;;
	7*) suite=trixie-backports ;;
	*) echo "get-kernels.sh: no kernel $name" >&2; exit 2 ;;
	esac
	package=linux-image-amd64
	[ "$name" = "${name%-cloud}" ] || package=linux-image-cloud-amd64
	[ ! -e "$build/kernels/$name/.complete" ] || continue
	echo "deps: unpacking the kernel $name into $build/kernels/$name"
	# From 7 on the kernel itself is in a package that the named one's package names.
	"$here/get-debs.sh" --only '^linux-(image|binary)-[0-9]' "$build/kernels/$name.debs" "$suite" "$package" &&
		"$here/unpack-kernel.py" "$build/kernels/$name.debs" "$build/kernels/$name" || status=1
	rm -rf "$build/kernels/$name.debs" "$build/kernels/$name.debs.part"
done
exit $status
