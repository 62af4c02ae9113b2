"""A share of the fuzzing with fixed seeds, and that each of its promises can be seen to break."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import fuzz_checks
import pytest
from fuzz_campaign import Report, campaign, kind_of
from fuzz_checks import Bench
from fuzz_cover import Cover, all_lines
from fuzz_generate import generate
from fuzz_minimise import minimise
from fuzz_mutate import chance, text_of

from patdsl import pipeline
from patdsl.diagnostic import Diagnostics
from patdsl.source import Source
from patdsl.syntax import tree_to_ast
from patdsl.syntax.text_to_ast import parse

CASES = 4_000
#: Of the lines of `patdsl/syntax`, a run must reach this share; more cases reach more.
LEAST_REACHED = 0.85
MEMORY = 1 << 30
PLAIN = "op f(x: T[H]) -> (y: T[H]) = a::b\npattern p { f -> relu => f }\n"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


@pytest.mark.parametrize("seed", [1, 2])
def test_no_text_breaks_a_promise(seed: int, bench: Bench) -> None:
    cover = Cover()
    report = campaign(bench, cover, seed, CASES, math.inf)
    assert report.failures == {}
    assert report.memory < MEMORY
    assert len(cover.lines) > LEAST_REACHED * all_lines()
    assert report.stages["module"] > CASES / 100
    assert len(report.codes) > 40


def test_most_of_what_the_grammar_makes_parses() -> None:
    made = [generate(chance(seed)) for seed in range(200)]
    found = []
    for text in made:
        diagnostics = Diagnostics()
        parse(Source("x.pat", text), diagnostics)
        found.append({item.code for item in diagnostics.errors} <= {"PAT013", "PAT014", "PAT015", "PAT018"})
    assert sum(found) > 100


def test_a_case_is_repeated_by_its_seeds() -> None:
    for lineage in ((5,), (5, 7), (5, 7, 9)):
        again = text_of.__wrapped__(lineage)
        assert text_of(lineage) == again
    assert text_of((5,)) != text_of((6,))


def test_a_failure_is_made_short() -> None:
    assert minimise("op f(x: T[H])\n" * 20 + "pattern @ p", lambda text: "@" in text) == "@"


# Each promise, broken on purpose


def test_an_exception_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(children: object) -> None:
        raise IndexError("broken")

    monkeypatch.setattr(tree_to_ast, "_side", broken)
    assert kind_of(bench.check(PLAIN).wrong).startswith("IndexError at")


def test_a_wait_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_checks, "LIMIT", 0.05)
    monkeypatch.setattr(fuzz_checks, "parse", lambda *given: time.sleep(0.1) or parse(*given))
    assert kind_of(bench.check(PLAIN).wrong) == "slow"


def test_a_hang_is_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_checks, "STOP", 0.1)
    monkeypatch.setattr(fuzz_checks, "parse", lambda *given: time.sleep(60))
    assert kind_of(bench.check(PLAIN).wrong) == "slow"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda text: text.replace("relu", "neg"), "the formatted text means something else"),
        (lambda text: text.replace("=>", "="), "the formatted text has an error"),
        (lambda text: text + "# more\n", "the formatted text has other comments"),
        (lambda text: text.replace("op f", "op  f", 1), "the formatted text is formatted again"),
    ],
)
def test_a_wrong_formatter_is_seen(
    change: Callable[[str], str], wrong: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = fuzz_checks.format_file
    once = iter([change])
    monkeypatch.setattr(fuzz_checks, "format_file", lambda file: next(once, str)(right(file)))
    assert bench.check(PLAIN).wrong.startswith(wrong)


def test_a_module_of_another_form_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    right = pipeline.module_text
    monkeypatch.setattr(pipeline, "module_text", lambda *given: right(*given) + "import os\n")
    assert bench.check(PLAIN).wrong.startswith("exception: ModuleFormError")


def test_a_code_that_is_not_in_the_table_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(fuzz_checks.CODES, "PAT010")
    assert bench.check("pattern p { a b }").wrong == "unknown code PAT010"


def test_failures_of_a_run_are_kept_once_each(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(fuzz_checks.CODES, "PAT010")
    report: Report = campaign(bench, Cover(), 1, 100, math.inf)
    assert list(report.failures) == ["unknown code PAT010"]
