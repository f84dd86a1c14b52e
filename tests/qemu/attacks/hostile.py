# SPDX-License-Identifier: Apache-2.0
"""One machine with a victim and partitions that attack it, told by the test's process what to do.

The machine's memory is a file that this process has open, too: what a device's write has left anywhere is
found by its marks, and what the hypervisor has given the IOMMU is read in its tables. Guests take orders, and
answer, in pages of their own that they share with this process (ivshmem).
"""
import mmap
import re
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from instruments import MAILBOX_BYTES, MARK_FRAME, RESULTS, Frames, Gun, Mailbox
from machine import BUILD, DEBUG_EXIT_PORT, Machine, root_port
from unit_tables import Tables

GUEST = BUILD / "guest" / "weapons.elf"
FIND = BUILD / "guest" / "find"
MIB, GIB = 1 << 20, 1 << 30
BOOT, ORDER, ROUND = 300, 480, 300  # seconds, many times what each takes

SIGNATURE_PLACE, SIGNATURE = 2 * MIB, 0x6E69614D6B6C7542
MARK = 0xBADBADBADBAD0031
TESTDEV_PATTERN = struct.pack("<I", 0x12345678) * 4
# What all marks have in common, whatever was added to them.
TRACES = (struct.pack("<Q", MARK)[2:], struct.pack("<Q", MARK_FRAME), TESTDEV_PATTERN)

MEMORY = 3 * GIB
LOW_MEMORY = 2 * GIB  # q35 puts the rest above 4 GiB
ATTACKER_MEMORY, VICTIM_MEMORY = 32 * MIB, 64 * MIB
DISK_BYTES = 64 * MIB
BLOCK = 512
# The attacker's disk, as nvme_attacks.c uses it.
READ_AT, READ_BYTES, MESSAGES_AT = 2048 * BLOCK, 65536 * BLOCK, 512 * BLOCK
VICTIMS_MARKS_AT = 32768 * BLOCK

PARTITION = """
[partition {name}]
cpus    = {cpu}
memory  = {memory}M
kernel  = weapons.elf
cmdline = {role}
{more}
"""


def shared_directory(size):
    """Where files that are memory belong, when there is room."""
    place = Path("/dev/shm")
    if place.is_dir() and shutil.disk_usage(place).free > 2 * size:
        return place
    return None


class Attacker:
    """What one hostile partition has. The numbers of its processor are its x2APIC ID, too."""

    def __init__(self, name, cpu, weapons, more=""):
        self.name, self.cpu, self.weapons, self.more = name, cpu, weapons, more


class Field:
    """A machine with attackers, each with its own mailbox, and a victim; use it in a `with`."""

    def __init__(self, iommu, directory, attackers, report, machine_name=None):
        self.iommu, self.directory, self.report = iommu, directory, report
        self.title = machine_name or iommu
        self.attackers = attackers
        self.victim_cpu = 1 + len(attackers)
        self.frames = self.gun_requester = None
        self.functions = {}  # requester ID -> partition
        self.mailboxes, self.disks = {}, {}
        self.slot, self.bus = 3, 0
        self.devices = []

    # ---- the machine ----

    def behind_port(self, *arguments):
        """A device behind a root port of its own; `{bus}` in the arguments is that port. Its address."""
        self.slot += 1
        if self.slot == 8:
            self.slot = 10  # 8 and 9: conventional devices on the root bus
        self.bus += 1
        self.devices += root_port(f"rp{self.bus}", self.slot)
        self.devices += [argument.replace("{bus}", f"rp{self.bus}") for argument in arguments]
        return f"0000:{self.bus:02x}:00.0"

    def on_root_bus(self, slot, device):
        self.devices += ["-device", f"{device},bus=pcie.0,addr={slot:#x}"]
        return f"0000:00:{slot:02x}.0"

    def mailbox(self, name):
        path = self.shared / f"mailbox-{name}"
        self.mailboxes[name] = Mailbox(path, name)
        return self.behind_port("-object", f"memory-backend-file,id=mail-{name},share=on,mem-path={path},size={MAILBOX_BYTES}",
                                "-device", f"ivshmem-plain,memdev=mail-{name},bus={{bus}}")

    def nvme(self, name, functions, slot=None):
        path = self.shared / f"disk-{name}"
        with open(path, "wb") as disk:
            disk.write(struct.pack("<Q", MARK) * (4 * 4096 // 8))
            disk.seek(MESSAGES_AT)
            disk.write(b"".join(struct.pack("<I", word) for word in message_words()))
            disk.truncate(DISK_BYTES)
            if name == "victim":
                disk.seek(VICTIMS_MARKS_AT)
                disk.write(struct.pack("<Q", MARK) * 512)
        self.disks[name] = path
        virtual = ",sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2" if functions else ""
        self.devices += ["-drive", f"if=none,id=disk-{name},file={path},format=raw,cache=unsafe", "-device", f"nvme-subsys,id=sub-{name}"]
        controller = f"nvme,id=nvme-{name},serial={name},subsys=sub-{name}{virtual}"
        if slot:
            address = self.on_root_bus(slot, controller)
        else:
            address = self.behind_port("-device", f"{controller},bus={{bus}}")
        self.devices += ["-device", f"nvme-ns,drive=disk-{name},bus=nvme-{name},nsid=1"]
        return address

    def weapon(self, attacker, kind):
        if kind == "edu":
            return self.on_root_bus(8, "edu,dma_mask=0xffffffffffffffff")
        if kind == "edu-behind-port":
            return self.behind_port("-device", "edu,dma_mask=0xffffffffffffffff,bus={bus}")
        if kind == "testdev":
            self.gun_requester = 2 << 3
            return self.on_root_bus(2, "iommu-testdev")
        if kind == "nvme":
            return self.nvme(attacker.name, functions=True)
        if kind == "nvme-on-root-bus":
            return self.nvme(attacker.name, functions=False, slot=9)
        if kind == "xhci":
            return self.behind_port("-device", "qemu-xhci,msi=on,msix=off,bus={bus}")
        assert kind == "e1000e"
        self.frames = Frames(self.shared)
        return self.behind_port(*self.frames.arguments("frames"), "-device", "e1000e,netdev=frames,bus={bus},romfile=")

    def partition(self, name, cpu, memory, role, devices, more=""):
        for device in devices:
            bus, slot = int(device[5:7], 16), int(device[8:10], 16)
            self.functions[bus << 8 | slot << 3] = name
        # Not everything that shoots can be reset.
        more += "\nno-reset = accept" + "".join(f"\ndevice = {device}" for device in devices)
        return PARTITION.format(name=name, cpu=cpu, memory=memory // MIB, role=role, more=more)

    def __enter__(self):
        place = shared_directory(MEMORY // 2)
        self.shared = Path(tempfile.mkdtemp(prefix="bh-attacks-", dir=place))
        memory = self.shared / "memory"
        conf = f"[hypervisor]\nwhen-idle = exit:{DEBUG_EXIT_PORT:#x}\n"
        for attacker in self.attackers:
            devices = [self.mailbox(attacker.name)] + [self.weapon(attacker, kind) for kind in attacker.weapons]
            conf += self.partition(attacker.name, attacker.cpu, ATTACKER_MEMORY, "attacker", devices, attacker.more)
        devices = [self.mailbox("victim"), self.nvme("victim", functions=False)]
        conf += self.partition("victim", self.victim_cpu, VICTIM_MEMORY, "victim", devices)
        extra = ["-object", f"memory-backend-file,id=memory,share=on,mem-path={memory},size={MEMORY}",
                 "-machine", "memory-backend=memory", "-qtest", f"unix:{self.shared}/qtest,server=on,wait=off", "-qtest-log", "/dev/null"]
        self.machine = Machine(iommu=self.iommu, devices=self.devices, conf=conf, files=[GUEST], cpus=self.victim_cpu + 1,
                               memory=str(MEMORY // MIB) + "M", directory=self.directory, extra=extra)
        self.machine.start()
        try:
            self.begin(memory)
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self, memory):
        for name in self.mailboxes:
            self.machine.wait_for(rf"^\[{name}\] guest: ready, life 1$", BOOT)
        self.machine.wait_for(r"^\[victim\] victim: disk works$", BOOT)
        with open(memory, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.cpus = {a.name: a.cpu for a in self.attackers} | {"victim": self.victim_cpu}
        self.bases = {name: self.base_of(name) for name in self.mailboxes}
        self.sizes = {name: VICTIM_MEMORY if name == "victim" else ATTACKER_MEMORY for name in self.mailboxes}
        self.tables = Tables(self)
        self.known_traces = set()
        self.known_traces = self.traces()
        if self.frames:
            self.frames.thread.start()

    def __exit__(self, *_):
        if self.frames and self.frames.thread.is_alive():
            self.frames.stop()
        self.machine.stop()
        shutil.rmtree(self.shared, ignore_errors=True)

    # ---- memory ----

    def base_of(self, name):
        """Where a partition's memory begins, by the words that its guest has put there."""
        sign = struct.pack("<QQ", SIGNATURE, self.cpus[name])
        base, = (at - SIGNATURE_PLACE for at in range(SIGNATURE_PLACE, MEMORY, 2 * MIB) if self.memory[at:at + 16] == sign)
        return self.physical(base)

    @staticmethod
    def physical(offset):
        return offset if offset < LOW_MEMORY else offset - LOW_MEMORY + 4 * GIB

    @staticmethod
    def offset(physical):
        """Where the file has it; None: it is no memory."""
        if physical < LOW_MEMORY:
            return physical
        return physical - 4 * GIB + LOW_MEMORY if 4 * GIB <= physical < 4 * GIB + MEMORY - LOW_MEMORY else None

    def of_attackers(self, physical):
        return any(self.bases[a.name] <= physical < self.bases[a.name] + self.sizes[a.name] for a in self.attackers)

    def traces(self):
        """Where marks lie outside of the attackers' own memory, without those that were there from the start."""
        run = subprocess.run([FIND, self.shared / "memory", *(trace.hex() for trace in TRACES)], stdout=subprocess.PIPE, check=True)
        found = {at for at in map(int, run.stdout.split()) if not self.of_attackers(self.physical(at))}
        return found - self.known_traces

    # ---- places ----

    def processor_places(self):
        """Pages that the hypervisor's own processor stands in: code, page tables, descriptors, stack."""
        text = self.machine.monitor("info registers -a").split("CPU#1")[0]
        places = [int(re.search(rf"{name}=([0-9a-f]+)", text)[1], 16) for name in ("RIP", "CR3", "RSP")]
        places += [int(re.search(rf"{name}= +([0-9a-f]+)", text)[1], 16) for name in ("GDT", "IDT")]
        return [place & ~0xFFF for place in places]

    def ecam(self):
        return int(re.search(r"([0-9a-f]+)-.*pcie-mmcfg", self.machine.monitor("info mtree"))[1], 16)

    def registers(self):
        """Requester ID -> configuration space of every function of the machine, as the devices have it."""
        base, found = self.ecam(), {}
        places = set(re.findall(r"Bus +(\d+), device +(\d+), function (\d+):", self.machine.monitor("info pci")))
        for bus, device, function in places:
            requester = int(bus) << 8 | int(device) << 3 | int(function)
            answer = self.machine.monitor(f"xp /1024wx {base + (requester << 12):#x}")
            found[requester] = [int(word, 16) for line in answer.splitlines() for word in line.partition(":")[2].split()]
        return found

    def bars(self, name):
        """Addresses of the memory registers of a partition's devices."""
        found = []
        for requester, words in self.registers().items():
            if self.functions.get(requester) != name:
                continue
            at = 4
            while at < 10:
                wide = words[at] & 6 == 4
                address = words[at] & ~0xF | (words[at + 1] << 32 if wide else 0)
                found += [address] if address and not words[at] & 1 else []
                at += 1 + wide
        return found

    def gun(self, targets):
        """The attackers' iommu-testdev in this process's hand."""
        registers = self.registers()[self.gun_requester][4] & ~0xF
        return Gun(f"{self.shared}/qtest", self.ecam() + (self.gun_requester << 12), registers, targets)

    # ---- attacks ----

    def order(self, name, verb, *arguments, title="", addresses=(), wait=True):
        mailbox = self.mailboxes[name]
        mailbox.post(verb, *arguments, name=title, addresses=addresses)
        deadline, looked = time.monotonic() + ORDER, time.monotonic()
        while wait and not mailbox.answered():
            time.sleep(0.005)
            if time.monotonic() < looked + 0.5:
                continue
            looked = time.monotonic()
            now = self.machine.text.rpartition(f"\n[{name}] guest: ready")[2]
            ended = re.search(rf"^bulkhead: partition {name}: (?:failed|stopped).*|^bulkhead: panic.*", now, re.M)
            if time.monotonic() > deadline or self.machine.process.poll() is not None or (ended and verb != "end"):
                raise AssertionError(f"{name} does not answer to {verb} {title}\n{self.machine.tail()}\n{self.machine.errors}")
        return mailbox.result()

    def wait_rounds(self, count=1):
        """Until the victim has looked at all of its memory that many times, each look begun after now."""
        mailbox = self.mailboxes["victim"]
        target, deadline = mailbox.shown()["rounds"] + count + 1, time.monotonic() + ROUND
        mailbox.await_rounds(1)
        while mailbox.shown()["rounds"] < target:
            assert time.monotonic() < deadline, f"the victim does not go on\n{self.machine.tail()}"
            time.sleep(0.01)
        mailbox.await_rounds(0)

    def leaked(self):
        """Bytes that were read from somewhere, on the attackers' disks."""
        count = 0
        for attacker in self.attackers:
            if attacker.name in self.disks:
                with open(self.disks[attacker.name], "rb") as disk:
                    disk.seek(READ_AT)
                    data = disk.read(READ_BYTES)
                count += len(data.translate(None, b"\0"))
        return count

    def harm(self):
        """What has gone wrong outside of the attackers, in words; nothing: an empty list."""
        self.wait_rounds()
        victim = self.mailboxes["victim"].shown()
        wrong = [f"victim: {what} {victim[what]}" for what in ("changed", "interrupts", "errors", "early") if victim[what]]
        wrong += [f"mark at {self.physical(at):#x}" for at in sorted(self.traces())[:8]]
        if leaked := self.leaked():
            wrong.append(f"{leaked} bytes were read")
        wrong += self.tables.wrong()
        wrong += re.findall(r"^bulkhead: (?:panic.*|partition victim: (?:failed|stopped|restarting).*)|^\[victim\] guest: .*exc.*",
                            self.machine.text, re.M)
        return wrong

    def attack(self, title, verb, *arguments, addresses=(), attacker="attacker"):
        """One group of attacks: carried out, judged, and put into the report."""
        result = self.order(attacker, verb, *arguments, title=title, addresses=addresses)
        wrong = self.harm()
        if result["landed"]:
            wrong.append(f"{result['landed']} landed")
        self.report.add(self.title, title, result["tried"], result["tried"] - result["landed"], 0, wrong)
        line = f"attack: {title} " + " ".join(f"{name} {result[name]}" for name in RESULTS)
        self.machine.wait_for(rf"^\[{attacker}\] {re.escape(line)}$", ROUND)
        assert result["tried"], f"{title}: nothing was tried"
        assert result["controls"] and not result["lost"], f"{title}: the weapon does not work: {result}"
        assert not wrong, f"{title}: {wrong}"
        return result


def message_words():
    """Four pages of what devices write into the interrupt range: every index, then vectors in all delivery modes."""
    words = list(range(2048))
    words += [delivery << 8 | vector for delivery in range(8) for vector in range(256)]
    return words[:4096]
