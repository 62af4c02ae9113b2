"""A pattern and its cases -> what came of each.

In: the spec of a pass, one of its patterns, a device. Out: `Tester`: its cases, and `Outcome` of each. The pass is the
one that is compiled, with this pattern alone; so a case says what this pattern does, whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import attrs
import torch

from patdsl.demo.compare import step
from patdsl.graph import PassSpec, Pattern
from patdsl.match.resolve import resolve_all
from patdsl.runtime.passes import FusionPass
from patdsl.runtime.resolve import is_on
from patdsl.runtime.target import current_target, use_target
from patdsl.runtime.torch_api import Graph
from patdsl.runtime.values import torch_dtype
from patdsl.selftest.cases import Case, cases, dtype_variables
from patdsl.selftest.model import Model, NoModelError, build, quiet
from patdsl.selftest.run_graph import copy_of, difference, make_inputs, run_graph
from patdsl.selftest.samples import TRIES, Sample, samples

#: Samples of which a model is built, before a case counts as one that cannot be.
MOST_BUILT = 500
#: Sizes that are tried for a case which need not be there.
OPTIONAL_TRIES = 400
SEED = 20


@attrs.frozen
class Outcome:
    """`passed`, `failed` or `not run`; `reason` says why, unless it passed."""

    verdict: Literal["passed", "failed", "not run"]
    reason: str = ""


@attrs.define(eq=False)
class Prepared:
    """A case with its graph and what the graph computes.

    `held_back`: the match is refused, rightly, because a result would have other strides than the graph's, which only a
    graph can tell. Set when the pattern itself is checked.
    """

    case: Case
    sample: Sample
    model: Model
    inputs: list[torch.Tensor]
    expected: tuple[torch.Tensor, ...]
    written: list[torch.Tensor]
    held_back: bool = False


class Tester:
    """The cases of one pattern, on `device` (`cpu` or `cuda`)."""

    def __init__(self, spec: PassSpec, pattern: Pattern, device: str) -> None:
        self.device = device
        self.target = target_for(pattern, device)
        self.declared = pattern
        self.spec = attrs.evolve(spec, patterns=(pattern,), targets=(), when=None)
        self.fusion = FusionPass(self.spec, target=self.target)
        self.resolved = self.fusion.resolved()
        self.pattern = self.resolved.standings[0].pattern
        #: With the ops as the target reads them: a guard may ask for `fp8`.
        ops = {name: resolve_all(op, self.target) for name, op in self.resolved.context.ops.items()}
        self.context = attrs.evolve(self.resolved.context, ops=ops)
        self.off = "; ".join((*self.resolved.reasons, *self.resolved.standings[0].reasons))
        self._base: dict[Any, Any] = {}

    def cases(self) -> list[Case]:
        """Every case. Without an example there is one, which says so."""
        made = None if self.off else self._plain()
        return [Case("matches", "fires")] if made is None else cases(self.pattern, self.context, made)

    def dtype_variables(self) -> list[str]:
        """The dtype variables of the pattern's inputs, by name."""
        return dtype_variables(self.pattern, self.context)

    def ops_used(self) -> set[str]:
        """The ops that the pattern names, on either side."""
        return {step.op for step in (*self.pattern.left.steps, *self.pattern.right) if hasattr(step, "op")}

    def prepared(self) -> Iterator[tuple[Case, Prepared | str]]:
        """Every case with its graph, or why it has none. What no graph can be is left out, unless it was asked for."""
        for case in self.cases():
            made = self.prepare(case)
            if isinstance(made, Prepared) or not case.optional:
                yield case, made

    def prepare(self, case: Case) -> Prepared | str:
        """The case with its graph, or why it has none."""
        with use_target(self.target):
            if self.off:
                return self.off
            if case.breaks is None and not case.given and case.view == "same":
                return self._prepare_usual(case)
            return self.search(case)

    def check(self, prepared: Prepared, pattern: Pattern | None = None) -> Outcome:
        """Apply the pass, or one that has `pattern` in the place of this one, to the graph of a case."""
        with use_target(self.target):
            if pattern is not None:
                return self._check(prepared, self._with(pattern))
            outcome = self._check(prepared, self.fusion)
            if outcome.verdict == "failed" and prepared.case.expects == "fires":
                reasons = refusals(self.fusion)
                prepared.held_back = bool(reasons) and all("its strides are" in each for each in reasons)
            return Outcome("passed") if prepared.held_back else outcome

    def rewritten(self, prepared: Prepared, pattern: Pattern | None = None) -> Graph:
        """The graph of a case with the pass applied, that of the pattern or of one in its place."""
        graph = copy_of(prepared.model.graph)
        with use_target(self.target), quiet():
            (self.fusion if pattern is None else self._with(pattern)).apply(graph)
        return graph

    def refusals(self, prepared: Prepared, pattern: Pattern | None = None) -> set[str]:
        """Why the pattern, or one in its place, is refused in the graph of a case."""
        with use_target(self.target):
            fusion = self.fusion if pattern is None else self._with(pattern)
            with quiet():
                fusion.apply(copy_of(prepared.model.graph))
            return set(refusals(fusion))

    def run(self, case: Case) -> Outcome:
        """Prepare and check."""
        prepared = self.prepare(case)
        return Outcome("not run", prepared) if isinstance(prepared, str) else self.check(prepared)

    def _with(self, pattern: Pattern) -> FusionPass:
        return FusionPass(attrs.evolve(self.spec, patterns=(pattern,)), target=self.target)

    # samples and models

    def _plain(self) -> Sample | None:
        """A sample with which the plain left side stands."""
        with use_target(self.target):
            for leading in (1, 2):
                made = self.search(Case("", "fires", leading=leading))
                if isinstance(made, Prepared):
                    return made.sample
        return None

    def _prepare_usual(self, case: Case) -> Prepared | str:
        """With the sample that plain cases have."""
        if case.leading not in self._base:
            self._base[case.leading] = self.search(Case("", "fires", leading=case.leading))
        base = self._base[case.leading]
        if isinstance(base, str):
            return base
        return self._built(case, base.sample)

    def search(self, case: Case, tokens: int | None = None) -> Prepared | str:
        """With the first sample that breaks what the case breaks, and nothing else. `tokens`: as for `samples`."""
        wanted = (case.breaks,) if case.breaks is not None else ()
        reason = "no sizes were found with which its conditions hold"
        if case.breaks is not None:
            reason = f"no sizes were found with which only this does not hold: {case.breaks}"
        built = 0
        found = samples(
            self.pattern,
            self.context,
            leading=case.leading,
            view=case.view,
            given=case.given,
            breaking=case.breaks is not None,
            tokens=tokens,
            tries=OPTIONAL_TRIES if case.optional else TRIES,
        )
        for sample in found:
            if sample.broken != wanted:
                continue
            prepared = self._built(case, sample)
            if isinstance(prepared, Prepared):
                refused = self._taken_back(prepared) if case.expects == "fires" else ""
                if not refused:
                    return prepared
                reason = refused
            else:
                reason = prepared
            built += 1
            if built == MOST_BUILT:
                break
        return reason

    def _taken_back(self, prepared: Prepared) -> str:
        """Why the new op itself does not take these sizes, which declarations cannot always say; "" where it does."""
        with quiet():
            count = self.fusion.apply(copy_of(prepared.model.graph))
        if count:
            return ""
        return next((each for each in refusals(self.fusion) if "fake implementation" in each), "")

    def _built(self, case: Case, sample: Sample) -> Prepared | str:
        try:
            model = build(self.pattern, self.context, sample, case.form, self.device)
        except NoModelError as error:
            return str(error)
        try:
            inputs = make_inputs(model.inputs, self.device, SEED)
            expected = run_graph(model.graph, inputs)
        except Exception as error:  # an op's own check: whatever it raises, these inputs are not for it
            return f"the left side does not run: {first_line(error)}"
        return Prepared(case, sample, model, make_inputs(model.inputs, self.device, SEED), expected, inputs)

    # checks

    def _check(self, prepared: Prepared, fusion: FusionPass) -> Outcome:
        graph = copy_of(prepared.model.graph)
        before = str(graph)
        with quiet():
            count = fusion.apply(graph)
        try:
            graph.lint()
        except RuntimeError as error:
            return Outcome("failed", f"the rewritten graph is broken: {first_line(error)}")
        expects = prepared.case.expects
        if expects == "fires" and prepared.held_back:
            return Outcome("passed") if count == 0 else Outcome("failed", _times(count))
        if expects == "fires" and count != 1:
            return Outcome("failed", f"{_times(count)}, expected once{_why(fusion)}")
        if expects == "stays" and count:
            return Outcome("failed", f"{_times(count)}, expected not to")
        if not count:
            same = str(graph) == before
            return (
                Outcome("passed")
                if same
                else Outcome("failed", "nothing was replaced, but the graph changed")
            )
        reason = _touched(prepared.model, graph) or _apart(prepared.model, graph)
        if reason is not None:
            return Outcome("failed", reason)
        left = {node.name for node in graph.nodes} & set(prepared.model.costly)
        if left:
            return Outcome("failed", f"still there after the rewrite: {', '.join(sorted(left))}")
        return self._compare(prepared, graph)

    def _compare(self, prepared: Prepared, graph: Any) -> Outcome:
        inputs = [each.clone() for each in prepared.inputs]
        try:
            found = run_graph(graph, inputs)
        except Exception as error:  # an op's own check, or a kernel's
            return Outcome("failed", f"the rewritten graph does not run: {first_line(error)}")
        for reason in self.mismatches(prepared, found, prepared.expected, inputs, prepared.written):
            return Outcome("failed", reason)
        return Outcome("passed")

    def mismatches(
        self,
        prepared: Prepared,
        found: Sequence[torch.Tensor],
        expected: Sequence[torch.Tensor],
        inputs: Sequence[torch.Tensor],
        written: Sequence[torch.Tensor],
    ) -> Iterator[str]:
        """How results differ by more than they may, and the inputs afterwards at all: `written` by the left side."""
        for label, mine, other in zip(prepared.model.results, found, expected, strict=True):
            reason = self.differs(prepared.sample, label, mine, other)
            if reason is not None:
                yield f"{label}: {reason}"
        for (name, _), mine, other in zip(prepared.model.inputs, inputs, written, strict=True):
            reason = difference(mine, other)
            if reason is not None:
                yield f"the input `{name}` is written: {reason}"

    def differs(self, sample: Sample, label: str, found: torch.Tensor, expected: torch.Tensor) -> str | None:
        """How a result differs by more than it may."""
        if any(label.startswith(f"`{name}`") for name in self.pattern.restride):
            found, expected = found.contiguous(), expected.contiguous()
        reason = difference(found, expected)
        if reason is None or not self.pattern.rounds or not _alike(found, expected):
            return reason
        return None if _close(found, expected, rounded_to(sample), len(self.pattern.rounds)) else reason


def _touched(model: Model, graph: Any) -> str | None:
    """What the rewrite did to nodes that it has no business with; None where it left them as they were."""
    after = {node.name: node for node in graph.nodes}
    for name in model.others:
        if name not in after:
            return f"{name}, which is no part of the pattern, is gone"
    return None


def _apart(model: Model, graph: Any) -> str | None:
    """Which result no longer waits for an input that it waited for; None where each does. An input that orders calls,
    as one that stands for a write, changes no value: that it is gone shows here alone."""
    before, after = _waits_for(model.graph), _waits_for(graph)
    for label, old, new in zip(model.outputs, before, after, strict=True):
        if lost := old - new:
            return f"{label} no longer depends on {', '.join(sorted(lost))}"
    return None


def _waits_for(graph: Any) -> list[set[str]]:
    """For each result the inputs that its value is made of."""
    made_of: dict[Any, set[str]] = {}
    for node in graph.nodes:
        if node.op == "output":
            return [made_of.get(result, set()) for result in node.args[0]]
        own = {node.name} if node.op == "placeholder" else set()
        made_of[node] = own.union(*(made_of[each] for each in node.all_input_nodes))
    return []


def _alike(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return (found.dtype, found.shape, found.stride()) == (expected.dtype, expected.shape, expected.stride())


#: What a rounding elsewhere may change, in steps of the result: half a step of the value itself and half of what is
#: made of it, doubled where the result lies in the binade above.
STEPS_OF_A_ROUNDING = 3
#: Dtypes that a value may be rounded to on its way.
ROUNDED = {torch.bfloat16, torch.float16, torch.float32}


def rounded_to(sample: Sample) -> set[torch.dtype]:
    """The dtypes that values of the left side are rounded to."""
    return {torch_dtype(meta.dtype) for meta in sample.metas.values()} & ROUNDED


def coarsest_step(at: torch.Tensor, dtypes: Iterable[torch.dtype]) -> torch.Tensor:
    """The distance of neighbouring values at each (float64) value, in the coarsest of some dtypes."""
    return torch.stack([step(at, dtype) for dtype in dtypes]).amax(0)


def _close(found: torch.Tensor, expected: torch.Tensor, dtypes: Iterable[torch.dtype], rounds: int) -> bool:
    """Within what roundings elsewhere may change, in steps of the coarsest dtype that takes part."""
    if not found.is_floating_point():
        return False
    mine, other = found.double(), expected.double()
    steps = ((mine - other).abs() / coarsest_step(other, (found.dtype, *dtypes))).nan_to_num(nan=0.0)
    return not bool((steps > STEPS_OF_A_ROUNDING * rounds).any())


def target_for(pattern: Pattern, device: str) -> str:
    """The target of a test: the device's own, or the first one that the pattern names where it is not for that."""
    own = "cpu" if device == "cpu" else current_target()
    if is_on(pattern.targets, own):
        return own
    return pattern.targets[0].name


def refusals(fusion: FusionPass) -> list[str]:
    """Why the pattern was refused in the last graph."""
    return [f"{each.rule}: {each.reason}" for each in fusion.report().refusals]


def _why(fusion: FusionPass) -> str:
    reasons = refusals(fusion)
    return f": {'; '.join(reasons)}" if reasons else ""


def _times(count: int) -> str:
    return {0: "did not fire", 1: "fired"}.get(count, f"fired {count} times")


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
