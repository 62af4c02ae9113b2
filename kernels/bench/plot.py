"""A picture of the two main families: times over the time of a copy of the same bytes.

In: the lines of a grid. Out: an SVG, a row of panels for each family, a panel for each hidden size; rows along, cold
drawn through and hot dashed. The same lines give the same file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from targets import MAIN

SERIES = {"ours": ("kernel", "#0b6e4f"), "triton": ("Triton", "#c1666b"), "inductor": ("Inductor", "#7d7d7d")}
TICKS = (1, 16, 128, 1024, 8192)
MOST = 4.0  # what lies above is not drawn
Line = dict[str, Any]


def draw(lines: list[Line], path: Path) -> None:
    """Writes the picture. Families and sizes that the lines lack have no panel."""
    families = [family for family in MAIN if any(line["family"] == family for line in lines)]
    sizes = sorted({line["hidden"] for line in lines if line["family"] in families})
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "patdsl", "font.size": 8})
    figure = Figure(figsize=(2.1 * max(len(sizes), 1) + 0.8, 2.3 * max(len(families), 1) + 0.6))
    panels = figure.subplots(
        max(len(families), 1), max(len(sizes), 1), sharex=True, sharey=True, squeeze=False
    )
    for across, family in zip(panels, families, strict=False):
        for axes, hidden in zip(across, sizes, strict=False):
            panel(axes, [line for line in lines if line["family"] == family and line["hidden"] == hidden])
            axes.set_title(f"{family}, {hidden}", fontsize=7)
        across[0].set_ylabel("time / copy")
    for axes in panels[-1]:
        axes.set_xlabel("rows")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=6, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(path, format="svg", metadata={"Date": None})


def panel(axes: Axes, lines: list[Line]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(TICKS, [str(tick) for tick in TICKS], fontsize=6)
    axes.set_ylim(0.9, MOST)
    axes.axhline(1.0, color="black", linewidth=0.6)
    axes.grid(visible=True, linewidth=0.3)
    for cold, style in ((True, "-"), (False, "--")):
        found = sorted((line for line in lines if line["cold"] is cold), key=lambda line: line["rows"])
        for name, (label, colour) in SERIES.items():
            points = [(line["rows"], line[name] / line["copy"]) for line in found if line[name]]
            if points:
                rows, ratios = zip(*points, strict=True)
                text = f"{label}, {'cold' if cold else 'hot'}"
                axes.plot(
                    rows, ratios, style, color=colour, linewidth=1.0, marker=".", markersize=3, label=text
                )
