# SPDX-License-Identifier: Apache-2.0
"""Emulated processors with VT-x, or with SVM: Bochs boots OVMF, the shim (ACPI tables) and the image.

    with Bochs(conf="[partition a]...", files=[ATTACKER], directory=tmp_path) as machine:
        machine.wait_for(r"bulkhead: partition a: stopped", 60)

What the machine writes to its serial line is kept in `text`. Bochs is ended by its process id when the
block is left. Its own log says why a processor refused something: log() gives the lines that matter.
"""
import os
import pty
import re
import subprocess
import threading
import time
from pathlib import Path

import machine as machines

ROOT = machines.ROOT
BUILD = machines.BUILD
SHIM = BUILD / "guest" / "shim.efi"
ATTACKER = BUILD / "guest" / "attacker.elf"
IPS = 50_000_000  # instructions a simulated second

CONFIGURATION = """\
megs: {memory}
cpu: model={model}, count={cpus}, ips={ips}, quantum={quantum}, reset_on_triple_fault=0, ignore_bad_msrs={lenient}{options}
romimage: file={firmware}, address={address:#x}
vgaromimage: file={vga}
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={disk}, mode=flat
boot: disk
com1: enabled=1, mode=file, dev={serial}
clock: sync=none, time0=1767225600
display_library: term
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
mouse: enabled=0
log: {log}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
{more}
"""
# Said of the machine's own state, not of what it runs.
MATTERS = re.compile(r"PANIC|VMFAIL|VMENTER|VMEXIT: |no resolution|>>")


class Edition:
    """A Bochs that was unpacked, and what its version can do."""

    def __init__(self, name):
        self.root = BUILD / name
        self.there = (self.root / ".complete").exists() and find_firmware() is not None
        if not self.there:
            return
        self.program = self.root / "usr/bin/bochs-bin"
        # Debian 12 has the loader and the C library outside /usr.
        self.loader = next(path for path in (self.root / folder / "ld-linux-x86-64.so.2" for folder in ("usr/lib64", "lib64"))
                           if path.exists())
        self.plugins = self.root / "usr/lib/x86_64-linux-gnu/bochs/plugins"
        self.libraries = [self.root / folder for folder in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu",
                                                            "usr/lib/x86_64-linux-gnu/pulseaudio")]
        self.vga = next(path for path in (self.root / "usr/share" / name for name in (
            "vgabios/vgabios.bin", "bochs/VGABIOS-lgpl-latest")) if path.exists())
        # 3.0 and later: features can be taken from a model and given to it. 2.7 begins in its debugger.
        self.has_features = b"exclude_features" in self.program.read_bytes()
        # 3.1: it tells firmware of the machine, and knows the registers that firmware reads.
        self.has_tables = (self.plugins / "libbx_fw_cfg.so").exists()

    def missing(self):
        """Why its machines cannot run; None when they can."""
        if self.there:
            return None
        return (f"{self.root.relative_to(ROOT)} is not there: Bochs could not be fetched (make deps)" if find_firmware()
                else "no OVMF.fd of 2 or 4 MiB: install the package ovmf")


def find_firmware():
    return next((path for path in map(Path, machines.OVMF_WHOLE) if path.exists()), None)


class Bochs:
    """One machine. Times are in seconds. cpus: how many, or PACKAGES:CORES:THREADS. add, exclude: CPUID features that the
    model lacks and this machine shall have, and the other way. quantum: instructions of one processor between two of
    another. edition: which Bochs."""

    def __init__(self, directory, conf=None, files=(), cpus=4, memory=1024, model="corei7_haswell_4770", add=(), exclude=(),
                 quantum=16, edition=None):
        self.edition = edition or USUAL
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.serial_path, self.log_path = self.directory / "serial.log", self.directory / "bochs.log"
        self.text = ""
        firmware = find_firmware()
        disk, conf_path = self.directory / "esp.img", None
        if conf is not None:
            conf_path = self.directory / "bulkhead.conf"
            conf_path.write_text(conf)
        command = [BUILD.parent / "tools" / "build" / "make-esp.py", disk,
                   machines.IMAGE if self.edition.has_tables else SHIM, conf_path or "",
                   f"EFI/BOOT/BULKHEAD.EFI={machines.IMAGE}", *map(str, files)]
        subprocess.run(list(map(str, command)), check=True)
        # MONITOR of processors that firmware parks makes everything ten times slower.
        exclude = ["mwait", *exclude] if cpus != 1 and self.edition.has_features else list(exclude)
        options = [f"{kind}_features={','.join(names)}" for kind, names in (("add", add), ("exclude", exclude)) if names]
        if self.edition.has_tables:
            options.append("cpuid_freq=ips")
        self.configuration = self.directory / "bochsrc"
        self.configuration.write_text(CONFIGURATION.format(
            memory=memory, model=model, cpus=cpus, ips=IPS, quantum=quantum, firmware=firmware, disk=disk,
            serial=self.serial_path, address=(1 << 32) - firmware.stat().st_size, vga=self.edition.vga, log=self.log_path,
            lenient=int(not self.edition.has_tables), options="".join(f", {option}" for option in options),
            more="fw_cfg: enabled=1" if self.edition.has_tables else ""))
        self.debugger = self.directory / "debugger"
        self.debugger.write_text("c\n")

    def start(self):
        self.serial_path.write_text("")
        (self.directory / "esp.img.lock").unlink(missing_ok=True)  # of one that was killed
        environment = dict(os.environ, TERM="vt100", LTDL_LIBRARY_PATH=str(self.edition.plugins),
                           BXSHARE=str(self.edition.root / "usr/share/bochs"),
                           TERMINFO_DIRS="/usr/share/terminfo:/lib/terminfo:/etc/terminfo")
        # Its text display wants a terminal; nobody looks at it.
        self.terminal, side = pty.openpty()
        self.process = subprocess.Popen(
            [self.edition.loader, "--library-path", ":".join(map(str, self.edition.libraries)), self.edition.program,
             "-q", "-f", self.configuration, *([] if self.edition.has_features else ["-rc", self.debugger])],
            cwd=self.directory, env=environment, stdin=side, stdout=side, stderr=side)
        os.close(side)
        threading.Thread(target=self._drain, daemon=True).start()
        return self

    def _drain(self):
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass

    def _read(self):
        text = self.serial_path.read_text(errors="replace").replace("\r", "")
        self.text = machines.ESCAPE.sub("", text)

    def log(self):
        lines = self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        return "\n".join([line for line in lines if MATTERS.search(line)][-12:])

    def tail(self, lines=40):
        return "\n".join(self.text.splitlines()[-lines:]) + "\n" + self.log()

    def wait_for(self, pattern, timeout, after=0):
        """The first match of the regular expression (multi-line) in the serial output from offset `after`."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            running = self.process.poll() is None
            self._read()
            match = expression.search(self.text, after)
            if match:
                return match
            assert running, f"Bochs ended ({self.process.returncode}) before {pattern!r}\n{self.tail()}"
            assert time.monotonic() < deadline, f"no {pattern!r} within {timeout} s\n{self.tail()}"
            assert "exception with no resolution" not in self.log(), f"a processor shut down\n{self.tail()}"
            time.sleep(0.1)

    def wait_exit(self, timeout):
        """Until the machine switches itself off."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"Bochs still runs after {timeout} s\n{self.tail()}") from None
        self._read()

    def lines(self, pattern):
        return [line for line in self.text.splitlines() if re.search(pattern, line)]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._read()
        os.close(self.terminal)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


USUAL = Edition("bochs")
NEWER = Edition("bochs-3.1")
