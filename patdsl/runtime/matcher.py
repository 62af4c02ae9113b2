"""A pattern as torch's pattern matcher wants one.

In: a `Pattern` and the pass that it belongs to. Out: a `PatternExpr` whose `match` asks our engine. torch's driver
visits nodes, checks a candidate twice and then puts a graph of its own in its place, in front of the earliest output.
Here the engine looks once at a graph state, `rewrite` (given as `extra_check`, the last hook that may refuse) writes
the match, and nothing is left for torch to replace: `output_nodes` is then `[None]`, which `trace` answers with a
graph that returns None.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from patdsl.graph import Pattern
from patdsl.op_table import Block, Native, Step, reached
from patdsl.runtime import torch_api
from patdsl.runtime.torch_api import Graph, Node
from patdsl.runtime.torch_ops import find_op
from patdsl.torch_private import schema_of

if TYPE_CHECKING:
    from patdsl.runtime.findings import Findings
    from patdsl.runtime.passes import FusionPass
    from patdsl.runtime.torch_match import TorchMatch


def _findings(graph: Graph, patterns: FusionPass) -> Findings:
    """`findings_of`, with the engine loaded when there is a graph."""
    from patdsl.runtime.findings import findings_of

    return findings_of(graph, patterns)


class Matcher(torch_api.PatternExpr):  # type: ignore[misc]
    """`fns` are the torch ops at one of whose nodes a match is reported: those that compute a replaced value."""

    op = "call_function"

    def __init__(self, pattern: Pattern, patterns: FusionPass) -> None:
        super().__init__()
        self.pattern = pattern
        self.patterns = patterns
        self.fns = list(dict.fromkeys(_targets(pattern, patterns))) or [pattern.full_name]

    def __repr__(self) -> str:
        return f"Matcher({self.pattern.full_name})"

    def pretty_print(self, pp: Any) -> str:
        """Names the pattern: torch refuses two registrations that print alike."""
        return f"patdsl.Matcher({self.patterns.name}.{self.pattern.full_name})"

    def match(self, node: Node) -> Any:
        """The match that `node` belongs to, or a FailedMatch."""
        # Loaded with the engine, when there is a graph.
        from patdsl.runtime.torch_match import TorchMatch

        match = _findings(node.graph, self.patterns).at(node, self.pattern.full_name)
        if match is None:
            return torch_api.FailedMatch("no match of {}", self.pattern.full_name)
        return TorchMatch(self, match, node)

    def _match(self, node: Node, ctx: Any) -> Any:
        return self.match(node)


def register_replacement(*, search_fn_pattern: Matcher, pass_dicts: Any, **arguments: Any) -> None:
    """torch's `register_replacement` for one pattern. Threads take turns; what is there already stays.

    torch raises RuntimeError for another pattern of the same name.
    """
    with _REGISTERING:
        if not any(_same(entry.pattern, search_fn_pattern) for entry in entries_of(pass_dicts)):
            torch_api.register_replacement(
                search_fn_pattern=search_fn_pattern, pass_dicts=pass_dicts, **arguments
            )


_REGISTERING = threading.Lock()


def entries_of(patterns: Any) -> list[Any]:
    """What torch has registered with a pass."""
    return [entry for entries in patterns.patterns.values() for entry in entries]


def _same(one: Any, other: Matcher) -> bool:
    return isinstance(one, Matcher) and one.patterns is other.patterns and one.pattern == other.pattern


def rewrite(match: TorchMatch) -> bool:
    """Write the match into its graph; False, with the reason in the report, where it cannot be written."""
    matcher: Matcher = match.pattern
    return _findings(match.anchor.graph, matcher.patterns).write(match.found)


def trace(fn: Any, *args: Any, **kwargs: Any) -> Any:
    """The graph that torch puts in the place of a match that is written already: it takes `args` and returns None."""
    graph = torch_api.Graph()
    for at in range(len(args[0])):
        graph.placeholder(f"input_{at}")
    graph.output((None,))
    return torch_api.GraphModule({}, graph)


def _targets(pattern: Pattern, patterns: FusionPass) -> Iterator[Any]:
    """Targets of the nodes that can compute a replaced value."""
    replaced = {each.left for each in pattern.replaces}
    for step in pattern.left.steps:
        if isinstance(step, Step) and any(name in replaced for _, name in step.results):
            yield from _op_targets(step.op, patterns, frozenset())


def _op_targets(name: str, patterns: FusionPass, seen: frozenset[str]) -> Iterator[Any]:
    if name in seen:
        return
    for binding in reached(name, patterns.spec.ops):
        if isinstance(binding, Native):
            yield from _block_targets(binding.block, patterns, seen | {name})
            continue
        op = find_op(binding.target)
        if op is not None:
            yield op
            if schema_of(op).is_mutable:
                yield from torch_api.FUNCTIONALIZED


def _block_targets(block: Block, patterns: FusionPass, seen: frozenset[str]) -> Iterator[Any]:
    for step in block.steps:
        if isinstance(step, Step):
            yield from _op_targets(step.op, patterns, seen)
