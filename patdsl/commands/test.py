"""`patdsl test`: the tests that patterns make of themselves, and those written in their files.

Compiles the files, runs each test and prints what failed under the line of the `.pat` file that it is of. The work is
in `patdsl/selftest/`, which imports torch.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from patdsl import pipeline
from patdsl.commands import inputs, report
from patdsl.commands.progress import Progress
from patdsl.render import escape

if TYPE_CHECKING:
    from patdsl.selftest.files import FileTests, Test
    from patdsl.selftest.tester import Outcome

device_option = click.option(
    "--device",
    type=click.Choice(("cpu", "cuda")),
    default="cpu",
    show_default=True,
    help="Where to run: cuda is any GPU that torch sees, AMD's among them.",
)


@attrs.frozen
class Options:
    """What was asked for."""

    words: str
    exit_first: bool
    device: str
    verbose: bool
    as_json: bool


@click.command()
@inputs.paths_argument
@inputs.roots_option
@click.option("-k", "words", default="", help="Only tests whose file, pattern or title has this text in it.")
@click.option("-x", "--exit-first", is_flag=True, help="Stop at the first failure.")
@device_option
@click.option(
    "--mutate", is_flag=True, help="Break each pattern in every single place; its tests must notice."
)
@click.option("-v", "--verbose", is_flag=True, help="Print every test, and why one was not run.")
@inputs.json_option
def command(
    paths: tuple[Path, ...],
    roots: tuple[Path, ...],
    words: str,
    exit_first: bool,
    device: str,
    mutate: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Test patterns by graphs that are made from them.

    For each pattern: graphs that it must match, with each spelling of its ops, and graphs that it must leave alone.
    What it puts there has to compute the same. Tests written in the files are run too. Exits with 1 where a test
    failed.
    """
    compiled = compile_for_torch(paths, roots, device)
    if compiled is None:
        return 1
    options = Options(words.lower(), exit_first, device, verbose, as_json)
    if mutate:
        from patdsl.selftest.mutation_run import check_mutants

        return check_mutants(compiled, options.device, options.words, as_json)
    return _Run(options).run(compiled)


def compile_for_torch(
    paths: tuple[Path, ...], roots: tuple[Path, ...], device: str
) -> list[pipeline.Outcome] | None:
    """The files, compiled; None where one has errors, which are printed. Raises click errors where torch cannot run."""
    if importlib.util.find_spec("torch") is None:
        raise click.ClickException(
            "tests run graphs and need torch, which is not installed: pip install torch"
        )
    files = inputs.find_inputs(paths)
    outcomes = pipeline.run([item.path for item in files], roots=roots, stop_after="plan")
    findings = report.collect(outcomes)
    if findings.errors:
        report.print_findings(findings)
        click.echo(f"{findings.summary()}; nothing was run", err=True)
        return None
    try:
        import torch

        import patdsl.register_ops  # noqa: F401  # the patdsl:: ops
    except ImportError as error:  # a torch that lacks what the passes need says so in one sentence
        raise click.ClickException(str(error)) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("--device cuda: torch sees no GPU")
    return [each for each in outcomes if each.unit is not None]


class _Run:
    """Runs tests and prints what comes of them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.progress = Progress(wanted=not options.as_json)
        self.verdicts: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []
        self.idle: dict[str, str] = {}
        self.missing: Counter[str] = Counter()

    def run(self, compiled: list[pipeline.Outcome]) -> int:
        from patdsl.selftest.files import FileTests

        start = time.perf_counter()
        for each in compiled:
            with FileTests(each, self.options.device) as tests:
                if not self._file(tests):
                    break
        seconds = time.perf_counter() - start
        if self.options.as_json:
            document = {"ok": not self.verdicts["failed"], "seconds": round(seconds, 3), "tests": self.rows}
            click.echo(json.dumps(document, indent=2))
        else:
            self._summary(seconds)
        return 1 if self.verdicts["failed"] else 0

    def _file(self, tests: FileTests) -> bool:
        """Whether to go on."""
        ran: Counter[str] = Counter()
        reasons: dict[str, str] = {}
        for test in tests.tests():
            if self.options.words not in f"{tests.path} {test.name}".lower():
                continue
            self.progress.show(f"{sum(self.verdicts.values()):,} {test.name}")
            outcome = tests.run(test)
            if outcome is None:
                continue
            self.verdicts[outcome.verdict] += 1
            ran[test.pattern] += outcome.verdict != "not run"
            if outcome.verdict == "not run":
                reasons.setdefault(test.pattern, outcome.reason)
            self._tell(test, outcome)
            if outcome.verdict == "failed" and self.options.exit_first:
                return False
        self.idle.update({f"{tests.path}: {name}": why for name, why in reasons.items() if not ran[name]})
        return True

    def _tell(self, test: Test, outcome: Outcome) -> None:
        if self.options.as_json:
            row = {"pattern": test.pattern, "title": test.title, "place": test.place}
            self.rows.append({**row, "verdict": outcome.verdict, "reason": outcome.reason})
            return
        if outcome.verdict == "failed" or self.options.verbose:
            self.progress.clear()
            colour = {"failed": "red", "passed": "green"}.get(outcome.verdict)
            click.echo(f"{click.style(outcome.verdict, fg=colour)} {escape(test.place)}: {escape(test.name)}")
            if outcome.reason:
                click.echo(f"    {escape(outcome.reason)}")

    def _summary(self, seconds: float) -> None:
        self.progress.clear()
        for name, why in self.idle.items():
            click.echo(f"not tested {escape(name)}\n    {escape(why)}")
        total = sum(self.verdicts.values())
        counts = [
            f"{self.verdicts[word]:,} {word}"
            for word in ("passed", "failed", "not run")
            if self.verdicts[word]
        ]
        click.echo(f"{report.count(total, 'test')} in {seconds:.0f} s: {', '.join(counts) or 'none'}")
