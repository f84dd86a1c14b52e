#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py [--keep]

Writes the tables of docs/benchmarks.md (between `<!-- NAME -->` and `<!-- end -->`) and its pictures. With
--keep the results are first taken from build/bench into docs/benchmarks/results.json; without, they are
made from that file again."""
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import picture  # noqa: E402
from contenders import BENCH, CONTENDERS  # noqa: E402
from machine import IMAGE, ROOT  # noqa: E402
from results import chosen, collect, mean_reasons, spread  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks.md"
KEPT = ROOT / "docs" / "benchmarks"
BASE, OURS = "linux", "bulkhead"
IPI = "MSR: ICR"

# name: (words, unit of one operation, target for instructions as a ratio to bare Linux, for exits)
WORK = {
    "hash": ("hash of 64 MiB", "MiB", 1.001, None),
    "walk": ("walk over 256 MiB", "step", 1.001, None),
    "faults": ("page-fault storm", "fault", None, None),
    "sleep": ("sleep of 200 µs", "sleep", 1.02, None),
    "tick": ("timer ticks, busy", "tick", None, 0),
    "wake": ("wake-ups between two processors", "round", None, None),
    "read1": ("4 KiB NVMe reads, depth 1", "read", 1.02, 0.05),
    "read32": ("4 KiB NVMe reads, depth 32", "read", 1.02, 0.05),
    "stream": ("sequential read, 128 KiB each", "read", 1.02, 0.05),
    "download": ("download of 16 MiB", "MiB", 1.02, None),
}
TIMED = ("tick",)  # lasts a time, not a number of instructions: no ratio


def number(value):
    if value == 0:
        return "0"
    if value >= 1e6:
        return f"{value / 1e6:.4g} M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def span(samples, key):
    median, least, most = spread(samples, key)
    return f"{number(median)} [{number(least)}..{number(most)}]" if len(chosen(samples)) > 1 else number(median)


class Report:
    def __init__(self, kept):
        self.runs, self.growth, self.size = kept["runs"], kept["growth"], kept["size"]
        self.present = [name for name in CONTENDERS if name in self.runs and self.runs[name]["samples"]]

    def samples(self, contender, work):
        return self.runs.get(contender, {}).get("samples", {}).get(work, [])

    def ratio(self, contender, work, key="own"):
        mine, base = self.samples(contender, work), self.samples(BASE, work)
        return spread(mine, key)[0] / spread(base, key)[0] if mine and base else None

    def title(self, name):
        return CONTENDERS[name].title

    # ---- tables ----

    def load(self):
        rows = []
        for name in self.present:
            hosts = self.runs[name]["hosts"]
            others = sorted(h["others"] for h in hosts)
            loads = [h["load_before"] for h in hosts] + [h["load_after"] for h in hosts]
            rows.append([self.title(name), len(hosts), sum(h["quiet"] for h in hosts),
                         f"{others[0]:.2f}..{others[-1]:.2f} of {hosts[0]['processors']}",
                         f"{min(loads):.1f}..{max(loads):.1f}"])
        return table(["", "boots", "of them quiet", "processors that others used", "load average"], rows)

    def failures(self):
        rows = [[CONTENDERS[name].title, reason] for name, one in self.runs.items() for reason in sorted(set(one["failed"]))]
        return table(["", "why it did not run, or did not end"], rows) if rows else "Everything ran."

    def instructions(self):
        rows = []
        for work, (words, unit, _, _) in WORK.items():
            row = [f"{words}, per {unit}"]
            for name in self.present:
                samples, ratio = self.samples(name, work), self.ratio(name, work)
                row.append((span(samples, "own") + (f" ×{ratio:.3f}" if name != BASE and ratio and work not in TIMED else ""))
                           if samples else "-")
            rows.append(row)
        return table(["instructions on the partition's processors", *map(self.title, self.present)], rows)

    def machine(self):
        rows = [[f"{words}, per {unit}", *(span(self.samples(name, work), "machine") if self.samples(name, work) else "-"
                                           for name in self.present)] for work, (words, unit, _, _) in WORK.items()]
        return table(["instructions of the whole machine", *map(self.title, self.present)], rows)

    def share(self):
        rows = []
        virtual = [name for name in self.present if not name.startswith("linux")]
        for work, (words, unit, _, _) in WORK.items():
            row = [f"{words}, per {unit}"]
            for name in virtual:
                samples = self.samples(name, work)
                if samples:
                    part = spread(samples, "hypervisor")[0]
                    row.append(f"{number(part)} ({100 * part / spread(samples, 'own')[0]:.3g} %)")
                else:
                    row.append("-")
            rows.append(row)
        return table(["instructions of the hypervisor, and share of all", *map(self.title, virtual)], rows)

    def exits(self):
        rows = []
        virtual = [name for name in self.present if not name.startswith("linux")]
        for work, (words, unit, _, _) in WORK.items():
            rows.append([f"{words}, per {unit}",
                         *(span(self.samples(name, work), "exits") if self.samples(name, work) else "-" for name in virtual)])
        return table(["exits", *map(self.title, virtual)], rows)

    def events(self):
        """Exits for each interrupt that the guest's kernel counted."""
        rows = []
        virtual = [name for name in self.present if not name.startswith("linux")]
        for work, words in (("read1", "interrupt of the NVMe drive"), ("download", "interrupt of the network card"),
                            ("tick", "timer interrupt"), ("wake", "interprocessor interrupt")):
            row = [words]
            for name in virtual:
                each = [{"value": s["exits"] / s["counted"]} for s in chosen(self.samples(name, work)) if s["counted"]]
                row.append(number(sorted(e["value"] for e in each)[len(each) // 2]) if each else "-")
            rows.append(row)
        return table(["exits per", *map(self.title, virtual)], rows)

    def reasons(self):
        rows = []
        for name in self.present:
            for work in WORK:
                found = [f"{reason} {count:.3g}" for reason, count in mean_reasons(self.samples(name, work))
                         if count >= 0.0005] if self.samples(name, work) else []
                if found:
                    rows.append([self.title(name), WORK[work][0], ", ".join(found[:6])])
        return table(["", "workload", "exits by reason, per operation"], rows)

    def boot(self):
        rows = []
        base = self.runs.get(BASE, {}).get("boots")
        for name in self.present:
            boots = self.runs[name]["boots"]
            if boots:
                ratio = f" ×{spread(boots, 'own')[0] / spread(base, 'own')[0]:.3f}" if base else ""
                rows.append([self.title(name), span(boots, "own") + ratio, span(boots, "hypervisor"),
                             span(boots, "exits"), span(boots, "image_to_first"), span(boots, "image_to_init")])
        return table(["", "kernel's entry to init, partition's processors", "hypervisor's part", "exits",
                      "image to first guest instruction, whole machine", "image to init, whole machine"], rows)

    def growing(self):
        rows = []
        for name in ("partitions", "memory", "processors", "functions", "two-of-a-gib"):
            for one in self.growth.get(name, ()):
                rows.append([one["partitions"], one["memory_mib"], one["processors"], one["functions_found"],
                             number(one["image_to_left"]["all"]), number(one["left_to_first"]["most"]),
                             number(one["left_to_last"]["most"]), f"{one['used_kib']:,}"])
        return table(["partitions", "MiB each", "processors", "functions", "image to leaving firmware",
                      "leaving to the first partition's first instruction", "to the last partition's", "KiB in use"], rows)

    def tables(self):
        rows = [[f"{t['gib']} GiB", f"{t['page_kib']:,} KiB", f"{t['microseconds']:,.1f}", f"{t['kib']:,}"]
                for t in self.growth.get("tables", ())]
        return table(["guest memory", "largest page", "µs", "KiB of tables"], rows)

    def memory(self):
        rows = [[self.title(OURS), f"image {self.size['image_bytes'] / 1024:.0f} KiB", line.partition(": ")[2]]
                for line in self.said(OURS, "bulkhead: memory")]
        for name in ("kvm", "xen"):
            rows += [[CONTENDERS[name].title, "", line.partition(": ")[2]] for line in self.said(name, "host: ")
                     if re.search("Mem|memory|VmRSS|Huge", line)]
        return table(["", "", "what it said of memory"], rows)

    def said(self, name, prefix):
        every = self.runs.get(name, {}).get("said", [])
        return [line for line in every[-1] if line.startswith(prefix)] if every else []

    def targets(self):
        rows = []

        def row(what, target, value, good):
            rows.append([what, target, value, "met" if good else "missed"])

        def compare(what, target, mine, base):
            """Totals are comparable only when the host had nothing else to do."""
            found = spread(mine, "own")[0] / spread(base, "own")[0]
            row(what + ": instructions against bare Linux", f"×{target}", f"×{found:.4f}", found <= target)
            if not all(s["quiet"] for s in chosen(mine) + chosen(base)):
                rows[-1][-1] = "not judged: the host was busy"

        for work, (words, unit, ratio, exits) in WORK.items():
            samples = self.samples(OURS, work)
            if samples and ratio:
                part = spread(samples, "hypervisor")[0] / spread(samples, "own")[0]
                row(f"{words}: hypervisor's share", f"{100 * (ratio - 1):.1f} %", f"{100 * part:.4f} %", part <= ratio - 1)
                if self.samples(BASE, work):
                    compare(words, ratio, samples, self.samples(BASE, work))
            if samples and exits:
                found = spread(samples, "exits")[0]
                row(f"{words}: exits per {unit}", exits, f"{found:.4f}", found <= exits)
            elif samples and exits == 0:
                found = sum(count for reason, count in mean_reasons(samples) if reason != IPI)
                row(f"{words}: exits per {unit}, but for interprocessor interrupts", 0, f"{found:.4f}", found < 0.0005)
        each = [s["exits"] / s["counted"] for s in self.samples(OURS, "wake") if s["counted"]]
        if each:
            row("exits per interprocessor interrupt", 1, f"{statistics.median(each):.3f}", statistics.median(each) <= 1.01)
        boots, base = (self.runs.get(name, {}).get("boots") for name in (OURS, BASE))
        if boots and base:
            compare("kernel's entry to init", 1.02, boots, base)
            part = spread(boots, "hypervisor")[0] / spread(boots, "own")[0]
            row("kernel's entry to init: hypervisor's share", "2 %", f"{100 * part:.3f} %", part <= 0.02)
        for name in ("kvm", "xen"):
            both = [work for work in WORK if self.samples(name, work) and self.samples(OURS, work)]
            better = [work for work in both if all(spread(self.samples(OURS, work), key)[0] <= spread(self.samples(name, work), key)[0]
                                                   for key in ("hypervisor", "exits"))]
            if both:
                row(f"fewer exits and hypervisor instructions than {self.title(name)}", f"{len(both)} workloads", len(better),
                    better == both)
        for one in self.growth.get("two-of-a-gib", ()):
            kib = one["used_kib"] + self.size["image_bytes"] / 1024
            row("memory with two partitions of 1 GiB, image included", "6 MiB", f"{kib / 1024:.2f} MiB", kib <= 6144)
            found = one["left_to_first"]["most"]
            row("leaving firmware to the first guest instruction", "150 M", number(found), found <= 150e6)
        return table(["", "target", "measured", ""], rows)

    # ---- pictures ----

    def pictures(self):
        names = {name: self.title(name) for name in self.present if name != BASE}
        groups = [(work, {name: self.ratio(name, work) for name in names if self.ratio(name, work)})
                  for work in WORK if work not in TIMED]
        yield "instructions.svg", picture.bars("Instructions on the partition's processors, bare Linux = 1",
                                               groups, names, 4, line=1)
        virtual = {name: title for name, title in names.items() if not name.startswith("linux")}
        yield "exits.svg", picture.bars(
            "Exits per operation", [(work, {name: spread(self.samples(name, work), "exits")[0] for name in virtual
                                            if self.samples(name, work)}) for work in WORK if work != "hash"],
            virtual, 5)
        yield "hypervisor.svg", picture.bars(
            "Share of instructions that the hypervisor takes (%)",
            [(work, {name: 100 * spread(self.samples(name, work), "hypervisor")[0] / spread(self.samples(name, work), "own")[0]
                     for name in virtual if self.samples(name, work)}) for work in WORK], virtual, 100)
        tables = self.growth.get("tables", ())
        if tables:
            yield "tables.svg", picture.lines(
                "Building page tables", [(f"{kib:,} KiB pages", colour, [(t["gib"], max(t["microseconds"], 1) / 1000)
                                                                      for t in tables if t["page_kib"] == kib])
                                         for kib, colour in ((2048, "#1b6ca8"), (1048576, "#d98324"))],
                "GiB of guest memory", "milliseconds")
        for name, x, words in (("partitions", "partitions", "partitions"), ("memory", "memory_mib", "MiB of memory"),
                               ("processors", "processors", "processors"), ("functions", "functions_found", "PCI functions")):
            if self.growth.get(name):
                yield f"growth-{name}.svg", picture.lines(
                    f"Start-up by {words}", [(title, colour, [(one[x], one[key][which] / 1e6) for one in self.growth[name]])
                                            for title, colour, key, which in (
                                                ("image to leaving firmware", "#777777", "image_to_left", "all"),
                                                ("leaving to last first instruction", "#1b6ca8", "left_to_last", "most"))],
                    words, "million instructions")


def keep():
    """Whoever was not measured now stays as kept."""
    growth, results = BENCH / "growth.json", KEPT / "results.json"
    lines = subprocess.run([ROOT / "tools" / "build" / "size.py", IMAGE.relative_to(ROOT)], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True).stdout
    kept = json.loads(results.read_text()) if results.exists() else {"runs": {}, "growth": {}}
    kept["runs"].update(collect(BENCH / "runs"))
    kept["growth"].update(json.loads(growth.read_text()) if growth.exists() else {})
    kept["size"] = {"image_bytes": IMAGE.stat().st_size, "lines": lines.strip().splitlines()}
    KEPT.mkdir(exist_ok=True)
    results.write_text(json.dumps(kept, indent=None, separators=(",", ":")) + "\n")


def main():
    if sys.argv[1:] == ["--keep"]:
        keep()
    report = Report(json.loads((KEPT / "results.json").read_text()))
    text = DOCUMENT.read_text()
    for name in re.findall(r"<!-- (?!end)(\S+) -->", text):
        body = getattr(report, name)()
        text = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, b=body: m[1] + b + "\n" + m[2], text, flags=re.DOTALL)
    DOCUMENT.write_text(text)
    for name, content in report.pictures():
        (KEPT / name).write_text(content)


if __name__ == "__main__":
    main()
