"""explain inside a process: what a pass makes of an fx graph, and a report of every compilation.

In: an fx graph, passes. Out: a `GraphReport`, whose `str` is the text; or a file for each pass and graph in the folder
that `PATDSL_EXPLAIN` names. Changes no graph; a fault here is logged and never reaches the compilation.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from patdsl.explain.look import look
from patdsl.explain.report import GraphReport, NodeShown, graph_report
from patdsl.match.fx_view import FxView
from patdsl.runtime.torch_api import Graph, Node

if TYPE_CHECKING:
    from patdsl.runtime.passes import FusionPass

ENVIRONMENT = "PATDSL_EXPLAIN"

logger = logging.getLogger("patdsl")
_numbers = itertools.count(1)


def explain_graph(graph: Graph, passes: Sequence[FusionPass]) -> GraphReport:
    """What the passes, run in this order, would make of the graph as it is now."""
    view = FxView(graph)
    looked = look(view, {each.name: each.resolved() for each in passes})
    names = ", ".join(each.name for each in passes)
    target = passes[0].target if passes else "no target"
    return graph_report(names, "", len(view.nodes), target, looked, show, {})


def write_report(graph: Graph, patterns: FusionPass) -> None:
    """Write the report of a pass about to be applied, where the environment names a folder."""
    folder = os.environ.get(ENVIRONMENT)
    if not folder:
        return
    try:
        text = f"{explain_graph(graph, [patterns])}\n"
        path = Path(folder) / f"{os.getpid()}_{next(_numbers):04d}_{patterns.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except Exception as error:
        logger.error(
            "%s: no report written to %s (%s: %s)", patterns.name, folder, type(error).__name__, error
        )


def show(node: Node) -> NodeShown:
    """A node as torch prints it, with the line of the program that it comes from."""
    return NodeShown(node.name, str(node.format_node() or node.name), None, _source(node))


def _source(node: Node) -> str:
    """The innermost line of the trace that a node keeps."""
    lines = [line.strip() for line in str(node.meta.get("stack_trace") or "").split("\n")]
    at = max((at for at, line in enumerate(lines) if line.startswith("File ")), default=None)
    if at is None:
        return ""
    code = f", code: {lines[at + 1]}" if at + 1 < len(lines) and lines[at + 1] else ""
    return lines[at] + code
