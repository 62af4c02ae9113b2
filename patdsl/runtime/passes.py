"""A compiled pass that can be given to Inductor.

In: a `PassSpec`, the function that registers its patterns, host values, a target. Out: `FusionPass`, callable on a
graph, with counts, a report and an identity for caches. Never raises into a compilation because of a match: what
cannot be written stays as it was, and the report says why.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from patdsl.garbage import collections_paused
from patdsl.graph import PassSpec
from patdsl.op_table import TorchCall
from patdsl.runtime import torch_api
from patdsl.runtime.hosts import host_values
from patdsl.runtime.matcher import Matcher, entries_of, register_replacement, rewrite, trace
from patdsl.runtime.preference import current_preference, use_preference
from patdsl.runtime.sides import Left, Right, examples
from patdsl.runtime.target import check_target, current_target
from patdsl.runtime.tokens import TokenRange
from patdsl.runtime.torch_api import Graph, GraphModule, Node
from patdsl.runtime.torch_ops import exists
from patdsl.runtime.uuid import pass_uuid

if TYPE_CHECKING:
    from patdsl.explain.report import GraphReport
    from patdsl.match.engine import Found
    from patdsl.match.found import Match
    from patdsl.match.index import PatternIndex
    from patdsl.runtime.report import PassReport
    from patdsl.runtime.resolve import Resolved
    from patdsl.runtime.rewriter import NotWritten, Written

logger = logging.getLogger("patdsl")

#: Looks at one graph before a pass gives up: each round but the last has rewritten something.
ROUNDS = 32

Register = Callable[["FusionPass"], None]


@attrs.frozen
class Origin:
    """The `.pat` file that a pass was made of, and the folders that its imports may name."""

    path: Path
    roots: tuple[Path, ...] = ()


class FusionPass(torch_api.PatternMatcherPass, torch_api.CustomGraphPass):  # type: ignore[misc]
    """One pass. `register` makes one `register_replacement` call for each pattern; None registers all of `spec`.

    `hosts` are the values that the integration supplies; the others have their declared test values. `target` is the
    current one unless given. Raises HostValueError and ValueError (a bad target name).
    """

    def __init__(
        self,
        spec: PassSpec,
        register: Register | None = None,
        *,
        hosts: Mapping[str, Any] | None = None,
        target: str | None = None,
    ) -> None:
        super().__init__(pass_name=f"patdsl.{spec.name}")
        self.spec = spec
        self.name = spec.name
        self.target = current_target() if target is None else check_target(target)
        self.hosts = host_values([spec], hosts)
        self.prefer = current_preference()
        self.tokens: TokenRange | None = None
        #: Where the pass comes from, if that is known: explain reads it to suggest changes.
        self.origin: Origin | None = None
        self.counts: Counter[str] = Counter()
        self.last_counts: Counter[str] = Counter()
        self._called: dict[str, Counter[str]] = {}
        #: Pattern, node's name, rule and reason, in the order met.
        self._refusals: dict[tuple[str, str, str, str], None] = {}
        #: Pattern -> what the last graph did not have, as it came.
        self._missing: dict[str, str] | None = None
        self._seen: tuple[frozenset[str], Resolved] | None = None
        self._index: tuple[Resolved, frozenset[str], PatternIndex] | None = None
        self._targets = _torch_targets(spec)
        self._lock = threading.RLock()
        (register or register_all)(self)

    def __call__(self, graph: Graph) -> None:
        """Apply the pass to a graph."""
        self.apply(graph)

    def apply(self, gm: GraphModule | Graph) -> int:
        """Apply the pass; how many matches were written.

        Unlike torch's driver it looks once for all patterns, so that of two matches at one place the larger wins, and
        looks again until nothing more is found. Threads take turns, as the counts are those of one graph.
        """
        with self._lock, collections_paused():
            return self._apply(gm)

    def _apply(self, gm: GraphModule | Graph) -> int:
        graph = gm.graph if isinstance(gm, GraphModule) else gm
        self.begin()
        if os.environ.get("PATDSL_EXPLAIN"):
            # Most processes ask for no explanation.
            from patdsl.explain.in_process import write_report

            write_report(graph, self)
        index = self.index()
        if not index.entries:
            return 0
        owner = graph.owning_module
        if owner is None:
            self._run(graph, index)
        else:
            with torch_api.GraphTransformObserver(owner, self.pass_name):
                self._run(graph, index)
        for name, count in self.last_counts.items():
            logger.debug("%s: %s: replaced %d", self.name, name, count)
        for refusal in self._refusals:
            logger.debug("%s: refused: %s at %s: %s: %s", self.name, *refusal)
        return sum(self.last_counts.values())

    def _run(self, graph: Graph, index: PatternIndex) -> None:
        # The engine is loaded when there is a graph: a model's integration imports many passes and may use none.
        from patdsl.runtime.findings import Look

        for _ in range(ROUNDS):
            self._refusals = {}
            try:
                look = Look(graph, self, index)
            except Exception as error:
                # A fault of the matcher must not end the user's compilation; the graph is as it was.
                logger.error(
                    "%s: the matcher failed (%s: %s); the graph is left as it is. This is a fault of patdsl: "
                    "please report it, with what PATDSL_TRACEBACK=1 adds",
                    self.name,
                    type(error).__name__,
                    error,
                    exc_info=bool(os.environ.get("PATDSL_TRACEBACK")),
                )
                return
            outcomes = look.write_all()
            written = [outcome for outcome in outcomes if outcome.written]
            for outcome in written:
                torch_api.counters["inductor"]["pattern_matcher_count"] += 1
                torch_api.counters["inductor"]["pattern_matcher_nodes"] += outcome.erased
            if not written or look.gave_up:
                return
        logger.warning("%s: still found matches after %d rounds", self.name, ROUNDS)

    # what the pass is now

    def compile_for(self, low: int, high: int) -> bool:
        """The graphs to come are for `low` to `high` tokens (`tokens` in a `when`); whether the pass is on for them."""
        tokens = TokenRange(low, high)
        if tokens != self.tokens:
            self.tokens = tokens
            self._seen = None
        return not self.resolved().reasons

    def resolved(self) -> Resolved:
        """Patterns, context and standings, with the torch ops that are registered now."""
        # Like the engine: loaded when a pass is used, so that importing many passes stays cheap.
        from patdsl.runtime.resolve import resolve_pass

        existing = self._existing()
        if self._seen is None or self._seen[0] != existing:
            self._seen = (
                existing,
                resolve_pass(self.spec, self.target, self.hosts, prefer=self.prefer, tokens=self.tokens),
            )
        return self._seen[1]

    def index(self) -> PatternIndex:
        """The patterns that are registered and enabled, as the target reads them."""
        from patdsl.match.index import PatternIndex

        resolved = self.resolved()
        names = frozenset(
            entry.pattern.pattern.full_name
            for entry in entries_of(self)
            if isinstance(entry.pattern, Matcher)
        )
        if self._index is None or self._index[0] is not resolved or self._index[1] != names:
            wanted = [pattern for pattern in resolved.enabled if pattern.full_name in names]
            self._index = (resolved, names, PatternIndex(wanted, resolved.context))
        return self._index[2]

    def _existing(self) -> frozenset[str]:
        return frozenset(filter(exists, self._targets))

    def uuid(self) -> str | None:
        """The identity of the pass for Inductor's cache; None, which turns it off, where a host function has none."""
        return pass_uuid(self.spec, self.target, self.hosts, self._existing(), self.prefer, self.tokens)

    def report(self) -> PassReport:
        """What is enabled and why not, which bindings are called, what was replaced, and what was refused last."""
        # Most processes ask for no report.
        from patdsl.runtime.report import PassReport, Refused, pattern_report

        resolved = self.resolved()
        patterns = tuple(
            pattern_report(
                standing,
                self.last_counts[standing.pattern.full_name],
                self.counts[standing.pattern.full_name],
                self._called.get(standing.pattern.full_name, {}),
                (self._missing or {}).get(standing.pattern.full_name),
            )
            for standing in resolved.standings
        )
        refusals = tuple(Refused(*each) for each in self._refusals)
        return PassReport(
            self.name, self.target, resolved.reasons, patterns, refusals, self.uuid() is not None
        )

    def explain(self, gm: GraphModule | Graph) -> GraphReport:
        """Where each pattern holds in a graph, and why it does not where it nearly does. The graph stays as it is.
        Changes are suggested where `origin` names the `.pat` file, as `patdsl.load` has it do."""
        from patdsl.explain.in_process import explain_graph

        return explain_graph(gm.graph if isinstance(gm, GraphModule) else gm, [self])

    # what findings tell

    def begin(self) -> None:
        """A graph is about to be looked at."""
        self.last_counts = Counter()
        self._refusals = {}
        self._missing = None

    def note(self, match: Match[Node], outcome: Written | NotWritten) -> None:
        """Count a written match, or keep the reason."""
        name = match.pattern.full_name
        if outcome.written:
            self.counts[name] += 1
            self.last_counts[name] += 1
            self._called.setdefault(name, Counter()).update(outcome.calls)
        elif not outcome.stale:
            self._refusals.setdefault((name, match.before.name, "written", outcome.reason))

    def note_refusals(self, found: Found) -> None:
        """Keep the engine's reasons; nodes are named, not kept."""
        if self._missing is None:
            self._missing = {pattern.full_name: reason for pattern, reason in found.missing}
        for each in found.refusals:
            self._refusals.setdefault((each.pattern.full_name, each.at.name, each.rule, each.reason))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are the same pass with its counts, without what torch registered."""
        return _again, (self.spec, self.hosts, self.target, self.prefer, self.tokens, dict(self.counts))


def _again(
    spec: PassSpec,
    hosts: dict[str, Any],
    target: str,
    prefer: tuple[str, ...],
    tokens: TokenRange | None,
    counts: dict[str, int],
) -> FusionPass:
    with use_preference(*prefer):
        again = FusionPass(spec, hosts=hosts, target=target)
    again.tokens = tokens
    again.counts.update(counts)
    return again


def register_all(patterns: FusionPass) -> None:
    """Register every pattern of a pass, as a compiled module does one by one."""
    for pattern in patterns.spec.patterns:
        register_replacement(
            search_fn=Left(pattern),
            replace_fn=Right(pattern),
            example_inputs=examples(pattern),
            trace_fn=trace,
            pass_dicts=patterns,
            extra_check=rewrite,
            search_fn_pattern=Matcher(pattern, patterns),
            pattern_name=pattern.full_name,
        )


def _torch_targets(spec: PassSpec) -> tuple[str, ...]:
    """Every torch op that a binding of the pass names."""
    return tuple(
        dict.fromkeys(
            binding.target
            for op in spec.ops.values()
            for binding in op.bindings
            if isinstance(binding, TorchCall)
        )
    )
