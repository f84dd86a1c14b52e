# SPDX-License-Identifier: Apache-2.0
# Xen's domain 0, and the guest beside it: a domain with nested paging and both devices, its two
# processors pinned to processors that nobody else uses.
load_modules xen
export PATH=/usr/lib/xen-4.20/bin:$PATH
mkdir -p /run/xen /run/xenstored /var/log/xen /var/lib/xen /var/lib/xenstored
mount -t xenfs xen /proc/xen
xenstored --pid-file /run/xenstored.pid
nap 1
xen-init-dom0
xenconsoled --pid-file=/run/xenconsoled.pid
xl info | while read -r line; do
	case $line in total_mem* | free_mem* | xen_version* | virt_caps*) echo "host: xen $line" ;; esac
done

list=
for function in $(functions_of_guest); do
	xl pci-assignable-add "$function"
	list+="'$function',"
done
cat > /run/guest.cfg <<CFG
name = "guest"
type = "hvm"
memory = 1024
vcpus = 2
tsc_mode = "native"
cpus = ["2", "3"]
kernel = "/bench/vmlinuz"
ramdisk = "/bench/initrd.img"
cmdline = "$kernel_words$guest_words"
pci = [${list%,}]
serial = "file:/run/guest.log"
vga = "none"
hap = 1
on_poweroff = "preserve"
on_reboot = "preserve"
on_crash = "preserve"
CFG
: > /run/guest.log
xl create /run/guest.cfg || echo "bench: failed: Xen's tools did not create the domain" >> /run/guest.log
xl info | while read -r line; do
	case $line in free_mem*) echo "host: xen with guest $line" ;; esac
done
for ((i = 0; i < 600; i++)); do
	nap 2
	case $(< /run/guest.log) in *"bench: done"* | *"bench: failed"* | *"Kernel panic"*) break ;; esac
done
while read -r line; do echo "[guest] ${line%$'\r'}"; done < /run/guest.log
echo "host: guest ran, $(memory)"
tail -n 5 /var/log/xen/*guest*.log 2> /dev/null | while read -r line; do echo "host: log $line"; done
