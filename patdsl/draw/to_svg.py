"""Placed pictures -> SVG, one picture or several below each other.

In: `Placed`. Out: text of one `<svg>` element that needs nothing else. All text of a picture is escaped, and what XML
does not allow, or a terminal would act on, is written out.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from patdsl.draw.layout import LINE, PAD_Y, Placed, PlacedArrow, PlacedBox
from patdsl.draw.picture import Kind
from patdsl.render import escape

MARGIN, TITLE = 16.0, 24.0
#: Fill and edge of each kind of box, and of matches in turn.
COLOURS: dict[Kind, tuple[str, str]] = {
    "input": ("#ffffff", "#8a94a6"),
    "output": ("#ffffff", "#8a94a6"),
    "op": ("#eef1f6", "#8a94a6"),
    "view": ("#ffffff", "#b4bccb"),
    "gone": ("#ffd9b8", "#c2611f"),
    "new": ("#c9ecd6", "#1f7a48"),
}
MATCHES = (
    ("#ffd9b8", "#c2611f"),
    ("#cfe3ff", "#2c66b8"),
    ("#e6d5fb", "#7341b5"),
    ("#fbd0dd", "#b5325f"),
    ("#d3efe9", "#1f7d6e"),
    ("#f3e8a9", "#8d7409"),
)
STYLE = "text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1c2430}"
STYLE += ".t{font-weight:bold}.n,.l{fill:#5a6475}path{fill:none;stroke:#8a94a6}"
STYLE += ".l{font-size:10px;stroke:#fff;stroke-width:4px;stroke-linejoin:round;paint-order:stroke}"


def svg(pictures: Sequence[Placed]) -> str:
    """One element with all pictures, the first on top."""
    width = max((_width(each) for each in pictures), default=0.0) + 2 * MARGIN
    parts, y = [], MARGIN
    for number, each in enumerate(pictures):
        parts.append(f'<g transform="translate({MARGIN:.1f} {y:.1f})">')
        parts += _picture(each, number)
        parts.append("</g>")
        y += TITLE + each.height + (LINE * 1.5 if each.picture.note else 0) + 2 * MARGIN
    size = f'width="{width:.0f}" height="{y:.0f}" viewBox="0 0 {width:.0f} {y:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>'
    defs = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#8a94a6;stroke:none"/></marker></defs>'
    )
    return "\n".join([head, defs, *parts, "</svg>"]) + "\n"


def safe(text: str) -> str:
    """As the text of an element or in an attribute's quotes."""
    return html.escape(escape(text))


def _width(placed: Placed) -> float:
    longest = max(len(placed.picture.title), len(placed.picture.note))
    return max(placed.width, longest * 7.3)


def _picture(placed: Placed, number: int) -> Iterable[str]:
    yield f'<text class="t" y="12">{safe(placed.picture.title)}</text>'
    yield f'<g transform="translate(0 {TITLE:.1f})">'
    yield from map(_arrow, placed.arrows)
    yield from filter(None, map(_label, placed.arrows))
    for box in placed.boxes:
        yield from _box(box)
    yield "</g>"
    if placed.picture.note:
        yield f'<text class="n" y="{TITLE + placed.height + LINE * 1.5:.1f}">{safe(placed.picture.note)}</text>'


def _arrow(placed: PlacedArrow) -> str:
    (x, y), *rest = placed.points
    path = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in rest:
        middle = (y + next_y) / 2
        straight = f"L{next_x:.1f} {next_y:.1f}"
        curve = f"C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}"
        path.append(straight if x == next_x else curve)
        x, y = next_x, next_y
    dashed = ' stroke-dasharray="4 3"' if placed.arrow.dashed else ""
    return f'<path d="{"".join(path)}" marker-end="url(#tip)"{dashed}/>'


def _label(placed: PlacedArrow) -> str:
    """In the middle of the last part, over all arrows."""
    if not placed.arrow.label:
        return ""
    (from_x, from_y), (to_x, to_y) = placed.points[-2:]
    at = f'x="{(from_x + to_x) / 2:.1f}" y="{(from_y + to_y) / 2 + 3:.1f}"'
    return f'<text class="l" {at} text-anchor="middle">{safe(placed.arrow.label)}</text>'


def _box(placed: PlacedBox) -> Iterable[str]:
    box = placed.box
    fill, edge = COLOURS[box.kind]
    if box.match is not None and box.kind in ("gone", "new"):
        fill, edge = MATCHES[box.match % len(MATCHES)]
    radius = placed.height / 2 if box.kind in ("input", "output") else 4.0
    size = f'width="{placed.width:.1f}" height="{placed.height:.1f}" rx="{radius:.1f}"'
    shape = f'{size} fill="{fill}" stroke="{edge}"'
    thick = ' stroke-width="2"' if box.kind in ("gone", "new") else ""
    yield f'<g transform="translate({placed.x:.1f} {placed.y:.1f})"><title>{safe(box.hover)}</title>'
    if box.repeated:
        yield f'<rect x="5" y="5" {shape}/>'
    yield f"<rect {shape}{thick}/>"
    for at, line in enumerate(box.lines):
        y = PAD_Y + (at + 1) * LINE - 4
        style = "" if at == 0 else ' class="n"'
        yield f'<text{style} x="{placed.width / 2:.1f}" y="{y:.1f}" text-anchor="middle">{safe(line)}</text>'
    yield "</g>"
