# SPDX-License-Identifier: Apache-2.0
"""The end of the console's output survives a reset in memory and is shown at the next start; what lies there is not trusted."""
import re
import struct

from machine import ROOT

ATTACKER = ROOT / "build" / "guest" / "attacker.elf"
BOOT = 300  # seconds, many times what it takes
PLACE = 64 << 20  # LOG_FIRST of include/log.h
TEXT = 32 * 1024 - 16  # LOG_TEXT
BEFORE = r"^bulkhead: before: "
CONF = """
[partition falls]
cpus = 1
memory = 32M
kernel = attacker.elf
cmdline = triple-fault

[partition stands]
cpus = 2
memory = 64M
kernel = attacker.elf
cmdline = victim
"""


def ring(text, written=None, wrong=0):
    """As include/log.h has it; WRONG is added to its sum."""
    text = text.ljust(TEXT, b"\0")
    written = len(text.rstrip(b"\0")) if written is None else written
    total = written + sum((2 * i + 1) * byte for i, byte in enumerate(text)) + wrong
    return struct.pack("<QQ", written, total & (1 << 64) - 1) + text


def test_the_next_start_shows_how_the_one_before_ended(boot):
    """Partition's failure and guests' words, after the machine was reset under a running partition; once."""
    machine = boot(conf=CONF, files=[ATTACKER], reboot=True)
    machine.wait_for(r"^bulkhead: partition falls: failed: triple fault", BOOT)
    end = machine.wait_for(r"^\[stands\] victim: round 1 .*\n", BOOT).end()
    assert not re.search(BEFORE, machine.text, re.MULTILINE), "nothing was before the first start"
    machine.monitor("system_reset")
    begin = machine.wait_for(r"^bulkhead: version ", BOOT, after=end).start()
    machine.wait_for(r"^bulkhead: cpu 0: ", BOOT, after=begin)
    kept = [line for line in machine.text[begin:].splitlines() if line.startswith("bulkhead: before: ")]
    assert any(re.fullmatch(r"bulkhead: before: bulkhead: partition falls: failed: triple fault on cpu 1", line) for line in kept), kept
    assert any(re.fullmatch(r"bulkhead: before: \[stands\] victim: round 1 .*", line) for line in kept), kept
    assert not any("before: bulkhead: before:" in line for line in kept)
    # Once more, as soon as firmware has gone: what this start said is shown, not what it was told.
    end = machine.wait_for(r"^bulkhead: partition stands: started\n", BOOT, after=begin).end()
    machine.monitor("system_reset")
    begin = machine.wait_for(r"^bulkhead: version ", BOOT, after=end).start()
    machine.wait_for(r"^bulkhead: cpu 0: ", BOOT, after=begin)
    kept = [line for line in machine.text[begin:].splitlines() if line.startswith("bulkhead: before: ")]
    assert "bulkhead: before: bulkhead: partition stands: started" in kept
    assert not any("before: bulkhead: before:" in line for line in kept)


def test_what_is_wrong_is_ignored_what_is_hostile_made_harmless_and_what_was_seen_not_repeated(boot, tmp_path):
    """The guests' ring has a wrong sum; the other a right one, with characters that are none, and no end. Then that start returns
    to firmware: whoever read it on the console has it, and the next one shows nothing."""
    text = b"".join(b"%d \x1b[31m\x9b\r\x07end\n" % i for i in range(3000))[:TEXT]
    with open(tmp_path / "memory", "wb") as memory:
        memory.truncate(512 << 20)
        memory.seek(PLACE)
        memory.write(ring(text, written=(1 << 64) - 2) + ring(b"wrong\n" * 1000, wrong=1))
    machine = boot(conf="[partition", iommu="none", cpus=1, memory="512M", reboot=True, extra=[
        "-object", f"memory-backend-file,id=memory,size=512M,mem-path={tmp_path / 'memory'},share=on", "-machine", "memory-backend=memory"])
    begin = machine.wait_for(r"^bulkhead: version ", BOOT).start()
    end = machine.wait_for(r"^bulkhead: returning to firmware.*\n", BOOT).end()
    shown = machine.text[begin:machine.text.index("bulkhead: cpu 0:")]
    kept = re.findall(r"^bulkhead: before: (.*)$", shown, re.MULTILINE)
    assert 100 < len(kept) < 4096 and "0 [31mend" in " ".join(kept), kept[:20]
    assert "wrong" not in shown and not re.search(r"[^ -~\n]", shown) and len(shown) < 64 * 1024
    machine.monitor("system_reset")
    begin = machine.wait_for(r"^bulkhead: version ", BOOT, after=end).start()
    machine.wait_for(r"^bulkhead: returning to firmware", BOOT, after=begin)
    assert not re.search(BEFORE, machine.text[begin:], re.MULTILINE)
