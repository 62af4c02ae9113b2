"""The ratios of a results file, and which of them miss what the kernels are to reach.

In: the content of a results file. Out: ratios, sentences. The kernel's targets: never slower than the tuned Triton
kernel, and by how much faster than Inductor; for the main families also how near to a copy of the same bytes.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

Line = dict[str, Any]
MAIN = ("rms_norm_group", "add_rms_norm_group")
TRITON, TRITON_4096, INDUCTOR_MAIN, INDUCTOR_OTHER = 1.0, 1.05, 1.5, 1.3
COPY_MANY, COPY_FEW, COPY_HOT = 1.05, 1.2, 1.3
MANY_ROWS, HOT_ROWS = 512, 1024
SHARED_CALL, SHARED_LAYOUTS = 0.55, 0.65
LAUNCH, DISPATCH = 1.2, 6.0


def ratio(line: Line, over: str, under: str) -> float | None:
    """One time over another, to two digits, or None where one was not taken."""
    if line.get(over) is None or line.get(under) is None:
        return None
    return round(float(line[over]) / float(line[under]), 2)


def to_copy(line: Line) -> float | None:
    return ratio(line, "ours", "copy")


def over_triton(line: Line) -> float | None:
    return ratio(line, "triton", "ours")


def over_inductor(line: Line) -> float | None:
    return ratio(line, "inductor", "ours")


@attrs.frozen
class Target:
    """What the lines for which `holds_for` is true should reach: `most` of a ratio, or `least`."""

    text: str
    holds_for: Callable[[Line], bool]
    ratio: Callable[[Line], float | None]
    least: float | None = None
    most: float | None = None

    def misses(self, lines: Iterable[Line]) -> list[tuple[Line, float]]:
        found = []
        for line in lines:
            value = self.ratio(line) if self.holds_for(line) else None
            if value is None:
                continue
            if (self.least is not None and value < self.least) or (
                self.most is not None and value > self.most
            ):
                found.append((line, value))
        return found

    def asked(self, lines: Iterable[Line]) -> int:
        """Of how many lines it is asked."""
        return sum(1 for line in lines if self.holds_for(line) and self.ratio(line) is not None)


def main(line: Line) -> bool:
    return line["family"] in MAIN


TARGETS = (
    Target("main: Triton / kernel at least 1.00", main, over_triton, least=TRITON),
    Target(
        "main, hidden 4096, up to 1,024 rows: Triton / kernel at least 1.05",
        lambda line: main(line) and line["hidden"] == 4096 and line["rows"] <= HOT_ROWS,
        over_triton,
        least=TRITON_4096,
    ),
    Target(
        "main, cold, 512 rows and more: kernel / copy at most 1.05",
        lambda line: main(line) and line["cold"] and line["rows"] >= MANY_ROWS,
        to_copy,
        most=COPY_MANY,
    ),
    Target(
        "main, cold, fewer rows: kernel / copy at most 1.20",
        lambda line: main(line) and line["cold"] and line["rows"] < MANY_ROWS,
        to_copy,
        most=COPY_FEW,
    ),
    Target(
        "main, hot: kernel / copy at most 1.30",
        lambda line: main(line) and not line["cold"],
        to_copy,
        most=COPY_HOT,
    ),
    Target("main: Inductor / kernel at least 1.50", main, over_inductor, least=INDUCTOR_MAIN),
    Target("others: Triton / kernel at least 1.00", lambda line: not main(line), over_triton, least=TRITON),
    Target(
        "others: Inductor / kernel at least 1.30",
        lambda line: not main(line),
        over_inductor,
        least=INDUCTOR_OTHER,
    ),
    Target(
        "two readers, one call: at most 0.55 of two calls",
        lambda line: "two" in line,
        lambda line: ratio(line, "one", "two"),
        most=SHARED_CALL,
    ),
    Target(
        "two layouts of the scales, one call: at most 0.65 of two calls",
        lambda line: "two_layouts" in line,
        lambda line: ratio(line, "layouts", "two_layouts"),
        most=SHARED_LAYOUTS,
    ),
    Target(
        "launch from Python: at most 1.20 of Triton's launcher",
        lambda line: "launch" in line,
        lambda line: ratio(line, "launch", "triton"),
        most=LAUNCH,
    ),
    Target(
        "dispatch through torch.ops: at most 6.0 us",
        lambda line: "dispatch" in line,
        lambda line: round(float(line["dispatch"]), 1),
        most=DISPATCH,
    ),
)


def groups(content: dict[str, Any]) -> tuple[list[Line], list[Line], list[Line]]:
    """The lines of the grid, of two readers, and of calls from Python."""
    overhead = content.get("overhead")
    return content.get("results", []), content.get("consumers", []), [overhead] if overhead else []


def lines_of(target: Target, content: dict[str, Any]) -> list[Line]:
    """The lines that a target speaks of: it names a family's, or the keys of the others."""
    grid, consumers, overhead = groups(content)
    if target.text.startswith(("main", "others")):
        return grid
    return consumers if target.text.startswith("two") else overhead


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Least, median, most."""
    return min(values), statistics.median(values), max(values)
