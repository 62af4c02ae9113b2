"""How the time of a pass grows with the graph and with the patterns.

    python tests/bench/apply_growth.py [--most NODES] [--plot FILE.svg]

Prints tables of processor time. Nodes: a pass of the library on graphs of 35 nodes a layer, with a match in each layer
and without any. Patterns: 1 to 1,000 patterns in one pass that share their root and differ in a literal, in what
follows, or in a condition, on a graph of 61 layers where one of them holds, or none. Exits with 1 where the time of a
node grows more than 1.5-fold, or 1,000 patterns of which one matches take more than twice the time of that one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from layers import LAYERS, NODES, build, own, timed

import patdsl
from patdsl.library import rms_norm_quant

HEAD = "import vllm_ir (rms_norm, group_quant, token_quant)\nimport aiter (rms_norm_group_quant as fused)\n"
#: Pattern `i` of each kind. Pattern 0 holds, but for the followers; refused conditions each give a reason.
KINDS: dict[str, Callable[[int], str]] = {
    "literals": lambda i: f"pattern p{i} {{ rms_norm(epsilon={i + 1000}e-9) -> group_quant => fused }}\n",
    "followers": lambda i: (
        f"op f{i}(x: T[*B, H]) -> (y: T[*B, H]) = lib::f{i}\n"
        f"pattern p{i} {{ y = f{i}(rms_norm(x, w, e)) => y = rms_norm(x, w, e) }}\n"
    ),
    "conditions": lambda i: (
        f"pattern p{i} {{ rms_norm -> group_quant => fused where group_size == {i + 128} }}\n"
    ),
}
PATTERNS = (1, 10, 100, 1000)
Line = dict[int, float]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--most", type=int, default=100_000, help="nodes of the largest graph")
    parser.add_argument("--plot", type=Path, help="an SVG; needs matplotlib (the extra `bench`)")
    options = parser.parse_args(arguments)
    nodes = {
        "a match in each layer": by_nodes(True, options.most),
        "no match": by_nodes(False, options.most),
    }
    patterns = {kind: by_patterns(kind) for kind in KINDS}
    if options.plot:
        plot(options.plot, nodes, patterns)
    grown = [name for name, line in nodes.items() if _each(line, -1) > 1.5 * _each(line, 0)]
    grown += ["literals"] if patterns["literals"][1000] > 2 * patterns["literals"][1] else []
    if grown:
        print(f"grows too fast: {', '.join(grown)}")
    return bool(grown)


def _each(line: Line, at: int) -> float:
    count = list(line)[at]
    return line[count] / count


def by_nodes(matches: bool, most: int) -> Line:
    print(
        f"\n{'nodes':>10} {'ms':>10} {'us a node':>10}   {'a match in each layer' if matches else 'no match'}"
    )
    passes = rms_norm_quant.load(target="gfx950")
    passes(build(3, own(), matches).graph)
    found: Line = {}
    for count in (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000):
        if count > most:
            break
        graph = build(count // NODES, own(), matches).graph
        size = len(graph.nodes)
        found[size] = timed(passes, graph)
        print(f"{size:>10,} {found[size] * 1e3:>10.1f} {found[size] / size * 1e6:>10.2f}", flush=True)
    return found


def by_patterns(kind: str) -> Line:
    print(f"\n{'patterns':>10} {'ms':>10}   {kind}")
    found: Line = {}
    for count in PATTERNS:
        passes = load(HEAD + "".join(map(KINDS[kind], range(count))))
        passes(build(3, own()).graph)
        found[count] = min(timed(passes, build(LAYERS, own()).graph) for _ in range(5))
        print(f"{count:>10,} {found[count] * 1e3:>10.2f}", flush=True)
    return found


def load(text: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "growth.pat"
        path.write_text(text)
        return patdsl.load(path, target="gfx950")


def plot(path: Path, nodes: dict[str, Line], patterns: dict[str, Line]) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    for axis, lines, what in (
        (axes[0], nodes, "nodes of the graph"),
        (axes[1], patterns, "patterns in the pass"),
    ):
        for name, line in lines.items():
            axis.plot(list(line), [each * 1e3 for each in line.values()], marker="o", label=name)
        axis.set(xlabel=what, ylabel="ms", xscale="log", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
