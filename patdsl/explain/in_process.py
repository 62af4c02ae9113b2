"""explain inside a process: what passes make of an fx graph, and a report of every compilation.

In: an fx graph, passes. Out: a `GraphReport`, whose `str` is the text; or a file for each pass and graph in the folder
that `PATDSL_EXPLAIN` names. Changes no graph; a fault here is logged and never reaches the compilation.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.look import Wanted, look
from patdsl.explain.mend import Mender, Patterns
from patdsl.explain.report import GraphReport, NodeShown, graph_report
from patdsl.explain.shared import Shared
from patdsl.graph import PassSpec
from patdsl.match.fx_view import FxView
from patdsl.pipeline import run
from patdsl.runtime.resolve import Resolved, resolve_pass
from patdsl.runtime.torch_api import Graph, Node

if TYPE_CHECKING:
    from patdsl.runtime.passes import FusionPass, Origin

ENVIRONMENT = "PATDSL_EXPLAIN"
#: Near misses of a graph for which a change is looked for.
TOP = 10

logger = logging.getLogger("patdsl")
_numbers = itertools.count(1)


def explain_graph(graph: Graph, passes: Sequence[FusionPass]) -> GraphReport:
    """What the passes, run in this order, would make of the graph as it is now."""
    by_name = {each.name: each for each in passes}

    def resolve(spec: PassSpec) -> Resolved:
        own = by_name[spec.name]
        return resolve_pass(spec, own.target, own.hosts, prefer=own.prefer, tokens=own.tokens)

    target = passes[0].target if passes else "no target"
    return explain_fx(graph, patterns_of(passes), resolve, target, ", ".join(by_name))


def explain_fx(
    graph: Graph,
    patterns: Patterns,
    resolve: Callable[[PassSpec], Resolved],
    target: str,
    name: str,
    wanted: Wanted = lambda pattern: True,
    top: int = TOP,
) -> GraphReport:
    """The report of one graph under a name, with suggestions for its `top` nearest misses where files are known."""

    shared = Shared(FxView(graph))
    looked = look(shared, {spec.name: resolve(spec) for spec in patterns.passes}, wanted)
    mender = Mender(patterns, looked, lambda ops: shared, resolve)
    return graph_report(
        name, "", len(shared.view.nodes), target, looked, show, patterns.units, mender.mend, top
    )


def patterns_of(passes: Sequence[FusionPass]) -> Patterns:
    """The units of passes whose files are known, and still say what was compiled."""
    units: dict[str, Unit] = {}
    files: dict[str, Path] = {}
    roots: list[Path] = []
    for each in passes:
        unit = None if each.origin is None else _unit(each.origin)
        if each.origin is not None and unit is not None and each.spec in unit.passes:
            units[each.name], files[each.name] = unit, each.origin.path
            roots += each.origin.roots
    return Patterns(tuple(each.spec for each in passes), units, files, tuple(dict.fromkeys(roots)))


def _unit(origin: Origin) -> Unit | None:
    try:
        changed = origin.path.stat().st_mtime_ns
    except OSError:
        return None
    return _compiled(origin, changed)


@lru_cache(maxsize=256)
def _compiled(origin: Origin, changed: int) -> Unit | None:
    """The unit of a file that was last changed then."""
    (outcome,) = run([origin.path], roots=origin.roots, stop_after="plan")
    return None if outcome.errors else outcome.unit


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
