# SPDX-License-Identifier: Apache-2.0
"""What stands on an emulated screen, read with the font that the image has."""
from machine import ROOT

WIDTH, HEIGHT = 8, 16
PAPER, INK = b"\0\0\0", b"\xaa\xaa\xaa"


def font():
    """(16 lines of 8 dots, as bytes of 0 and 1) -> character"""
    glyphs = {}
    for line in (ROOT / "vmm" / "font.txt").read_text().splitlines():
        if line and line[0] not in "#=":
            code, *halves = line.partition(" | ")[0].split()
            glyphs[f"{int(''.join(halves), 16):0128b}"] = chr(int(code, 16))
    return glyphs


def read(machine, picture):
    """Lines of text, from the top, without blanks at their ends; what is no character of the font is \ufffd."""
    glyphs = font()
    machine.monitor(f"screendump {picture}")
    magic, size, depth, dots = picture.read_bytes().split(b"\n", 3)
    assert (magic, depth) == (b"P6", b"255")
    width, height = map(int, size.split())
    bits = "".join({PAPER: "0", INK: "1"}.get(dots[i:i + 3], "x") for i in range(0, len(dots), 3))
    lines = []
    for top in range(0, height - HEIGHT + 1, HEIGHT):
        rows = [bits[(top + y) * width:(top + y + 1) * width] for y in range(HEIGHT)]
        cells = ("".join(row[x:x + WIDTH] for row in rows) for x in range(0, width - WIDTH + 1, WIDTH))
        lines.append("".join(glyphs.get(cell, "\ufffd") for cell in cells).rstrip())
    return lines
