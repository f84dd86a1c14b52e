# SPDX-License-Identifier: Apache-2.0
"""What the tests' process holds in its own hands: orders to guests, frames from outside, a device that it fires itself."""
import mmap
import socket
import struct
import threading
import time

MIB = 1 << 20
MAILBOX_BYTES = MIB
MARK_FRAME = 0xBADBADBADF7A3E00

# As attacks.h has them.
ORDERS = ("nothing", "testdev-sweep", "testdev-list", "testdev-messages", "edu-list", "nvme-writes", "nvme-reads", "nvme-list",
          "nvme-queues", "nvme-messages", "msi", "msi-hold", "msix", "config", "storm", "arm", "end", "hurt-memory",
          "hurt-interrupts", "forget", "mark")
END_POWER_OFF, END_TRIPLE_FAULT, END_RESET, END_JUMP_BEYOND = range(4)
RESULTS = ("tried", "refused", "landed", "controls", "lost")
SHOWN = ("lives", "early", "rounds", "changed", "transfers", "interrupts", "errors")
NAME_BYTES, LIST_AT = 24, 4096
HEAD = struct.Struct("<QQQ6Q")


class Mailbox:
    """Orders to one guest, its answers, and what it shows."""

    def __init__(self, path, name):
        self.name, self.number = name, 0
        with open(path, "wb") as file:
            file.truncate(MAILBOX_BYTES)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.shown_at = HEAD.size + NAME_BYTES + 8 * len(RESULTS)

    def await_rounds(self, awaited):
        """A victim that somebody waits for does not rest."""
        struct.pack_into("<Q", self.memory, self.shown_at + 8 * len(SHOWN), awaited)

    def words(self, at, count):
        return struct.unpack_from(f"<{count}Q", self.memory, at)

    def shown(self):
        return dict(zip(SHOWN, self.words(self.shown_at, len(SHOWN))))

    def post(self, verb, *arguments, name="", addresses=()):
        assert len(addresses) <= 4096
        struct.pack_into(f"<{len(addresses)}Q", self.memory, LIST_AT, *addresses)
        self.memory[HEAD.size:HEAD.size + NAME_BYTES] = name.encode()[:NAME_BYTES - 1].ljust(NAME_BYTES, b"\0")
        struct.pack_into("<Q6Q", self.memory, 16, ORDERS.index(verb), *arguments, *[0] * (6 - len(arguments)))
        self.number += 1
        self.memory[0:8] = struct.pack("<Q", self.number)  # at once, and last (pack_into() writes zeros first)

    def answered(self):
        return self.words(8, 1)[0] == self.number

    def result(self):
        return dict(zip(RESULTS, self.words(HEAD.size + NAME_BYTES, len(RESULTS))))


class Frames:
    """Sends Ethernet frames to one of the machine's network devices, without a pause."""

    def __init__(self, directory):
        self.inside, self.outside = str(directory / "in"), str(directory / "out")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.outside)
        # Not with a time-out: poll() takes a socket that has no peer of its own for writable, and the wait would be a busy one.
        self.socket.setblocking(False)
        self.sent, self.running = 0, True
        self.thread = threading.Thread(target=self.run, daemon=True)

    def arguments(self, name):
        return ["-netdev", f"dgram,id={name},local.type=unix,local.path={self.inside},remote.type=unix,remote.path={self.outside}"]

    def run(self):
        frame = b"\xff" * 12 + b"\x88\xb5" + b"\0\0" + struct.pack("<Q", MARK_FRAME) * 128
        while self.running:
            try:
                self.socket.sendto(frame, self.inside)
                self.sent += 1
            except OSError:
                pass  # not there yet, or its queue is full
            time.sleep(0.002)

    def stop(self):
        self.running = False
        self.thread.join(5)
        self.socket.close()


class Gun:
    """iommu-testdev, fired from outside: no processor of the machine, bus mastering or memory decoding is needed.

    It goes round its targets, from `start` to `stop`; `shots` has (begin, end, target, landed) of those
    that were carried out."""

    def __init__(self, path, config, registers, targets):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(path)
        self.answers = self.connection.makefile("r")
        self.config, self.registers, self.targets = config, registers, targets
        self.shots, self.enough = [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def ask(self, *commands):
        self.connection.sendall("".join(f"{command}\n" for command in commands).encode())
        return [self.answers.readline().split()[-1] for _ in commands]

    def fire(self, address):
        """None: the device was not there; else whether it was let through."""
        r, low, high = self.registers, address & 0xFFFFFFFF, address >> 32
        answers = self.ask(f"writew {self.config + 4:#x} 6", f"writel {r + 0x04:#x} {low:#x}", f"writel {r + 0x08:#x} {high:#x}",
                           f"writel {r + 0x1C:#x} {low:#x}", f"writel {r + 0x20:#x} {high:#x}", f"writel {r + 0x0C:#x} 16",
                           f"writel {r + 0x14:#x} 1", f"readl {r:#x}", f"readl {r + 0x10:#x}")
        result = int(answers[-1], 16)
        return None if result not in (0, 0xDEAD0002, 0xDEAD0003, 0xDEAD0004) else result != 0xDEAD0002

    def run(self):
        while not self.enough.is_set():
            for target in self.targets:
                began = time.monotonic()
                landed = self.fire(target)
                if landed is not None:
                    self.shots.append((began, time.monotonic(), target, landed))

    def start(self):
        self.thread.start()

    def stop(self):
        self.enough.set()
        self.thread.join()
        self.connection.close()
