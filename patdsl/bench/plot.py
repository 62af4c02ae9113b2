"""Lines of a bench -> a plot.

In: lines. Out: an SVG file, a panel for each pattern and hidden size: rows along, and how many times faster the right
side is than the left side and than Inductor's code for it. The same lines give the same file. Needs matplotlib, which
`pip install patdsl[bench]` brings.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from patdsl.bench.measure import INDUCTOR, LEFT, Line

SERIES = {LEFT: ("left / right", "#c1666b"), INDUCTOR: ("Inductor / right", "#0b6e4f")}
MOST_ACROSS = 4
PANEL = (2.7, 2.2)


def svg(lines: Sequence[Line], title: str) -> str:
    """The picture. Panels without a time are left out; raises ImportError where matplotlib is missing."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels: dict[tuple[str, int], list[Line]] = {}
    for line in lines:
        if any(line.ratio(name) is not None for name in SERIES):
            panels.setdefault((line.pattern, line.hidden), []).append(line)
    across = min(MOST_ACROSS, max(len(panels), 1))
    down = -(-max(len(panels), 1) // across)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "patdsl", "font.size": 8}):
        figure = Figure(figsize=(PANEL[0] * across + 0.4, PANEL[1] * down + 0.7))
        grid = figure.subplots(down, across, squeeze=False)
        flat = [axes for row in grid for axes in row]
        for axes in flat[len(panels) :]:
            axes.set_axis_off()
        for axes, ((pattern, hidden), own) in zip(flat, panels.items(), strict=False):
            _panel(axes, own)
            axes.set_title(_plain(f"{pattern}, {hidden}"), fontsize=7)
        drawn = {
            label: handle
            for axes in flat
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(drawn.values(), drawn.keys(), loc="upper right", ncols=2, frameon=False)
        figure.text(0.01, 0.98, _plain(title), va="top")
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.45 / figure.get_figheight()))
        made = io.StringIO()
        figure.savefig(made, format="svg", metadata={"Date": None})
    return made.getvalue()


def _plain(text: str) -> str:
    """Not as mathematics, which a dollar would begin."""
    return text.replace("$", r"\$")


def _panel(axes: Any, lines: Sequence[Line]) -> None:
    rows = sorted({line.rows for line in lines})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(rows, [f"{each:,}" for each in rows], fontsize=6)
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.grid(visible=True, linewidth=0.3)
    axes.set_xlabel("rows", fontsize=7)
    for name, (label, colour) in SERIES.items():
        points = sorted((line.rows, ratio) for line in lines if (ratio := line.ratio(name)) is not None)
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.0, marker=".", label=label)
