"""A table and a plot of the results.

    python kernels/bench/report.py RESULTS.json... --markdown PAGE.md [--plot PICTURE.svg]

In: results files of `run.py`; where several have a size, the last one counts. Out: a Markdown page: the machine, the
date, which targets are missed by which lines, a summary of each family, the times of all. Needs no GPU and no torch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import targets
from targets import Line

LISTED = 12  # misses of one target that are named; the others are counted
COLUMNS = ("empty", "copy", "copy_early", "ours", "triton", "triton_ordinary", "inductor")
INTRODUCTION = """\
Microseconds a node of a CUDA graph: the median of 15 replays, what stands in one line replayed in turn. bf16, groups
of 128 (MX: 32), fp8 e4m3fn, row-major scales. Cold: every node reads other buffers and the L2 cache was filled with
something else. Hot: every node reads the same ones, as in a decode step. `copy` is the best of several copies that
move as many bytes, launched each after the end of the one before; the `early copy` begins before that end and waits
for it, as the kernels do (programmatic dependent launch), and the best of them may fetch what it will read into L2
meanwhile, which in a model only helps what the kernel in front does not write. `empty` does nothing with a block for
each row. Triton is the fastest of its configurations at that size, early ones among them, written for the same
roundings; `ordinary Triton` is the fastest of those that do not begin early; Inductor compiles the unfused
code for that size."""
OVERHEAD = {
    "launch": "launch, results made beforehand",
    "triton": "Triton's launcher, results made beforehand",
    "function": "the op's function: checks, results allocated",
    "triton_allocating": "Triton's launcher, results allocated",
    "torch_ops": "the op through `torch.ops`",
    "dispatch": "what `torch.ops` adds to a function that does nothing",
}


def merge(contents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One content of several. Raises ValueError where they are of different machines."""
    found: dict[str, Any] = {}
    lines: dict[tuple[Any, ...], Line] = {}
    for content in contents:
        if found and content["machine"] != found["machine"]:
            raise ValueError(f"results of different machines: {found['machine']} and {content['machine']}")
        found.update({name: value for name, value in content.items() if name != "results"})
        for line in content["results"]:
            lines[line["family"], line["hidden"], line["rows"], line["cold"]] = line
    return {**found, "results": list(lines.values())}


def page(content: dict[str, Any], picture: str | None = None) -> str:
    """The Markdown page."""
    machine = content["machine"]
    grid, consumers, overhead = targets.groups(content)
    parts = [
        "# Benchmarks",
        f"{machine['gpu']}, {content['date']}: torch {machine['torch']}, CUDA {machine['cuda']}, "
        f"Triton {machine['triton']}. Clocks as found.",
        INTRODUCTION,
    ]
    if picture:
        parts.append(f"![Times over the time of a copy]({picture})")
    parts += ["## Targets", table(("target", "asked", "missed"), _target_rows(content))]
    misses = [text for target in targets.TARGETS for text in _misses(target, content)]
    if misses:
        parts.append("\n".join(misses))
    faults = [fault for line in grid for fault in line.get("faults", ())]
    if faults:
        parts += ["## Wrong results", "\n".join(f"- {fault}" for fault in faults)]
    if grid:
        parts += ["## Summary: least / median / most", table(SUMMARY, _summary(grid))]
    if consumers:
        parts += ["## Two readers of one norm", table(CONSUMERS, _consumer_rows(consumers))]
    if overhead:
        rows = [(text, f"{overhead[0][name]:.1f}") for name, text in OVERHEAD.items()]
        parts += ["## A call from Python, without graphs", table(("16 rows of 4096", "us"), rows)]
    for family in dict.fromkeys(line["family"] for line in grid):
        lines = [line for line in grid if line["family"] == family]
        parts += [f"## {family}", table(GRID, [_grid_row(line) for line in lines])]
    return "\n\n".join(parts) + "\n"


SUMMARY = (
    "family",
    "lines",
    "kernel / copy, cold",
    "kernel / copy, hot",
    "kernel / early copy",
    "Triton / kernel",
    "ordinary Triton / kernel",
    "Inductor / kernel",
)
CONSUMERS = (
    "source",
    "hidden",
    "rows",
    "one call",
    "two calls",
    "ratio",
    "two layouts",
    "two calls",
    "ratio",
)
GRID = (
    "hidden",
    "rows",
    "inputs",
    "empty",
    "copy",
    "early copy",
    "kernel",
    "Triton",
    "ordinary Triton",
    "Inductor",
    "kernel / copy",
    "Triton / kernel",
    "ordinary / kernel",
    "Inductor / kernel",
    "Triton's configuration",
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def size(line: Line) -> str:
    """Such as `rms_norm_group 1024 x 4096 cold`."""
    if "family" in line:
        return f"{line['family']} {line['rows']} x {line['hidden']} {'cold' if line['cold'] else 'hot'}"
    return f"{line['source']} {line['rows']} x {line['hidden']}" if "source" in line else "16 x 4096"


def _target_rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for target in targets.TARGETS:
        lines = targets.lines_of(target, content)
        rows.append((target.text, str(target.asked(lines)), str(len(target.misses(lines)))))
    return rows


def _misses(target: targets.Target, content: dict[str, Any]) -> list[str]:
    """The worst first."""
    found = target.misses(targets.lines_of(target, content))
    found.sort(key=lambda miss: miss[1], reverse=target.most is not None)
    if not found:
        return []
    named = ", ".join(f"{size(line)} {value:.2f}" for line, value in found[:LISTED])
    more = f", and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return [f"- {target.text}: {named}{more}"]


def _summary(grid: list[Line]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for family in dict.fromkeys(line["family"] for line in grid):
        lines = [line for line in grid if line["family"] == family]
        cold, hot = [line for line in lines if line["cold"]], [line for line in lines if not line["cold"]]
        ratios = (
            [targets.to_copy(line) for line in cold],
            [targets.to_copy(line) for line in hot],
            [targets.ratio(line, "ours", "copy_early") for line in lines],
            [targets.over_triton(line) for line in lines],
            [targets.ratio(line, "triton_ordinary", "ours") for line in lines],
            [targets.over_inductor(line) for line in lines],
        )
        rows.append((family, str(len(lines)), *map(_spread, ratios)))
    return rows


def _spread(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return " / ".join(f"{value:.2f}" for value in targets.spread(known)) if known else ""


def _consumer_rows(lines: list[Line]) -> list[tuple[str, ...]]:
    names = ("one", "two", "layouts", "two_layouts")
    rows: list[tuple[str, ...]] = []
    for line in lines:
        one, two, layouts, apart = (_time(line[name]) for name in names)
        shared, both = targets.ratio(line, "one", "two"), targets.ratio(line, "layouts", "two_layouts")
        key = (line["source"], str(line["hidden"]), str(line["rows"]))
        rows.append((*key, one, two, _number(shared), layouts, apart, _number(both)))
    return rows


def _grid_row(line: Line) -> tuple[str, ...]:
    return (
        str(line["hidden"]),
        str(line["rows"]),
        "cold" if line["cold"] else "hot",
        *(_time(line.get(name)) for name in COLUMNS),
        _number(targets.to_copy(line)),
        _number(targets.over_triton(line)),
        _number(targets.ratio(line, "triton_ordinary", "ours")),
        _number(targets.over_inductor(line)),
        line["triton_config"],
    )


def _time(value: float | None) -> str:
    """Three digits, or two places where there are more before the point."""
    return "" if value is None else f"{value:.2f}" if value < 100 else f"{value:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--markdown", type=Path, required=True)
    parser.add_argument("--plot", type=Path, help="an SVG; needs matplotlib (the extra `bench`)")
    options = parser.parse_args()
    content = merge(json.loads(path.read_text()) for path in options.results)
    if options.plot:
        import plot

        plot.draw(content["results"], options.plot)
    options.markdown.write_text(page(content, options.plot.name if options.plot else None))


if __name__ == "__main__":
    main()
