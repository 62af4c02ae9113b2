"""Compiled files -> which broken patterns their generated tests do not notice.

In: compiled files, a device. Out: an exit code, and the list of survivors on standard output. A pattern's cases are
made once, from the pattern as it is, and run against a pass that has the broken one in its place.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import attrs
import click

from patdsl.commands import report
from patdsl.pipeline import Outcome as Compiled
from patdsl.render import escape
from patdsl.selftest.files import FileTests
from patdsl.selftest.mutants import Mutant, mutants
from patdsl.selftest.run_graph import difference, make_inputs, run_graph
from patdsl.selftest.tester import Prepared, Tester
from patdsl.selftest.verify import FILLS, SEEDS


@attrs.frozen
class Survivor:
    """A mutant that no test noticed. `reason`: why it means the same, where a graph shows that; else ""."""

    place: str
    pattern: str
    title: str
    reason: str = ""


@attrs.frozen
class Mutated:
    """What came of the mutants of one pattern. `idle`: why none was made."""

    total: int
    survivors: tuple[tuple[Mutant, str], ...]
    idle: str = ""


def mutate(tester: Tester) -> Mutated:
    """Break a pattern in every single place, and run its cases until one notices."""
    prepared = [made for _, made in tester.prepared() if isinstance(made, Prepared)]
    if not prepared:
        return Mutated(0, (), tester.off or "no example was found")
    if any(tester.check(each).verdict == "failed" for each in prepared):
        return Mutated(0, (), "its own tests fail")
    total = 0
    survivors = []
    last = 0
    for mutant in mutants(tester.pattern, tester.context.ops):
        total += 1
        # The case that noticed the last one often notices this one.
        order = [*prepared[last : last + 1], *prepared]
        for at, each in enumerate(order):
            if tester.check(each, mutant.pattern).verdict == "failed":
                last = max(at - 1, 0) if at else last
                break
        else:
            survivors.append((mutant, _why_equivalent(tester, mutant, prepared)))
    return Mutated(total, tuple(survivors))


def _why_equivalent(tester: Tester, mutant: Mutant, prepared: Sequence[Prepared]) -> str:
    """Why a mutant means the same as the pattern, where a run shows it; else ""."""
    if mutant.title.endswith("swapped"):
        return _same_either_way(tester, mutant, prepared[0])
    return _refused_all_the_same(tester, mutant, prepared)


def _same_either_way(tester: Tester, mutant: Mutant, prepared: Prepared) -> str:
    """Two operands that have changed places: the same bits on values of every kind."""
    for fill in FILLS.values():
        for seed in SEEDS:
            inputs = [make_inputs(prepared.model.inputs, tester.device, seed, fill) for _ in range(2)]
            graphs = [tester.rewritten(prepared), tester.rewritten(prepared, mutant.pattern)]
            found = [run_graph(graph, given) for graph, given in zip(graphs, inputs, strict=True)]
            if any(difference(one, other) is not None for one, other in zip(*found, strict=True)):
                return ""
    return "the same bits either way, on usual values, extreme ones, zeros, NaN and infinities"


def _refused_all_the_same(tester: Tester, mutant: Mutant, prepared: Sequence[Prepared]) -> str:
    """What refuses a looser pattern where the pattern itself does not get so far: the types, or the new op's own
    checks.

    "" where no near miss shows it.
    """
    for each in prepared:
        if each.case.expects == "stays":
            more = tester.refusals(each, mutant.pattern) - tester.refusals(each)
            found = sorted(reason for reason in more if reason.startswith(("typed:", "written:")))
            if found:
                return f"refused all the same: {each.case.title}: {found[0]}"
    return ""


def check_mutants(compiled: Sequence[Compiled], device: str, words: str, as_json: bool) -> int:
    """Mutate every pattern whose name has `words` in it; 1 where a mutant survives or a pattern could not be broken."""
    start = time.perf_counter()
    total, patterns = 0, 0
    survivors: list[Survivor] = []
    idle: list[tuple[str, str]] = []
    for one in compiled:
        with FileTests(one, device) as tests:
            for tester in tests.testers():
                name = tester.declared.full_name
                if words not in f"{one.path} {name}".lower():
                    continue
                if sys.stderr.isatty():
                    click.echo(f"\r\x1b[K{total:,} {escape(name)}", nl=False, err=True)
                found = mutate(tester)
                patterns += 1
                total += found.total
                line = tester.declared.place.rpartition(":")[2]
                if found.idle:
                    idle.append((f"{one.path}:{line}: {name}", found.idle))
                survivors += [
                    Survivor(f"{one.path}:{each.line or line}", name, each.title, why)
                    for each, why in found.survivors
                ]
    seconds = time.perf_counter() - start
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        click.echo(json.dumps(_document(total, patterns, survivors, idle, seconds), indent=2))
    else:
        for each in survivors:
            word = "equivalent" if each.reason else "survived"
            click.echo(f"{word} {escape(each.place)}: {escape(each.pattern)}: {escape(each.title)}")
            if each.reason:
                click.echo(f"    {escape(each.reason)}")
        for name, why in idle:
            click.echo(f"not mutated {escape(name)}\n    {escape(why)}")
        told = f"{report.count(total, 'mutant')} of {report.count(patterns - len(idle), 'pattern')} in {seconds:.0f} s"
        alike = sum(bool(each.reason) for each in survivors)
        counts = (
            f"{total - len(survivors):,} noticed, {alike:,} equivalent, {len(survivors) - alike:,} survived"
        )
        click.echo(f"{told}: {counts}")
    return 1 if idle or not all(each.reason for each in survivors) else 0


def _document(
    total: int, patterns: int, survivors: Sequence[Survivor], idle: Sequence[tuple[str, str]], seconds: float
) -> dict[str, Any]:
    return {
        "ok": not idle and all(each.reason for each in survivors),
        "seconds": round(seconds, 3),
        "mutants": total,
        "patterns": patterns,
        "survivors": [attrs.asdict(each) for each in survivors],
        "not_mutated": [{"pattern": name, "reason": why} for name, why in idle],
    }
