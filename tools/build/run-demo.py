#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run-demo.py [--iommu amd|intel] [--timeout SECONDS]

Boots the demonstration: two Linux partitions on an emulated machine, each with its own device. Shows
the machine's console, keeps it in build/demo/run.log, compares the sums that the partitions print
with the real ones. Status 0 only when both have done their work and the machine ended as the file says.
"""
import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "qemu"))
sys.dont_write_bytecode = True
from machine import (BUILD, DEBUG_EXIT_0, DISK_READ, IMAGE, INITRD, PAYLOAD_NAME, VMLINUZ,  # noqa: E402
                     Machine, PayloadServer, demo_conf, demo_devices, guest_failures, make_disk)


def main():
    parser = argparse.ArgumentParser(description="Boots the demonstration.")
    parser.add_argument("--iommu", choices=("amd", "intel"), default="amd")
    parser.add_argument("--timeout", type=float, default=900)
    options = parser.parse_args()

    directory = BUILD / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    disk, log = directory / "nvme.img", directory / "run.log"
    disk_sha256 = make_disk(disk)
    with PayloadServer() as server:
        print(f"run: first {DISK_READ} bytes of {disk.name}: sha256 {disk_sha256}")
        print(f"run: {PAYLOAD_NAME} of {server.size} bytes, http://10.0.2.2:{server.port}/ for the guest: sha256 {server.sha256}")
        machine = Machine(iommu=options.iommu, devices=demo_devices(disk), conf=demo_conf(server.port),
                          files=(VMLINUZ, INITRD), image=IMAGE, directory=directory, log=log, live=True)
        with machine:
            timed_out = False
            try:
                status = machine.wait_end(options.timeout)
            except AssertionError:
                timed_out = True
            except KeyboardInterrupt:
                sys.exit("\nrun: interrupted")
            took = time.monotonic() - machine.started
        wrong = guest_failures(machine.text, disk_sha256, disk, server)

    print(f"\nrun: console kept in {log}; {took:.1f} s in QEMU")
    if machine.errors:
        print(machine.errors)
    if timed_out:
        wrong.insert(0, f"the machine still ran after {options.timeout:.0f} s")
    elif status is None:
        wrong.insert(0, "the image returned to firmware")
    elif status != DEBUG_EXIT_0:
        wrong.insert(0, f"QEMU ended with status {status}, not by when-idle ({DEBUG_EXIT_0})")
    for line in wrong:
        print(f"run: FAILED: {line}")
    if not wrong:
        print("run: both partitions did their work: sums and pattern are right")
    return 1 if wrong else 0


sys.exit(main())
