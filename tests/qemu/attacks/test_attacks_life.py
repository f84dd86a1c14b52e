# SPDX-License-Identifier: Apache-2.0
"""There is no window: devices that were told to fire go on while their partition fails, stops, restarts and starts.

The network device writes and interrupts whenever a frame comes from outside, some hundred times a second; edu writes a tenth of
a second after it was told to; the disk controller has its queue full of commands; and iommu-testdev is fired by this process, at
every moment, whatever its command register says. (amd-iommu names only devices on the root
bus rightly: those are there whose faults are looked at.)
"""
import re
import time

import pytest

from hostile import BOOT, MIB, ROUND, Attacker, Field
from instruments import END_JUMP_BEYOND, END_POWER_OFF, END_RESET, END_TRIPLE_FAULT, MARK_FRAME

# How a partition ends: by itself, or by a command at the console.
ENDINGS = {"triple-fault": END_TRIPLE_FAULT, "power-off": END_POWER_OFF, "reset": END_RESET, "jump-beyond": END_JUMP_BEYOND,
           "ordered-restart": "restart again\r", "ordered-stop": "stop again\r"}
SHOTS = 50
VOLLEYS = 10
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


def wait_until(condition, words):
    deadline = time.monotonic() + ROUND
    while not condition():
        assert time.monotonic() < deadline, words
        time.sleep(0.01)


def nobodys_time(field, gun, stays, after, seconds):
    """A time in which nobody has the devices, and what is wrong with the tables then. A partition that begins again by the file
    waits half a second longer each time, of which less than half is used here: what is printed is seen late on a busy machine. One that STAYS stopped is started by a command."""
    field.machine.wait_for(r"^bulkhead: partition again: (?:stopped|failed: .*)$", BOOT, after=after)
    begin = time.monotonic()
    if not stays:
        return begin, begin + seconds, []
    shots = len(gun.shots) + SHOTS
    wait_until(lambda: len(gun.shots) > shots, "the weapon goes on")
    end, wrong = time.monotonic(), field.tables.wrong()
    if set(field.tables.attached()) & {requester for requester, owner in field.functions.items() if owner == "again"}:
        wrong.append("devices of a stopped partition are attached")
    field.machine.send("start again\r")
    return begin, end, wrong


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_partition_ends_and_begins_again_under_fire(field, ending):
    """Aimed at the victim, and at the own memory of the next life, which must find nothing there."""
    name, victim = "again", field.bases["victim"]
    life, ordered = field.mailboxes[name].shown()["lives"], isinstance(ENDINGS[ending], str)
    own = ending in ("power-off", "jump-beyond", "ordered-restart")
    ended = len(re.findall(r"^bulkhead: partition again: failed", field.machine.text, re.M))
    result = field.order(name, "arm", OWN_PLACE if own else victim + 20 * MIB, title=f"armed-{ending}")
    assert result["controls"] and not result["lost"], result
    if own:
        wait_until(lambda: frames_at(field, name, OWN_PLACE), "armed devices fire")
    targets = [victim + 24 * MIB, *field.processor_places()[:2], field.tables.root]
    gun, sent = field.gun([*targets, OWN_PLACE]), field.frames.sent
    gun.start()
    try:
        wait_until(lambda: [shot for shot in gun.shots if shot[2] == OWN_PLACE and shot[3]], "the weapon works where it may")
        after = len(field.machine.text)
        if ordered:
            field.machine.send(ENDINGS[ending])
        else:
            field.order(name, "end", ENDINGS[ending])
        begin, end, wrong = nobodys_time(field, gun, ending == "ordered-stop", after, 0 if ordered else 0.2 * (life - 1))
        field.machine.wait_for(rf"^\[{name}\] guest: ready, life {life + 1}$", BOOT)
    finally:
        gun.stop()
    unowned = [shot for shot in gun.shots if begin < shot[0] and shot[1] < end]
    landed = [hex(shot[2]) for shot in gun.shots if shot[3] and shot[2] != OWN_PLACE]
    wrong += [f"{at} was written" for at in landed] + ["an unowned device reached memory"] * any(shot[3] for shot in unowned)
    wrong += field.harm()
    if early := field.mailboxes[name].shown()["early"]:
        wrong.append(f"{early} words or interrupts of the life before")
    failed = len(re.findall(r"^bulkhead: partition again: failed", field.machine.text, re.M)) - ended
    tried = result["tried"] + field.frames.sent - sent + len([shot for shot in gun.shots if shot[2] != OWN_PLACE]) + len(unowned)
    field.report.add(field.title, f"armed-{ending}", tried, tried - len(landed), failed, wrong)
    assert not wrong
    assert failed == (ending in ("triple-fault", "reset", "jump-beyond"))
    assert unowned or ending != "ordered-stop"


def shoot_until_stopped(field, title):
    """Writes at the victim until its device is said to have lost bus mastering. How many of them become records is the
    unit's affair: VT-d drops faults while its one record waits to be read."""
    victim, begin = field.bases["victim"], len(field.machine.text)
    for _ in range(VOLLEYS):
        field.order("again", "nvme-writes", victim, victim + 20 * MIB, MIB, title=title)
        if re.search(r"^bulkhead: fault: device \S+: more than \d+ faults", field.machine.text[begin:], re.M):
            return
    raise AssertionError(f"{VOLLEYS} volleys, and no fault stopped the device\n{field.machine.tail()}")


def test_faults_of_the_next_life_are_said_and_stopped_again(field):
    """What a device did before its partition's restart does not hide what it does now."""
    for life in range(2):
        shoot_until_stopped(field, f"life-{life}")
        if not life:
            lives = field.mailboxes["again"].shown()["lives"]
            field.order("again", "end", END_POWER_OFF)
            field.machine.wait_for(rf"^\[again\] guest: ready, life {lives + 1}$", BOOT)
    assert field.harm() == []


def test_a_fault_ends_the_partition_that_wants_it(field):
    """`on-fault = stop`: what was armed fires, the partition fails, the others go on."""
    field.order("stops", "arm", field.bases["victim"], title="on-fault", wait=False)
    field.machine.wait_for(r"^bulkhead: partition stops: failed: .*\bon-fault\b.*$", ROUND)
    wrong = field.harm()
    field.report.add(field.title, "on-fault-stop", 1, 1, 1, wrong)
    assert not wrong
    assert re.search(r"^bulkhead: fault: partition stops device \S+ dma-write", field.machine.text, re.M)
    assert not set(field.tables.attached()) & {r for r, owner in field.functions.items() if owner == "stops"}
    assert not re.search(r"^bulkhead: (?:panic|partition again: failed: .*on-fault|idle)", field.machine.text, re.M)
