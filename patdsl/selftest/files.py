"""`.pat` files -> their tests, generated and written.

In: compiled units. Out: `PatternTests` and `WrittenTests` in the order of the file. Ops that this process does not have
get stand-ins for as long as `FileTests` is open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit, WrittenTest
from patdsl.graph import PassSpec, Pattern
from patdsl.pipeline import Outcome as Compiled
from patdsl.runtime.chain import Chain
from patdsl.runtime.passes import FusionPass
from patdsl.runtime.resolve import make_context
from patdsl.runtime.target import current_target, use_target
from patdsl.runtime.usable import THIS_PROCESS
from patdsl.selftest.cases import Case
from patdsl.selftest.model import Form, NoModelError, build
from patdsl.selftest.run_graph import copy_of, difference, make_inputs, run_graph
from patdsl.selftest.samples import samples
from patdsl.selftest.stand_ins import with_stand_ins
from patdsl.selftest.tester import SEED, Outcome, Prepared, Tester, first_line


@attrs.frozen(eq=False)
class Test:
    """One test: whose, what, where (`file:line`), and how it is run."""

    __test__ = False  # for pytest, which would collect the class

    pattern: str
    title: str
    place: str
    tester: Tester | None
    case: Case | None
    written: WrittenTest | None = None

    @property
    def name(self) -> str:
        return f"{self.pattern}: {self.title}" if self.pattern else self.title


class FileTests:
    """The tests of one compiled file, on `device`. A context: stand-ins are there within it."""

    def __init__(self, compiled: Compiled, device: str) -> None:
        assert compiled.unit is not None
        self.path: Path = compiled.path
        self.unit: Unit = compiled.unit
        self.device = device
        self.stand_ins: tuple[str, ...] = ()
        self._scope = contextlib.ExitStack()
        self._table: Any = {}

    def __enter__(self) -> FileTests:
        self._table, self.stand_ins = self._scope.enter_context(with_stand_ins(self.unit.table))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._scope.close()

    def testers(self) -> Iterator[Tester]:
        """One for each pattern that the file declares, variants counted singly."""
        for pattern in self.unit.patterns:
            yield Tester(self._spec_of(pattern), pattern, self.device)

    def tests(self) -> Iterator[Test]:
        """Every test, generated ones first. A generated one that no graph can be is among them."""
        for tester in self.testers():
            pattern = tester.declared
            for case in tester.cases():
                yield Test(pattern.full_name, case.title, self._place(pattern.place), tester, case)
        for written in self.unit.tests:
            yield Test("", written.title, self._place(written.model.place), None, None, written)

    def run(self, test: Test) -> Outcome | None:
        """What came of a test; None for a generated one that no graph can be."""
        if test.written is not None:
            return self._run_written(test.written)
        assert test.tester is not None
        assert test.case is not None
        prepared = test.tester.prepare(test.case)
        if isinstance(prepared, Prepared):
            return test.tester.check(prepared)
        return None if test.case.optional else Outcome("not run", prepared)

    def _place(self, place: str) -> str:
        """`file:line` as the user named the file."""
        return f"{self.path}:{place.rpartition(':')[2]}"

    def _spec_of(self, pattern: Pattern) -> PassSpec:
        """The pass that has the pattern, or one with everything that the file reaches."""
        for spec in self.unit.passes:
            if any(each.full_name == pattern.full_name for each in spec.patterns):
                return attrs.evolve(spec, ops={name: self._table[name] for name in spec.ops})
        consts = {name: value for spec in self.unit.passes for name, value in spec.consts.items()}
        hosts = {host.name: host for spec in self.unit.passes for host in spec.hosts}
        return PassSpec(self.unit.name, (pattern,), self._table, consts, tuple(hosts.values()))

    # written tests

    def _run_written(self, written: WrittenTest) -> Outcome:
        target = "cpu" if self.device == "cpu" else current_target()
        with use_target(target):
            return self._expect(written, target)

    def _expect(self, written: WrittenTest, target: str) -> Outcome:
        specs = [
            attrs.evolve(spec, ops={name: self._table[name] for name in spec.ops})
            for spec in self.unit.passes
        ]
        passes = Chain(FusionPass(spec, target=target) for spec in specs)
        everything = attrs.evolve(self._spec_of(written.model), ops=self._table)
        hosts = {host.name: host.default for host in everything.hosts}
        context = make_context(everything, target, hosts, (), THIS_PROCESS)
        reason = "no sizes were found that fit its types"
        for sample in samples(written.model, context):
            try:
                model = build(written.model, context, sample, Form(returned=written.leaves), self.device)
                inputs = make_inputs(model.inputs, self.device, SEED)
                expected = run_graph(model.graph, inputs)
            except NoModelError as error:
                reason = str(error)
                continue
            except Exception as error:  # an op's own check, of whatever kind
                reason = first_line(error)
                continue
            break
        else:
            return Outcome("not run", reason)
        graph = copy_of(model.graph)
        passes(graph)
        wrong = [
            f"line {line}: {name} matched {matched}, expected {count}"
            for name, count, line in written.expects
            if (matched := _matches(passes, name)) != count
        ]
        if wrong:
            told = [f"{each}" for one in passes for each in one.report().refusals]
            return Outcome("failed", "; ".join((*wrong, *told)))
        found = run_graph(graph, make_inputs(model.inputs, self.device, SEED))
        for label, mine, other in zip(model.results, found, expected, strict=True):
            why = difference(mine, other)
            if why is not None and not any(one.spec.patterns and _rounds(one) for one in passes):
                return Outcome("failed", f"{label}: {why}")
        return Outcome("passed")


def _rounds(one: FusionPass) -> bool:
    """Whether a pattern that matched declares to round elsewhere."""
    return any(pattern.rounds and one.last_counts[pattern.full_name] for pattern in one.spec.patterns)


def _matches(passes: Chain, name: str) -> int:
    """Matches of a pattern in all its variants."""
    names = {each.full_name for one in passes for each in one.spec.patterns if each.name == name}
    return sum(count for each, count in passes.last_counts.items() if each in names)
