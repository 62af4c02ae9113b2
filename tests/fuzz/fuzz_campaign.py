"""Many cases, one after another.

In: a seed, a number of cases, a time. Out: a `Report`: how many, how fast, what was reached, and the failures. A case
is a lineage of seeds (`12.5083.77`), which makes the same text on every machine with the same files: one that reaches
something new is kept, and further seeds change it again.
"""

from __future__ import annotations

import gc
import resource
import time
from collections import Counter
from collections.abc import Callable

import attrs
from fuzz_checks import Bench, Result
from fuzz_cover import Cover
from fuzz_mutate import chance, text_of

Lineage = tuple[int, ...]

#: Every so many cases the lines of the parser are watched too, which makes a case some ten times as slow.
TRACED = 40
#: Changes that one text is made of, at most.
LONGEST_LINEAGE = 12
_SLOWEST = 5


@attrs.define
class Report:
    """What came of a run."""

    cases: int = 0
    seconds: float = 0.0
    characters: int = 0
    stages: Counter[str] = attrs.Factory(Counter)
    codes: Counter[str] = attrs.Factory(Counter)
    kept: list[Lineage] = attrs.Factory(list)
    failures: dict[str, Lineage] = attrs.Factory(dict)
    slowest: list[tuple[float, Lineage]] = attrs.Factory(list)
    memory: int = 0
    failed_last: str = ""

    def note(self, lineage: Lineage, text: str, result: Result) -> None:
        self.cases += 1
        self.characters += len(text)
        self.stages[result.stage] += 1
        self.codes.update(result.codes)
        self.failed_last = ""
        if result.wrong and kind_of(result.wrong) not in self.failures:
            self.failures[kind_of(result.wrong)] = lineage
            self.failed_last = f"{result.wrong}: {'.'.join(map(str, lineage))}"
        if len(self.slowest) < _SLOWEST or result.seconds > self.slowest[-1][0]:
            self.slowest = sorted([*self.slowest, (result.seconds, lineage)], reverse=True)[:_SLOWEST]


def kind_of(wrong: str) -> str:
    """What failures have in common that have one cause."""
    return (
        "slow"
        if wrong.startswith("slow")
        else wrong.split(": ", 2)[1]
        if wrong.startswith("exc")
        else wrong[:60]
    )


def campaign(
    bench: Bench,
    cover: Cover,
    seed: int,
    cases: int,
    seconds: float,
    tell: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Run cases until there were so many, or so much time is up."""
    report = Report()
    random = chance(seed)
    start = time.perf_counter()
    gc.freeze()  # what was loaded stays: it need not be looked through again and again
    with cover.watching():
        while report.cases < cases and report.seconds < seconds:
            lineage: Lineage = (random.getrandbits(48),)
            if report.kept and random.random() < 0.5:
                # What was kept last leads on to what is new more often than what was kept first.
                at = int(len(report.kept) * random.random() ** 0.5)
                lineage = (*report.kept[at], *lineage)
            text = text_of(lineage)
            cover.new = 0
            is_traced = report.cases % TRACED == 0
            result = cover.traced(lambda text=text: bench.check(text)) if is_traced else bench.check(text)
            if cover.new and not result.wrong and len(lineage) < LONGEST_LINEAGE:
                report.kept.append(lineage)
            report.note(lineage, text, result)
            report.seconds = time.perf_counter() - start
            tell(report)
    report.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return report
