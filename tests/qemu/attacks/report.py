# SPDX-License-Identifier: Apache-2.0
"""The report of a run: build/attacks-report.txt."""
from machine import BUILD

PATH = BUILD / "attacks-report.txt"
COLUMNS = ("tried", "blocked", "answered by failed", "harm")


class Report:
    def __init__(self):
        self.rows, self.notes = [], []

    def add(self, machine, attack, tried, blocked, failed, wrong):
        self.rows.append((machine, attack, tried, blocked, failed, wrong))

    def note(self, text):
        self.notes.append(text)

    def sums(self):
        return [sum(row[i] for row in self.rows) for i in (2, 3, 4)] + [sum(len(row[5]) for row in self.rows)]

    def line(self):
        tried, blocked, failed, harm = self.sums()
        return f"attacks: {tried} tried, {blocked} blocked, {failed} answered by failed, {harm} harm"

    def write(self):
        head = f"{'machine':16} {'attack':32}" + "".join(f"{name:>20}" for name in COLUMNS)
        lines = [head, "-" * len(head)]
        for machine, attack, tried, blocked, failed, wrong in self.rows:
            lines.append(f"{machine:16} {attack:32}{tried:20}{blocked:20}{failed:20}{len(wrong):20}")
            lines += [f"    HARM: {what}" for what in wrong]
        lines += ["-" * len(head), f"{'':16} {'all':32}" + "".join(f"{value:20}" for value in self.sums()), "", *self.notes]
        PATH.parent.mkdir(parents=True, exist_ok=True)
        PATH.write_text("\n".join(lines) + "\n")
