# SPDX-License-Identifier: Apache-2.0
"""Who is measured, and on what: the same emulated AMD machine, kernel, initramfs and program for everybody.

A partition is two processors and 1 GiB. The bare machine has exactly that; a machine for a hypervisor
has four processors and 4 GiB, as the others need room for themselves.
"""
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "qemu"))
from machine import BUILD, IMAGE, VMLINUZ, e1000e, root_port  # noqa: E402

HERE = Path(__file__).resolve().parent
BENCH = BUILD / "bench"
INITRD = BENCH / "initrd.img"
HOST_INITRD = BENCH / "host-initrd.img"
PARTITION_MEMORY = "1G"
MACHINE_CPUS, MACHINE_MEMORY = 4, "4G"

# Linux finds the emulated timer's line broken on a busy host; the counter is stable, but says so nowhere.
KERNEL_WORDS = "console=ttyS0 quiet nokaslr no_timer_check cryptomgr.notests clocksource=tsc tsc=reliable panic=-1"


def devices():
    """An NVMe drive that holds zeros, and a network card, each alone behind a root port."""
    return [*root_port("rp1", 4), "-blockdev", "driver=null-co,node-name=zeros,read-zeroes=on,size=1073741824",
            "-device", "nvme,serial=1,drive=zeros,bus=rp1", *root_port("rp2", 5), *e1000e("rp2")]


class Linux:
    """Bare Linux on a machine as large as the partition. DMA is not translated: no guest of the others sees an IOMMU."""
    name, title, image = "linux", "bare Linux, iommu=pt", VMLINUZ
    partition = (0, 1)
    words = "iommu=pt"
    limit = 1500

    def missing(self):
        """Why it cannot run here; None: it can."""
        return None

    def arguments(self, guest_words):
        return dict(kernel=VMLINUZ, initrd=INITRD, append=f"{KERNEL_WORDS} {self.words} {guest_words}", cpus=2,
                    memory=PARTITION_MEMORY, devices=devices())


class LinuxTranslated(Linux):
    """Bare Linux that lets the IOMMU translate, as it does when it finds itself virtualised."""
    name, title, words = "linux-translated", "bare Linux, IOMMU translating", ""


class Bulkhead:
    name, title, image = "bulkhead", "Bulkhead", IMAGE
    partition = (1, 2)
    limit = 1500

    def missing(self):
        return None

    def arguments(self, guest_words):
        conf = f"""[hypervisor]
console = com1
when-idle = exit:0xf4
[partition guest]
cpus = 1-2
memory = {PARTITION_MEMORY}
kernel = vmlinuz
initrd = initrd.img
cmdline = "{KERNEL_WORDS} {guest_words}"
device = 1b36:0010
device = 8086:10d3
"""
        return dict(conf=conf, files=(VMLINUZ, INITRD), cpus=MACHINE_CPUS, memory=MACHINE_MEMORY, devices=devices())


class OnHost:
    """A hypervisor that comes with a Linux of its own, made of Debian's packages (tests/bench/host)."""
    partition = (2, 3)
    limit = 1500

    def missing(self):
        reason = BENCH / "host.missing"
        if reason.exists():
            return reason.read_text().strip()
        subprocess.run([HERE / "host" / "make-image.sh", BENCH, INITRD, KERNEL_WORDS], check=True)
        return None

    def disk(self):
        return ["-drive", f"if=none,id=host,file={BENCH / 'host.img'},format=raw,snapshot=on,cache=unsafe",
                "-device", "virtio-blk-pci,drive=host,disable-legacy=on,iommu_platform=on"]


class Kvm(OnHost):
    name, title, image = "kvm", "KVM with VFIO", VMLINUZ
    # Two processors are kept free for the guest.
    words = ("amd_iommu=on iommu=pt isolcpus=managed_irq,domain,2,3 nohz_full=2,3 rcu_nocbs=2,3 irqaffinity=0,1 "
             "bench.host=kvm")

    def arguments(self, guest_words):
        return dict(kernel=VMLINUZ, initrd=HOST_INITRD, append=f"{KERNEL_WORDS} {self.words} {guest_words}",
                    cpus=MACHINE_CPUS, memory=MACHINE_MEMORY, devices=[*devices(), *self.disk()])


class Xen(OnHost):
    name, title, image = "xen", "Xen, HVM domain", BENCH / "xen.efi"
    options = "console=com1 com1=115200,8n1 noreboot=1 dom0_mem=1G,max:1G dom0_max_vcpus=2 dom0_vcpus_pin"

    def arguments(self, guest_words):
        words = KERNEL_WORDS.replace("ttyS0", "hvc0")
        settings = BENCH / "xen.cfg"
        settings.write_text(f"[global]\ndefault=bench\n[bench]\noptions={self.options}\nkernel=vmlinuz {words} "
                            f"bench.host=xen {guest_words}\nramdisk=initrd.img\n")
        where = "EFI/BOOT/"
        return dict(conf="", image=self.image, cpus=MACHINE_CPUS, memory=MACHINE_MEMORY,
                    files=(f"{where}BOOTX64.cfg={settings}", f"{where}vmlinuz={VMLINUZ}", f"{where}initrd.img={HOST_INITRD}"),
                    devices=[*devices(), *self.disk()])


class Jailhouse:
    name, title = "jailhouse", "Jailhouse"

    def missing(self):
        return ("Debian has no package of it; it is built for one kernel, whose driver wants symbols that Debian's "
                "kernel does not export, and a Linux beside the first needs CONFIG_JAILHOUSE_GUEST, which is off there")


CONTENDERS = {one.name: one for one in (Linux, LinuxTranslated, Bulkhead, Kvm, Xen, Jailhouse)}
