# SPDX-License-Identifier: Apache-2.0
"""What many runs say together: from build/bench/runs/*.json to samples for each contender and workload."""
import json
import re
import statistics

# AMD64 APM volume 2, appendix C.
EXIT_NAMES = {0x60: "interrupt", 0x61: "NMI", 0x64: "interrupt window", 0x6E: "RDTSC", 0x70: "POPF", 0x72: "CPUID",
              0x77: "PAUSE", 0x78: "HLT", 0x7B: "port", 0x7C: "MSR", 0x7F: "triple fault", 0x81: "VMMCALL", 0x89: "WBINVD",
              0x8D: "XSETBV", 0x400: "nested page fault"}
MSR_NAMES = {0x6E0: "MSR: timer deadline", 0x80B: "MSR: end of interrupt", 0x830: "MSR: ICR", 0x838: "MSR: timer count"}
VMEXIT_MSR = 0x7C
COUNTED = re.compile(r"bench: (?P<name>\w+) (?:\d+ bytes )?(\d+) (?:timer |interprocessor )?interrupts")


def exit_name(code, detail):
    if code == VMEXIT_MSR:
        return MSR_NAMES.get(detail >> 1, f"MSR {detail >> 1:#x}")
    return EXIT_NAMES.get(code, f"control register {code & 15}" if code < 0x20 else f"exit {code:#x}")


def phase_sample(run, phase):
    """One measured phase, by operation; "own" is what ran on the partition's processors."""
    own = [phase["processors"][i] for i in run["partition"]]
    each = max(1, phase["operations"])
    reasons = {}
    for processor in own:
        for code, detail, count in processor["exits"]:
            name = exit_name(code, detail)
            reasons[name] = reasons.get(name, 0) + count / each
    total, guest = (sum(p[key] for p in own) for key in ("instructions", "guest"))
    virtual = any(p["entries"] for p in own) or guest
    interrupts = sum(p["guest_interrupts"] if virtual else p["host_interrupts"] for p in own)
    # What the guest's own kernel counted: the device's, the timer's or interprocessor interrupts.
    counted = next((int(m[2]) for line in run["said"] if (m := COUNTED.match(line)) and m["name"] == phase["name"]), 0)
    return {"operations": each, "own": total / each, "hypervisor": (total - guest) / each if virtual else 0,
            "machine": sum(p["instructions"] for p in phase["processors"]) / each, "exits": sum(reasons.values()),
            "interrupts": interrupts / each, "counted": counted / each, "seconds": phase["seconds"], "reasons": reasons}


def boot_sample(run):
    """From the beginning of the image to the guest's init, and the part of it that is the guest's kernel."""
    points = run["points"]
    init = next((p for p in points if p["name"] == "init"), None)
    kernels = [p for p in points if p["name"] == "kernel" and p["seconds"] <= init["seconds"]] if init else []
    if not kernels:
        return None
    image = next(p for p in points if p["name"] == "image")
    first = next((p for p in points if p["event"] == "first-entry" and p["processor"] in run["partition"]), None)

    def between(a, b, processors, key="instructions"):
        return sum(b["processors"][i][key] - a["processors"][i][key] for i in processors)

    everywhere = range(len(init["processors"]))
    total = between(kernels[-1], init, run["partition"])
    guest = between(kernels[-1], init, run["partition"], "guest")
    exits = between(kernels[-1], init, run["partition"], "exits")
    return {"own": total, "hypervisor": total - guest if first else 0, "exits": exits,
            "kernel_to_init_machine": between(kernels[-1], init, everywhere),
            "image_to_first": between(image, first, everywhere) if first else 0,
            "image_to_init": between(image, init, everywhere), "seconds": init["seconds"] - image["seconds"]}


def collect(folder):
    """{contender: {"samples": {workload: [..]}, "boots": [..], "hosts": [..], "said": [..], "failed": [..]}}"""
    results = {}
    for path in sorted(folder.glob("*.json")):
        run = json.loads(path.read_text())
        one = results.setdefault(run["contender"], {"samples": {}, "boots": [], "hosts": [], "said": [], "failed": []})
        if run["failed"]:
            one["failed"].append(run["failed"])
        if not run["phases"]:
            continue
        one["hosts"].append(run["host"])
        one["said"].append([line for line in run["said"] if re.match(r"host: |bulkhead: memory", line)])
        boot = boot_sample(run)
        if boot:
            one["boots"].append({**boot, "quiet": run["host"]["quiet"]})
        for phase in run["phases"]:
            one["samples"].setdefault(phase["name"], []).append({**phase_sample(run, phase), "quiet": run["host"]["quiet"]})
    return results


def chosen(samples):
    """Samples of quiet runs, where there are at least three; else all of them."""
    quiet = [s for s in samples if s["quiet"]]
    return quiet if len(quiet) >= 3 else samples


def spread(samples, key):
    """(median, least, most)"""
    values = [s[key] for s in chosen(samples)]
    return statistics.median(values), min(values), max(values)


def mean_reasons(samples):
    picked = chosen(samples)
    names = {name for s in picked for name in s["reasons"]}
    means = {name: statistics.mean(s["reasons"].get(name, 0) for s in picked) for name in names}
    return sorted(means.items(), key=lambda item: -item[1])
