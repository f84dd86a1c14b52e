# SPDX-License-Identifier: Apache-2.0
# KVM and VFIO as one sets them up for latency: two virtual processors, each alone on a processor that
# runs nothing else, memory in 2 MiB pages, both devices passed through, their interrupts delivered where
# the virtual processor runs. HLT and the like stay in the guest (cpu-pm).
load_modules kvm
mount -t hugetlbfs huge /dev/hugepages
echo 512 > /proc/sys/vm/nr_hugepages
echo "host: $(< /proc/sys/vm/nr_hugepages) large pages, $(memory)"

devices=() port=0
for function in $(functions_of_guest); do
	[ -e "/sys/bus/pci/devices/$function/driver" ] && echo "$function" > "/sys/bus/pci/devices/$function/driver/unbind"
	echo vfio-pci > "/sys/bus/pci/devices/$function/driver_override"
	echo "$function" > /sys/bus/pci/drivers_probe
	port=$((port + 1))
	devices+=(-device "pcie-root-port,id=rp$port,slot=$port" -device "vfio-pci,host=$function,bus=rp$port,rombar=0")
done

pin() { # virtual processors' threads to processors 2 and 3, vectors of the devices to both
	local task name first= second= irq rest tries vectors
	for ((tries = 0; tries < 300; tries++)); do
		for task in "/proc/$1"/task/*; do
			read -r name < "$task/comm"
			case $name in "CPU 0/KVM") first=${task##*/} ;; "CPU 1/KVM") second=${task##*/} ;; esac
		done
		[ -n "$first" ] && [ -n "$second" ] && break
		nap 0.1
	done
	taskset -pc 2 "$first" > /dev/null
	taskset -pc 3 "$second" > /dev/null
	vectors=0
	for ((tries = 0; tries < 240; tries++)); do # as the guest's drivers allocate them
		local seen=0
		while read -r irq rest; do
			case $rest in
			*vfio-msix*"[1]"*) seen=$((seen + 1)); echo 2 > "/proc/irq/${irq%:}/smp_affinity_list" ;;
			*vfio-msix*"[2]"*) seen=$((seen + 1)); echo 3 > "/proc/irq/${irq%:}/smp_affinity_list" ;;
			*vfio-msi*) seen=$((seen + 1)); echo 2 > "/proc/irq/${irq%:}/smp_affinity_list" ;;
			esac
		done < /proc/interrupts
		[ $seen -gt 0 ] && [ $seen = $vectors ] && [ $((tries % 8)) = 7 ] && break
		vectors=$seen
		nap 0.5
	done
	echo "host: $vectors vectors on the guest's processors"
}

mkfifo /run/console
qemu-system-x86_64 -name guest,debug-threads=on -nodefaults -no-user-config -display none -serial stdio -no-reboot \
	-M q35,accel=kvm,kernel-irqchip=on,smm=off,hpet=off,vmport=off -cpu host,migratable=off -smp 2 -m 1G \
	-object memory-backend-file,id=ram,size=1G,mem-path=/dev/hugepages,prealloc=on -machine memory-backend=ram \
	-overcommit mem-lock=on,cpu-pm=on "${devices[@]}" -kernel /bench/vmlinuz -initrd /bench/initrd.img \
	-append "$kernel_words$guest_words" < /dev/null > /run/console 2>&1 &
emulator=$!
pin $emulator &
while read -r line; do
	echo "[guest] $line"
	case $line in *"bench: done"* | *"bench: failed"* | *"Kernel panic"*) break ;; esac
done < /run/console
grep -E 'VmRSS|HugetlbPages' /proc/$emulator/status | while read -r line; do echo "host: emulator $line"; done
echo "host: guest ran, $(memory)"
for file in exits halt_exits irq_exits irq_injections; do
	echo "host: kvm $file $(< /sys/kernel/debug/kvm/$file)"
done
kill $emulator
