"""explain for printed graphs: no torch, no GPU, nothing executed.

In: the path of a log, a trace, a folder or a printed graph; compiled `.pat` files. Out: a `GraphReport` for each graph,
or diagnostics. Whether an op is registered cannot be seen in a text: every binding is taken to be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.diagnostic import Diagnostics
from patdsl.explain.cause import Verdict
from patdsl.explain.look import Wanted, look
from patdsl.explain.report import GraphReport, NodeShown, graph_report
from patdsl.explain.suggest import Edit, Suggestion, suggest
from patdsl.graph import PassSpec
from patdsl.match.found import TensorMeta
from patdsl.op_table import Op
from patdsl.pipeline import run
from patdsl.printed.log_to_texts import read_graphs
from patdsl.printed.schemas import Schemas
from patdsl.printed.sizes import known
from patdsl.printed.text_to_graph import PrintedGraph, PrintedNode, read_graph
from patdsl.printed.view import PrintedView
from patdsl.runtime.hosts import host_values
from patdsl.runtime.resolve import Process, Resolved, resolve_pass
from patdsl.runtime.target import ENVIRONMENT, check_target
from patdsl.source import Span

#: What is taken for granted of the process that printed a graph.
PRINTED = Process(lambda target: True, lambda op, binding: None, lambda target, device: "", known)
#: The target of a graph on a GPU of which nothing else is known.
ANY_GPU = "sm_90"


@attrs.frozen(eq=False)
class Patterns:
    """What graphs are asked about: passes in the order in which they run, and the unit that each comes from."""

    passes: tuple[PassSpec, ...]
    units: Mapping[str, Unit]
    #: The file of each pass, and the folders that imports may read from.
    files: Mapping[str, Path] = attrs.Factory(dict)
    roots: tuple[Path, ...] = ()

    @property
    def ops(self) -> dict[str, Op]:
        return {name: op for spec in self.passes for name, op in spec.ops.items()}


def graphs_of(path: Path, diagnostics: Diagnostics, kind: str | None = None) -> list[PrintedGraph]:
    """The graphs of a file or folder, those that cannot be read left out with a diagnostic."""
    found = [read_graph(text, diagnostics) for text in read_graphs(path, diagnostics, kind)]
    return [graph for graph in found if graph is not None]


def explain_printed(
    graphs: Sequence[PrintedGraph], patterns: Patterns, target: str | None, wanted: Wanted, top: int
) -> Iterator[GraphReport]:
    """The report of each graph, with suggestions for its `top` nearest misses."""
    resolved: dict[str, dict[str, Resolved]] = {}
    for graph in graphs:
        name = target or target_of(graph)
        if name not in resolved:
            resolved[name] = {
                spec.name: resolve_pass(spec, name, host_values([spec], None), process=PRINTED)
                for spec in patterns.passes
            }
        shown = partial(show, graph=graph)
        looked = look(PrintedView(graph, Schemas(patterns.ops)), resolved[name], wanted)
        mend = partial(_mended, graph=graph, patterns=patterns, target=name)
        place = f"{graph.text.source.name}:{graph.text.numbers[0]}"
        told = name if target else f"{name} (--target names another)"
        yield graph_report(
            graph.text.name,
            place,
            len(graph.nodes),
            told,
            looked,
            shown,
            patterns.units,
            mend,
            top,
        )


def _mended(verdict: Verdict, graph: PrintedGraph, patterns: Patterns, target: str) -> Suggestion | None:
    """A change of the pattern's file that was tried on the graph."""
    unit = patterns.units[verdict.pass_name]
    return suggest(verdict, unit, partial(_holds, graph=graph, patterns=patterns, target=target))


def _holds(verdict: Verdict, edit: Edit, graph: PrintedGraph, patterns: Patterns, target: str) -> bool:
    """Whether the pattern takes the place once its file has another text, and the text compiles without an error."""
    file = patterns.files[verdict.pass_name]
    changed = Path(edit.source.name).resolve()
    outcome = run([file], roots=patterns.roots, stop_after="plan", instead={changed: edit.text})[0]
    if outcome.errors or outcome.unit is None:
        return False
    specs = [spec for spec in outcome.unit.passes if spec.name == verdict.pass_name]
    one = [
        attrs.evolve(
            spec, patterns=tuple(each for each in spec.patterns if each.name == verdict.pattern.name)
        )
        for spec in specs
    ]
    resolved = {
        spec.name: resolve_pass(spec, target, host_values([spec], None), process=PRINTED) for spec in one
    }
    looked = look(PrintedView(graph, Schemas(patterns.ops)), resolved)
    return any(verdict.at in match.nodes or verdict.at == match.at for match in looked.matches)


def target_of(graph: PrintedGraph) -> str:
    """The target that the environment names, else what the devices and dtypes in the graph let one think."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return check_target(named)
    metas = [node.held for node in graph.nodes if isinstance(node.held, TensorMeta)]
    if any(meta.dtype.name == "f8e4m3fnuz" for meta in metas):
        return "gfx942"
    return ANY_GPU if any(meta.device.startswith("cuda") for meta in metas) else "cpu"


def show(node: Any, graph: PrintedGraph) -> NodeShown:
    """A node with its line in the file."""
    assert isinstance(node, PrintedNode)
    source = graph.text.source
    line = source.line_text(node.line)
    at = line.find(f"{node.name}: ") if f"{node.name}: " in line else line.find(f"{node.name} = ")
    at = at if at >= 0 else max(0, line.find("return"))
    start = source.line_starts[node.line - 1] + at
    length = len(node.name) if line.startswith(node.name, at) else len("return")
    return NodeShown(
        node.name, line[at:].partition(";  ")[0].strip(), Span(source, start, start + length), node.source
    )
