"""Pictures -> one HTML page that needs nothing else.

In: sections of pictures with a heading and a text. Out: HTML without scripts and links, all text escaped.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from patdsl.draw.layout import place
from patdsl.draw.picture import Picture
from patdsl.draw.to_svg import safe, svg

STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2em;color:#1c2430;background:#fff}
h1{font-size:20px}h2{font-size:16px;margin:1.6em 0 .4em}
pre{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;background:#f5f7fa;padding:.8em;overflow-x:auto}
.row{display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start}
.row>div{overflow-x:auto;max-width:100%;border:1px solid #dde2ea;border-radius:6px}
"""


@attrs.frozen
class Section:
    """`pictures` stand side by side where there is room."""

    heading: str
    text: str
    pictures: Sequence[Picture]


def html_page(title: str, sections: Sequence[Section]) -> str:
    """The page."""
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{safe(title)}</title>',
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{safe(title)}</h1>",
        "<p>Point at a box to see its types.</p>",
    ]
    for section in sections:
        parts.append(f"<h2>{safe(section.heading)}</h2>")
        if section.text:
            parts.append("<pre>" + "\n".join(map(safe, section.text.split("\n"))) + "</pre>")
        drawn = (f"<div>{svg([place(picture)])}</div>" for picture in section.pictures)
        parts.append(f'<div class="row">{"".join(drawn)}</div>')
    return "\n".join([*parts, "</body></html>\n"])


def svg_page(sections: Sequence[Section]) -> str:
    """All pictures in one SVG, their section's heading in front of their titles."""
    return svg(
        [
            place(attrs.evolve(picture, title=f"{section.heading}: {picture.title}"))
            for section in sections
            for picture in section.pictures
        ]
    )
