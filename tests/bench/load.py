# SPDX-License-Identifier: Apache-2.0
"""How busy the host is with other work. Its load changes instruction counts too: a guest that waits finds
its answer ready, or has to go idle. A run is called quiet only when it was."""
import os
import resource
import time

QUIET_LOAD = 0.5  # 1-minute load average before the run, without our own last run: see settle()
QUIET_OTHERS = 0.10  # processors that others used during the run
TICKS = os.sysconf("SC_CLK_TCK")


def busy_ticks():
    """Ticks in which some processor of the host worked, or was taken from it."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return user + nice + system + irq + softirq + steal


def own_seconds():
    """Processor time of this program and of the children that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in
               (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


class Watch:
    """Measures what others use from here to finish()."""

    def __init__(self):
        self.load_before = os.getloadavg()[0]
        self.began, self.ticks, self.own = time.monotonic(), busy_ticks(), own_seconds()

    def finish(self):
        """Call it when the measured child was waited for."""
        took = time.monotonic() - self.began
        others = max(0.0, (busy_ticks() - self.ticks) / TICKS - (own_seconds() - self.own)) / took
        return {"seconds": round(took, 1), "load_before": round(self.load_before, 2),
                "load_after": round(os.getloadavg()[0], 2), "others": round(others, 3)}


def idle_check(seconds=2):
    """Processors that are in use while we do nothing."""
    watch = Watch()
    time.sleep(seconds)
    return watch.finish()["others"]


def is_quiet(before, during):
    return before <= QUIET_OTHERS and during["others"] <= QUIET_OTHERS
