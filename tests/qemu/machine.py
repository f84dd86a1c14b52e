# SPDX-License-Identifier: Apache-2.0
"""Emulated machines: what `make run` and the tests under QEMU are made of.

    with Machine(iommu="amd", devices=root_port("rp1", 4) + nvme("disk.img", "rp1"),
                 conf="[partition a]...", files=[VMLINUZ, INITRD]) as machine:
        machine.wait_for(r"bulkhead: partition a: started", 120)
        assert machine.wait_exit(600) == DEBUG_EXIT_0

The serial line is QEMU's standard input and output; without firmware's escape sequences it is kept
in full (`text`), written to a log, and shown live if wanted. QEMU is ended by its process id when the block is left.
"""
import codecs
import hashlib
import http.server
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
IMAGE = BUILD / "bulkhead.efi"
VMLINUZ = BUILD / "kernel" / "vmlinuz"
INITRD = BUILD / "guest" / "initrd.img"
DEMO_CONF = ROOT / "tests" / "qemu" / "demo.conf"
QEMU = BUILD / "qemu" / "qemu-system-x86_64"

IOMMUS = {
    "amd": ["-device", "amd-iommu,intremap=on,dma-remap=on,xtsup=on"],
    "intel": ["-device", "intel-iommu,intremap=on,eim=on,aw-bits=48"],
    # What must be refused: units that cannot remap interrupts, and no unit at all.
    "amd-no-intremap": ["-device", "amd-iommu,intremap=off,dma-remap=on"],
    "intel-no-translation": ["-device", "intel-iommu,intremap=on,eim=on,dma-translation=off"],
    "intel-no-intremap": ["-device", "intel-iommu,intremap=off,aw-bits=48"],
    "none": [],
}
DEBUG_EXIT_PORT = 0xF4
DEBUG_EXIT_0 = 1  # QEMU's status when 0 is written to the debug exit port

# Both kinds of OVMF that Debian's package has had: one file, or code and variables apart.
OVMF_WHOLE = ("/usr/share/ovmf/OVMF.fd", "/usr/share/qemu/OVMF.fd")
OVMF_CODE = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd")

# What firmware's screen driver sends along; and firmware's words when the image has returned to it.
ESCAPE = re.compile(r"\x1b(?:\[[0-9;=?]*[A-Za-z]|[()][A-Z0-9]|[=>78c])")
ESCAPE_BEGUN = re.compile(r"\x1b[\[()]?[0-9;=?]*$")
RETURNED = r'BdsDxe: (?:failed to (?:load|start) Boot|loading Boot\d+ "(?:UiApp|EFI Internal Shell))'

# What a kernel says that was held up by a busy host for the tenth of a second in which it measures its local APIC's timer:
# it goes on without one, and sleeps for good as soon as it waits (docs/emulators.md).
NO_TIMER = "APIC frequency too slow, disabling apic timer"

# QEMU prints the first for every processor, the second for every such message that a device attempts.
NOISE = re.compile(r"TCG doesn't support requested feature|SMI is not supported")


def root_port(name, slot, function=0, extra=""):
    """A PCI Express root port with ACS at 00:SLOT.FUNCTION."""
    address = f"{slot:#x}.{function:#x}" + (",multifunction=on" if function == 0 else "")
    return ["-device", f"pcie-root-port,id={name},bus=pcie.0,addr={address},chassis={slot * 8 + function},"
            f"slot={slot * 8 + function}{extra}"]


def nvme(image, bus, name="nvme0"):
    return ["-drive", f"if=none,id={name}-disk,file={image},format=raw,cache=writeback",
            "-device", f"nvme,id={name},serial={name},drive={name}-disk,bus={bus}"]


def e1000e(bus, name="net0"):
    return ["-netdev", f"user,id={name}-user", "-device", f"e1000e,id={name},netdev={name}-user,bus={bus},romfile="]


def demo_devices(disk):
    """The machine of the demonstration: each device alone behind a root port of its own."""
    return root_port("rp1", 4) + nvme(disk, "rp1") + root_port("rp2", 5) + e1000e("rp2")


def make_esp(out, conf, files=(), image=IMAGE):
    """Bootable disk; conf is a path; files are paths or "NAME=PATH"."""
    subprocess.run([ROOT / "tools" / "build" / "make-esp.py", out, image, conf, *map(str, files)], check=True)


class Machine:
    """One QEMU. With conf (text): OVMF boots the image from a volume with that file; with kernel:
    QEMU loads that kernel itself, for bare runs. A reset ends it, unless reboot is set. Times are in seconds."""

    def __init__(self, iommu="amd", devices=(), conf=None, files=(), image=IMAGE, kernel=None, initrd=None, append="",
                 cpus=4, memory="2G", cpu="EPYC-Milan,+svm,+npt,+x2apic", extra=(), directory=None, log=None, live=False,
                 reboot=False):
        self.own_directory = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="bulkhead-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = Path(log) if log else self.directory / "serial.log"
        self.live = live
        self.text = ""
        self.process = None
        self._changed = threading.Condition()
        self._monitor = None
        # A Unix socket's name is limited to 107 bytes: not in the directory, which may be deep.
        self._socket_directory = tempfile.mkdtemp(prefix="bh-")
        self._socket = os.path.join(self._socket_directory, "monitor")

        self.arguments = [
            str(QEMU), "-M", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", str(cpus),
            "-m", memory, "-nodefaults", "-no-user-config", "-vga", "none", "-display", "none", *([] if reboot else ["-no-reboot"]),
            "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial",
            "-monitor", f"unix:{self._socket},server=on,wait=off",
            "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=0x4", *IOMMUS[iommu], *self._firmware()]
        if kernel:
            self.arguments += ["-kernel", str(kernel), "-append", append]
            if initrd:
                self.arguments += ["-initrd", str(initrd)]
        if conf is not None:
            conf_path, esp = self.directory / "bulkhead.conf", self.directory / "esp.img"
            conf_path.write_text(conf)
            make_esp(esp, conf_path, files, image)
            self.arguments += ["-drive", f"if=none,id=esp,file={esp},format=raw",
                               "-device", "ide-hd,drive=esp,bus=ide.0,bootindex=0"]
        self.arguments += [*map(str, devices), *map(str, extra)]

    def _firmware(self):
        for path in OVMF_WHOLE:
            if os.path.exists(path):
                return ["-bios", path]
        for code in OVMF_CODE:
            if os.path.exists(code):
                variables = self.directory / "variables.fd"
                shutil.copyfile(code.replace("CODE", "VARS"), variables)
                return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
                        "-drive", f"if=pflash,format=raw,file={variables}"]
        raise FileNotFoundError("OVMF: install the package ovmf")

    def start(self):
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.errors_path = self.directory / "qemu.stderr"
        self.started = time.monotonic()
        with open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        with open(self.log_path, "w", encoding="utf-8") as log:
            while data := os.read(self.process.stdout.fileno(), 65536):
                piece = rest + decoder.decode(data).replace("\r", "")
                begun = ESCAPE_BEGUN.search(piece)
                piece, rest = (piece[:begun.start()], begun[0]) if begun else (piece, "")
                piece = ESCAPE.sub("", piece)
                log.write(piece)
                log.flush()
                if self.live:
                    sys.stdout.write(piece)
                    sys.stdout.flush()
                with self._changed:
                    self.text += piece
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def errors(self):
        """What QEMU itself said on its standard error, without noise."""
        lines = self.errors_path.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if not NOISE.search(line))

    def tail(self, lines=40):
        return "\n".join(self.text.splitlines()[-lines:])

    def wait_for(self, pattern, timeout, after=0):
        """The first match of the regular expression (multi-line) in the serial output from offset
        `after`. A machine that ended without it, or time that ran out, is an AssertionError."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                match = expression.search(self.text, after)
                if match:
                    return match
                left = deadline - time.monotonic()
                if not self._reader.is_alive():
                    raise AssertionError(f"QEMU ended ({self.process.wait()}) before {pattern!r}\n{self.errors}\n{self.tail()}")
                if left <= 0:
                    break
                self._changed.wait(min(left, 1))
        raise AssertionError(f"no {pattern!r} within {timeout} s\n{self.state()}")

    def state(self):
        """For whoever has waited in vain: what QEMU and the machine said last, and where its processors are."""
        try:
            processors = self.monitor("info registers -a", 20)
            processors += "".join(self.monitor(f"info lapic {n}", 20) for n in range(processors.count("CPU#")))
        except (AssertionError, OSError) as error:
            processors = f"QEMU's monitor does not answer: {error}"
        (self.directory / "processors.txt").write_text(processors)
        where = re.findall(r"^CPU#\d+$|RIP=.*$|^CR0=.*$|^dumping .*$|^\s*(?:ISR|IRR|Timer)\s.*$", processors, re.MULTILINE)
        held_up = [f"QEMU was held up: {NO_TIMER}"] if NO_TIMER in self.text else []
        return "\n".join([*held_up, self.errors, self.tail(), *where])

    def wait_exit(self, timeout):
        """QEMU's exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"QEMU still runs after {timeout} s\n{self.state()}") from None
        self._reader.join(10)
        return status

    def wait_end(self, timeout):
        """QEMU's exit status, or None as soon as the image has returned to firmware."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._reader.is_alive() and not re.search(RETURNED, self.text) and time.monotonic() < deadline:
                self._changed.wait(1)
        if re.search(RETURNED, self.text):
            return None
        if self._reader.is_alive():
            raise AssertionError(f"QEMU still runs after {timeout} s\n{self.state()}")
        return self.wait_exit(10)

    def lines(self, pattern):
        """All serial lines that match."""
        return [line for line in self.text.splitlines() if re.search(pattern, line)]

    def send(self, text):
        """Types on the serial line."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def monitor(self, command, timeout=120):
        """Answer of QEMU's monitor ("info pci", "device_add ...", "xp /8xw 0x1000")."""
        prompt = b"(qemu) "
        if self._monitor is None:
            self._monitor = socket.socket(socket.AF_UNIX)
            self._monitor.settimeout(timeout)
            self._monitor.connect(self._socket)
            self._monitor_answer(prompt)
        self._monitor.settimeout(timeout)
        self._monitor.sendall(command.encode() + b"\n")
        answer = self._monitor_answer(prompt).decode(errors="replace").replace("\r", "")
        return answer.partition("\n")[2]  # without the echo of the command

    def _monitor_answer(self, prompt):
        data = b""
        while not data.endswith(prompt):
            piece = self._monitor.recv(65536)
            if not piece:
                raise AssertionError("QEMU's monitor closed")
            data += piece
        return data[:-len(prompt)]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self._reader.join(10)
            self.process.stdin.close()
        if self._monitor:
            self._monitor.close()
        shutil.rmtree(self._socket_directory, ignore_errors=True)
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


# ---- what the guests work on -----------------------------------------------------------------------

MIB = 1 << 20
DISK_SIZE = 160 * MIB
DISK_READ = 64 * MIB  # as in guest/work.c
PATTERN_SIZE = 16 * MIB
PATTERN_FACTOR = 0x9E3779B97F4A7C15
PAYLOAD_SIZE = 24 * MIB
PAYLOAD_NAME = "payload.bin"


def known_bytes(seed, size):
    return random.Random(seed).randbytes(size)


def make_disk(path):
    """A data disk with known content; returns the SHA-256 of the part that `work nvme` reads."""
    content = known_bytes("disk", DISK_READ)
    with open(path, "wb") as disk:
        disk.write(content)
        disk.truncate(DISK_SIZE)
    return hashlib.sha256(content).hexdigest()


def disk_has_pattern(path):
    """Whether `work nvme` left its pattern at the beginning of the disk's second half."""
    start = DISK_SIZE // 2
    with open(path, "rb") as disk:
        disk.seek(start)
        found = disk.read(PATTERN_SIZE)
    words = (position * PATTERN_FACTOR & (1 << 64) - 1 for position in range(start, start + PATTERN_SIZE, 8))
    return found == struct.pack(f"<{PATTERN_SIZE // 8}Q", *words)


class PayloadServer:
    """An HTTP server on the loopback interface; guests reach it as 10.0.2.2 through QEMU's user network."""

    def __init__(self, size=PAYLOAD_SIZE):
        payload = known_bytes("payload", size)
        self.sha256, self.size = hashlib.sha256(payload).hexdigest(), size

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path != f"/{PAYLOAD_NAME}":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(size))
                self.end_headers()
                try:
                    self.wfile.write(payload)
                except ConnectionError:
                    pass  # a guest that only warms up, or that was killed

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def demo_conf(port):
    """The demonstration's file with the port at which the server listens now."""
    text, count = re.subn(r"bulkhead\.port=\d+", f"bulkhead.port={port}", DEMO_CONF.read_text())
    assert count == 1, "demo.conf names the server's port exactly once"
    return text


def guest_failures(text, disk_sha256, disk, server):
    """What is wrong with the work the two guests report in TEXT; an empty list is a success."""
    wrong = []

    def expect(pattern, meaning):
        if not re.search(pattern, text, re.MULTILINE):
            wrong.append(f"{meaning}: no line {pattern!r}")

    expect(rf"work: nvme read {DISK_READ} bytes sha256 {disk_sha256}$", "the disk was not read as it is")
    expect(r"work: nvme pattern ok$", "the pattern was not read back")
    expect(rf"work: net read {server.size} bytes sha256 {server.sha256}$", "the download is not the file")
    wrong += re.findall(r"^.*work: failed: .*$", text, re.MULTILINE)
    if not disk_has_pattern(disk):
        wrong.append("the pattern is not in the disk's image")
    return wrong
