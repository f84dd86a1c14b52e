# SPDX-License-Identifier: Apache-2.0
"""A person at the machine's console: commands of the hypervisor, and typing into a partition."""
import time

import screen
from machine import INITRD, ROOT, VMLINUZ

ATTACKER = ROOT / "build" / "guest" / "attacker.elf"
CONF = """
[partition linux]
cpus = 1
memory = 256M
kernel = vmlinuz
initrd = initrd.img
cmdline = "console=ttyS0 bulkhead.work=shell"

[partition victim]
cpus = 2-3
memory = 64M
kernel = attacker.elf
cmdline = victim
restart = always
"""
ESCAPE = "\x1d"


def expect_on_screen(machine, picture, begin):
    """What the serial port got from offset BEGIN on stands at the bottom of the screen, too, as soon as the monitor has drawn it."""
    deadline = time.monotonic() + 60
    while True:
        wanted = [line.rstrip() for line in machine.text[begin:].splitlines()]
        seen = screen.read(machine, picture)
        if "\n".join(wanted) in "\n".join(seen):
            return
        assert time.monotonic() < deadline, (wanted, seen)
        time.sleep(1)


def test_commands_and_typing(boot, tmp_path):
    """Partitions are listed, stopped, started and restarted one by one while the other one runs on; a shell is used through the
    escape; what is wrong is answered with words. The screen shows the same."""
    machine = boot(conf=CONF, files=[VMLINUZ, INITRD, ATTACKER], extra=["-device", "VGA"])
    here = 0

    def ask(line, answer):
        nonlocal here
        here = len(machine.text)
        machine.send(line)
        here = machine.wait_for(answer, 300, after=here).end()

    machine.wait_for(r"^\[linux\] .*work: init reached\n", 400)
    machine.wait_for(r"^\[victim\] victim: round \d+", 300)
    ask("hepl\x08\x08lp\r", r"bulkhead: console NAME: types into its serial port")
    machine.wait_for(r"bulkhead: faults the last ones", 300)
    ask("list\r", r"bulkhead: partition linux: running, start 1, 1 processors, 256 MiB, 0 functions\n")
    machine.wait_for(r"bulkhead: partition victim: running, start 1, 2 processors, 64 MiB, 0 functions\n", 300, after=here)
    memory = machine.wait_for(r"^bulkhead: memory: .*\n", 300, after=here)[0]
    ask("groups\r", r"bulkhead: group 0: 0000:00:00\.0\n")
    ask("log\r", r"^bulkhead: log: \[victim\] victim: round \d+.*\n(bulkhead: log: .*\n)*bulkhead: log: bulkhead: group 0: ")
    ask("faults\r", r"bulkhead: 0 faults so far\n")
    ask("stats victim\r", r"bulkhead: stats victim cpu 2: exits \d+ io \d+")
    ask("nonsense\r", r"bulkhead: `nonsense` is no command: try help\n")
    ask("garbage\x15stop nobody\r", r"bulkhead: stop NAME: `nobody` is no partition: try list\n")

    # The prompt of the shell has no newline behind it.
    ask("console linux\r", r"bulkhead: what is typed goes to partition linux until Ctrl-\]\n(.*\n)*?.*\[linux\] .*# ")
    ask("echo $((6*7))-$(uname -s)\r", r"^(\[linux\] )?42-Linux$")
    ask(ESCAPE, r"bulkhead: commands: try help\n")

    # The file would start it again: a person's order counts more.
    ask("stop victim\r", r"bulkhead: partition victim: stopped\n")
    ask("stop victim\r", r"bulkhead: partition victim is stopped already\n")
    ask("help\r", r"bulkhead: faults the last ones.*\n")
    expect_on_screen(machine, tmp_path / "screen.ppm", machine.text.rindex("bulkhead: > help"))
    ask("list\r", r"bulkhead: partition victim: stopped, start 1")
    ask("start victim\r", r"bulkhead: partition victim: started\n")
    machine.wait_for(r"^\[victim\] victim: round \d+ changed 0", 300, after=here)
    ask("start victim\r", r"bulkhead: partition victim is started already\n")
    ask("restart victim\r", r"bulkhead: partition victim: restarting\n")
    machine.wait_for(r"bulkhead: partition victim: started\n", 300, after=here)
    ask("list\r", r"bulkhead: partition victim: running, start 3")
    assert machine.wait_for(r"^bulkhead: memory: .*\n", 300, after=here)[0] == memory, "lives take no pages of tables"

    # All have ended, and one begins again.
    ask("console linux\r", r"until Ctrl-\]\n")
    ask("exit\r", r"bulkhead: partition linux: stopped\n")
    ask(ESCAPE + "stop victim\r", r"bulkhead: idle\n")
    ask("start linux\r", r"bulkhead: partition linux: started\n")
    machine.wait_for(r"^\[linux\] .*Linux version ", 300, after=here)
    assert not machine.lines(r"bulkhead: (panic|partition \S+: failed)")
