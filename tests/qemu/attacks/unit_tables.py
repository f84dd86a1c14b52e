# SPDX-License-Identifier: Apache-2.0
"""What the hypervisor has programmed, read in memory: who may reach which memory, and interrupt whom.

The rules, for every requester ID: what it may reach lies in the memory of the partition that owns it, its messages
go to that partition's processors, and nothing else is let through.
"""
import re
import struct

VTD, AMDVI = 0xFED90000, 0xFED80000
ADDRESS = (1 << 52) - (1 << 12)
GSTS_TE, GSTS_IRE, GSTS_CFI = 1 << 31, 1 << 25, 1 << 23
IRTA_EIME = 1 << 11
VECTOR_FIRST = 16


def bits(value, high, low):
    return value >> low & (1 << high - low + 1) - 1


class Tables:
    def __init__(self, field):
        self.field = field
        if field.iommu == "intel":
            self.status = self.register(VTD + 0x1C, "w")
            self.root = self.register(VTD + 0x20, "g") & ADDRESS
            self.interrupts = self.register(VTD + 0xB8, "g")
        else:
            self.root = self.register(AMDVI, "g") & ADDRESS
            self.status = self.register(AMDVI + 0x18, "g")

    def register(self, address, size):
        return int(re.search(r": (0x[0-9a-f]+)", self.field.machine.monitor(f"xp /1{size}x {address:#x}"))[1], 16)

    def page(self, physical, count=512):
        return struct.unpack_from(f"<{count}Q", self.field.memory, self.field.offset(physical))

    def pieces(self, table, level):
        """What a table maps: (host address, bytes), each once for every mapping."""
        for entry in self.page(table):
            size = 1 << 12 + 9 * (level - 1)
            if self.field.iommu == "intel":
                present, next_level = entry & 3, 0 if entry & 0x80 or level == 1 else level - 1
            else:
                present, next_level = entry & 1, bits(entry, 11, 9)
            if not present:
                continue
            if next_level:
                yield from self.pieces(entry & ADDRESS, next_level)
            else:
                yield entry & ADDRESS & ~(size - 1), size

    def attached(self):
        """Requester ID -> root of its tables, for all that can reach anything."""
        found = {}
        if self.field.iommu == "intel":
            for bus in range(256):
                context = self.page(self.root + 16 * bus, 1)[0]
                if not context & 1:
                    continue
                table = self.page(context & ADDRESS)
                found |= {bus << 8 | i: table[2 * i] & ADDRESS for i in range(256) if table[2 * i] & 1}
            return found
        table = self.page(self.root, 4 * 65536)
        for i in range(65536):
            low = table[4 * i]
            if low & 3 != 3 or not bits(low, 11, 9) or bits(low, 62, 61):
                found[i] = low & ADDRESS
        return found

    def messages(self):
        """(requester ID, what is wrong, processor) of every interrupt that is let through."""
        if self.field.iommu == "intel":
            size = 2 << (self.interrupts & 15)
            table = self.page(self.interrupts & ADDRESS, 2 * size)
            for i in range(size):
                low, high = table[2 * i], table[2 * i + 1]
                if low & 1:
                    # delivery fixed, physical, source checked in all its bits
                    strange = bits(low, 7, 2) or bits(high, 19, 18) != 1 or bits(high, 17, 16)
                    yield bits(high, 15, 0), strange, bits(low, 23, 16), bits(low, 63, 32)
            return
        table = self.page(self.root, 4 * 65536)
        for i in range(65536):
            q2 = table[4 * i + 2]
            control = bits(q2, 61, 60)
            # INIT, ExtInt, NMI, LINT0 and LINT1 would pass; control 1: everything would
            if not q2 & 1 or bits(q2, 58, 56) or bits(q2, 63, 62) or control in (1, 3):
                yield i, "not remapped", 0, 0
            if control != 2:
                continue
            entries = self.page(q2 & ADDRESS | bits(q2, 11, 6) << 6, 2 << bits(q2, 4, 1))
            for low, high in zip(entries[::2], entries[1::2]):
                if low & 1:
                    yield i, bits(low, 4, 2) or bits(low, 7, 6), bits(high, 7, 0), bits(low, 31, 8) | bits(high, 63, 56) << 24

    def wrong(self):
        """What breaks a rule, in words."""
        field, found, judged = self.field, [], {}
        if field.iommu == "intel":
            if not self.status & GSTS_TE or not self.status & GSTS_IRE or self.status & GSTS_CFI or not self.interrupts & IRTA_EIME:
                found.append(f"unit: status {self.status:#x}, interrupt table {self.interrupts:#x}")
        elif not self.status & 1:
            found.append("unit: off")
        for requester, root in self.attached().items():
            owner = field.functions.get(requester)
            if owner is None:
                found.append(f"requester {requester:#06x} belongs to nobody and is attached")
                continue
            base, size = field.bases[owner], field.sizes[owner]
            if root not in judged:
                judged[root] = owner
                found += [f"{owner} reaches {at:#x}" for at, length in self.pieces(root, 4)
                          if not (base <= at and at + length <= base + size)]
            elif judged[root] != owner:
                found.append(f"{owner} and {judged[root]} share tables")
        for requester, strange, vector, processor in self.messages():
            owner = field.functions.get(requester)
            if strange or vector < VECTOR_FIRST or owner is None or field.cpus[owner] != processor:
                found.append(f"requester {requester:#06x} may interrupt processor {processor} with {vector:#x} {strange or ''}")
        return found
