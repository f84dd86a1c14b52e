# SPDX-License-Identifier: Apache-2.0
"""There is no window: devices that were told to fire go on while their partition fails, stops, restarts and starts.

The network device writes and interrupts whenever a frame comes from outside, a thousand times a second; edu writes a tenth of
a second after it was told to; the disk controller has its queue full of commands; and iommu-testdev is fired by this process, at
every moment, whatever its command register says. (amd-iommu names only devices on the root
bus rightly: those are there whose faults are looked at.)
"""
import re
import time

import pytest

from hostile import BOOT, MIB, ROUND, Attacker, Field
from instruments import END_JUMP_BEYOND, END_POWER_OFF, END_RESET, END_TRIPLE_FAULT, MARK_FRAME

ENDINGS = {"triple-fault": END_TRIPLE_FAULT, "power-off": END_POWER_OFF, "reset": END_RESET, "jump-beyond": END_JUMP_BEYOND}
OWN_PLACE = 8 * MIB  # where nothing of the guest's lies


@pytest.fixture(scope="module", params=["amd", "intel"])
def field(request, tmp_path_factory, report):
    attackers = [Attacker("again", 1, ["nvme-on-root-bus", "edu-behind-port", "e1000e", "testdev"], "restart = always"),
                 Attacker("stops", 2, ["edu"], "on-fault = stop")]
    with Field(request.param, tmp_path_factory.mktemp("life"), attackers, report, f"{request.param}-life") as one:
        yield one


def frames_at(field, name, guest_address):
    at = field.offset(field.bases[name] + guest_address)
    return field.memory[at:at + MIB].count(MARK_FRAME.to_bytes(8, "little"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_partition_ends_and_begins_again_under_fire(field, ending):
    """Aimed at the victim, and at the own memory of the next life, which must find nothing there."""
    name, victim = "again", field.bases["victim"]
    life = field.mailboxes[name].shown()["lives"]
    own = ending in ("power-off", "jump-beyond")
    ended = len(re.findall(r"^bulkhead: partition again: failed", field.machine.text, re.M))
    result = field.order(name, "arm", OWN_PLACE if own else victim + 20 * MIB, title=f"armed-{ending}")
    assert result["controls"] and not result["lost"], result
    if own:
        deadline = time.monotonic() + ROUND
        while not frames_at(field, name, OWN_PLACE):
            assert time.monotonic() < deadline, "armed devices fire"
            time.sleep(0.01)
    targets = [victim + 24 * MIB, *field.processor_places()[:2], field.tables.root]
    gun, sent, times = field.gun([*targets, OWN_PLACE]), field.frames.sent, {}
    gun.start()
    try:
        deadline = time.monotonic() + ROUND
        while not [shot for shot in gun.shots if shot[2] == OWN_PLACE and shot[3]]:
            assert time.monotonic() < deadline, "the weapon works where it may"
            time.sleep(0.01)
        after = len(field.machine.text)
        field.order(name, "end", ENDINGS[ending])
        for line in ("restarting", "loading"):
            field.machine.wait_for(rf"^bulkhead: partition {name}: {line}$", BOOT, after=after)
            times[line] = time.monotonic()
            wrong = field.tables.wrong() if line == "restarting" else wrong
        field.machine.wait_for(rf"^\[{name}\] guest: ready, life {life + 1}$", BOOT)
    finally:
        gun.stop()
    landed = [hex(shot[2]) for shot in gun.shots if shot[3] and shot[2] != OWN_PLACE]
    # Between these two lines nobody has the devices: they reach nothing at all. (Seen a little later than said.)
    unowned = [shot for shot in gun.shots if times["restarting"] < shot[0] and shot[1] < times["restarting"] + 0.3 * life]
    wrong += [f"{at} was written" for at in landed] + ["an unowned device reached memory"] * any(shot[3] for shot in unowned)
    wrong += field.harm()
    if early := field.mailboxes[name].shown()["early"]:
        wrong.append(f"{early} words or interrupts of the life before")
    failed = len(re.findall(r"^bulkhead: partition again: failed", field.machine.text, re.M)) - ended
    tried = result["tried"] + field.frames.sent - sent + len([shot for shot in gun.shots if shot[2] != OWN_PLACE]) + len(unowned)
    field.report.add(field.title, f"armed-{ending}", tried, tried - len(landed), failed, wrong)
    assert not wrong
    assert failed == (ending != "power-off")
    assert unowned and field.frames.sent > sent


def test_a_fault_ends_the_partition_that_wants_it(field):
    """`on-fault = stop`: what was armed fires, the partition fails, the others go on."""
    field.order("stops", "arm", field.bases["victim"], title="on-fault")
    field.machine.wait_for(r"^bulkhead: partition stops: failed: .*\bon-fault\b.*$", ROUND)
    wrong = field.harm()
    field.report.add(field.title, "on-fault-stop", 1, 1, 1, wrong)
    assert not wrong
    assert re.search(r"^bulkhead: fault: partition stops device \S+ dma-write", field.machine.text, re.M)
    assert not set(field.tables.attached()) & {r for r, owner in field.functions.items() if owner == "stops"}
    assert not re.search(r"^bulkhead: (?:panic|partition again: failed: .*on-fault|idle)", field.machine.text, re.M)
