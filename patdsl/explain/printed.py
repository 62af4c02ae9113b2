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

from patdsl.diagnostic import Diagnostics
from patdsl.explain.look import Wanted, look
from patdsl.explain.mend import Mender, Patterns
from patdsl.explain.report import GraphReport, NodeShown, graph_report
from patdsl.explain.shared import Shared
from patdsl.graph import PassSpec
from patdsl.match.found import TensorMeta
from patdsl.op_table import Op
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


def graphs_of(path: Path, diagnostics: Diagnostics, kind: str | None = None) -> list[PrintedGraph]:
    """The graphs of a file or folder, those that cannot be read left out with a diagnostic."""
    found = [read_graph(text, diagnostics) for text in read_graphs(path, diagnostics, kind)]
    return [graph for graph in found if graph is not None]


def explain_printed(
    graphs: Sequence[PrintedGraph], patterns: Patterns, target: str | None, wanted: Wanted, top: int
) -> Iterator[GraphReport]:
    """The report of each graph, with suggestions for its `top` nearest misses."""
    resolved: dict[str, dict[str, Resolved]] = {}
    ops = {name: op for spec in patterns.passes for name, op in spec.ops.items()}
    for graph in graphs:
        name = target or target_of(graph)
        if name not in resolved:
            resolved[name] = {spec.name: _resolved(spec, name) for spec in patterns.passes}
        shown = partial(show, graph=graph)
        shared = Shared(_view(graph, ops))
        looked = look(shared, resolved[name], wanted)
        mender = Mender(
            patterns, looked, partial(_shared, graph, shared, ops), partial(_resolved, target=name)
        )
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
            mender.mend,
            top,
        )


def _view(graph: PrintedGraph, ops: Mapping[str, Op]) -> PrintedView:
    return PrintedView(graph, Schemas(ops))


def _shared(graph: PrintedGraph, shared: Shared, known: Mapping[str, Op], ops: Mapping[str, Op]) -> Shared:
    """What was found before, unless schemas follow from other bindings now."""
    same = all(known.get(name) == op for name, op in ops.items())
    return shared if same else Shared(_view(graph, {**known, **ops}))


def _resolved(spec: PassSpec, target: str) -> Resolved:
    return resolve_pass(spec, target, host_values([spec], None), process=PRINTED)


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
