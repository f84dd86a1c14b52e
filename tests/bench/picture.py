# SPDX-License-Identifier: Apache-2.0
"""Pictures as SVG: bars in groups, and lines. Nothing but text is needed to draw them."""
import math

COLOURS = {"linux": "#777777", "linux-translated": "#aaaaaa", "bulkhead": "#1b6ca8", "kvm": "#d98324", "xen": "#7b4b94"}
FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, words, anchor="start", extra=""):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT} {extra}>{words}</text>'


def frame(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<rect width="{width}" height="{height}" fill="white"/>' + "\n".join(parts) + "</svg>\n")


def bars(title, groups, names, limit, line=None, form="{:.3g}"):
    """groups: [(label, {contender: value})]; names: {contender: title}. What is longer than LIMIT is cut and says so."""
    width, left, right, bar = 760, 130, 110, 13
    scale = (width - left - right) / limit
    parts, y = [text(8, 20, title, extra='font-weight="bold"')], 34
    x = left
    for key, name in names.items():
        parts += [f'<rect x="{x}" y="{y}" width="11" height="11" fill="{COLOURS[key]}"/>', text(x + 15, y + 10, name)]
        x += 34 + 7 * len(name)
    y += 24
    top = y
    for label, values in groups:
        middle = y + bar * len(values) / 2 + 4
        parts.append(text(left - 8, middle, label, "end"))
        for key, value in values.items():
            length = min(value, limit) * scale
            parts += [f'<rect x="{left}" y="{y}" width="{max(length, 0.5):.1f}" height="{bar - 2}" fill="{COLOURS[key]}"/>',
                      text(left + length + 4, y + 10, form.format(value) + (" (cut)" if value > limit else ""))]
            y += bar
        y += 9
    if line is not None:
        at = left + line * scale
        parts.append(f'<line x1="{at:.1f}" y1="{top - 4}" x2="{at:.1f}" y2="{y}" stroke="#333" stroke-dasharray="3,3"/>')
    return frame(width, y + 8, parts)


def lines(title, series, x_title, y_title):
    """series: [(name, colour, [(x, y)])]; both axes grow by powers of two (x) and from zero (y)."""
    width, height, left, bottom, top = 520, 300, 70, 44, 50
    points = [p for _, _, values in series for p in values]
    least, most = (math.log2(f(x for x, _ in points)) for f in (min, max))
    highest = max(y for _, y in points) * 1.1 or 1

    def place(x, y):
        across = (math.log2(x) - least) / max(most - least, 1e-9)
        return left + across * (width - left - 20), height - bottom - y / highest * (height - bottom - top)

    parts = [text(8, 20, title, extra='font-weight="bold"'), text(left, 38, y_title),
             text((left + width) / 2, height - 6, x_title, "middle"),
             f'<path d="M{left} {top} V{height - bottom} H{width - 20}" fill="none" stroke="#333"/>']
    for x in sorted({x for x, _ in points}):
        parts.append(text(place(x, 0)[0], height - bottom + 16, f"{x:g}", "middle"))
    for i in range(5):
        value = highest / 1.1 * i / 4
        parts.append(text(left - 6, place(points[0][0], value)[1] + 4, f"{value:.3g}", "end"))
    for i, (name, colour, values) in enumerate(series):
        path = " ".join(f"{'M' if j == 0 else 'L'}{a:.1f} {b:.1f}" for j, (a, b) in enumerate(place(*p) for p in values))
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in (place(*p) for p in values)]
        parts.append(text(width - 20, 38 + 14 * i, name, "end", f'fill="{colour}"'))
    return frame(width, height, parts)
