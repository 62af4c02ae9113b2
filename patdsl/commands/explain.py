"""`patdsl explain`: why patterns did not match in a graph.

Executes nothing of what it reads; `module:callable` alone is run, and only with `--run`.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import click

from patdsl import pipeline
from patdsl.commands import inputs, report
from patdsl.commands.write import write_atomic
from patdsl.compiler.ast_to_graph import Unit
from patdsl.diagnostic import Diagnostics
from patdsl.explain.look import Wanted
from patdsl.explain.mend import Patterns
from patdsl.explain.printed import explain_printed, graphs_of
from patdsl.explain.report import GraphReport
from patdsl.explain.to_html import html_page
from patdsl.explain.to_text import text_lines, to_json
from patdsl.garbage import collections_paused
from patdsl.graph import PassSpec, Pattern
from patdsl.locate import library_folder
from patdsl.runtime.target import check_target

_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def _goes_on() -> bool:
    """Whether the process does more than this command, whose garbage then counts."""
    return not click.get_current_context().find_root().obj


@click.command()
@click.argument("graph")
@click.option(
    "--patterns",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A .pat file, or a folder of them; repeatable. The library that comes with patdsl unless given.",
)
@click.option("--pass", "pass_name", help="Only the patterns of this pass.")
@click.option("--pattern", "pattern_name", help="Only this pattern, in all its variants.")
@click.option("--target", help="The target that the graph is for (cpu, sm_90, gfx942, ...).")
@click.option(
    "--graph-kind", help="Which graphs of a log or trace, as it calls them (before_post_grad_graph)."
)
@click.option(
    "--run", is_flag=True, help="GRAPH is `module:callable`: import it, call it, compile its model."
)
@click.option(
    "--top", default=10, show_default=True, type=click.IntRange(0), help="How many near misses to tell."
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report to this file."
)
@inputs.roots_option
@inputs.json_option
@collections_paused(_goes_on)
def command(
    graph: str,
    paths: tuple[Path, ...],
    pass_name: str | None,
    pattern_name: str | None,
    target: str | None,
    graph_kind: str | None,
    run: bool,
    top: int,
    html: Path | None,
    roots: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Say why patterns did not match in a graph.

    GRAPH is a log with TORCH_LOGS=post_grad_graphs in it, a TORCH_TRACE log or folder, a file with a printed `forward`,
    or an archive of torch.export (.pt2). Nothing of it is executed, and torch is not needed. With --run, GRAPH is
    `module:callable`, which returns a model and its inputs: it is run, and the model is compiled as far as the graphs.
    For every place where a pattern nearly holds: how far it got, what stands in the way, and where. Exits with 1 where
    a file cannot be read or a model not be compiled.
    """
    if target is not None:
        try:
            check_target(target)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    files = [item.path for item in inputs.find_inputs(paths or (library_folder(),))]
    # The library's own patterns are proven where it is made.
    library = library_folder().resolve()
    outcomes = pipeline.run(
        files, roots=roots, stop_after="plan", proven=lambda path: path.resolve().is_relative_to(library)
    )
    findings = report.collect(outcomes)
    if findings.errors:
        return _failed(findings, as_json)
    patterns = _chosen(outcomes, pass_name, pattern_name, roots)
    diagnostics = Diagnostics()
    asked = _Asked(patterns, target, partial(_is_called, pattern_name), top)
    reports = asked.of_model(graph, diagnostics) if run else asked.of_texts(graph, graph_kind, diagnostics)
    unread = report.gather([(Path(graph), diagnostics.items)])
    if not reports:
        return _failed(unread, as_json)
    if html is not None:
        write_atomic(html, html_page(reports, top))
    if as_json:
        report.print_json(unread, graphs=[to_json(each) for each in reports])
    else:
        report.print_findings(unread)
        for number, each in enumerate(reports):
            click.echo("\n".join([*([""] if number else []), *text_lines(each, top)]))
    return unread.exit_code


@attrs.frozen
class _Asked:
    """What is asked about each graph."""

    patterns: Patterns
    target: str | None
    wanted: Wanted
    top: int

    def of_texts(self, graph: str, kind: str | None, diagnostics: Diagnostics) -> list[GraphReport]:
        """The reports of printed graphs. Raises `click.UsageError` for what only --run explains."""
        path = Path(graph)
        if _CALLABLE.fullmatch(graph) and not path.exists():
            raise click.UsageError(
                f"{graph} is no file. To import {graph.partition(':')[0]} and run it, add --run"
            )
        graphs = graphs_of(path, diagnostics, kind)
        return list(explain_printed(graphs, self.patterns, self.target, self.wanted, self.top))

    def of_model(self, name: str, diagnostics: Diagnostics) -> list[GraphReport]:
        """The reports of the graphs that torch makes of a model. Raises click errors where it cannot be asked."""
        if not _CALLABLE.fullmatch(name):
            raise click.UsageError(f"--run takes module:callable, not {name}")
        if importlib.util.find_spec("torch") is None:
            raise click.ClickException("--run compiles a model and needs torch: pip install torch")
        try:
            from patdsl.explain.in_process import explain_fx
            from patdsl.explain.model import each_graph
            from patdsl.runtime.hosts import host_values
            from patdsl.runtime.resolve import resolve_pass
            from patdsl.runtime.target import current_target
        except ImportError as error:  # a torch that lacks what the passes need says so in one sentence
            raise click.ClickException(str(error)) from error
        target = self.target or current_target()
        numbers = itertools.count()

        def say(graph: Any) -> GraphReport:
            return explain_fx(
                graph,
                self.patterns,
                lambda spec: resolve_pass(spec, target, host_values([spec], None)),
                target if self.target else f"{target} (--target names another)",
                f"{next(numbers)} of {name}",
                self.wanted,
                self.top,
            )

        return each_graph(name, say, diagnostics)


def _is_called(name: str | None, pattern: Pattern) -> bool:
    return name in (None, pattern.name, pattern.full_name)


def _failed(findings: report.Findings, as_json: bool) -> int:
    if as_json:
        report.print_json(findings)
    else:
        report.print_findings(findings)
    return findings.exit_code


def _chosen(
    outcomes: Sequence[Any], pass_name: str | None, pattern_name: str | None, roots: Sequence[Path]
) -> Patterns:
    """The passes of the files. Raises `click.UsageError` for a pass or a pattern that there is not."""
    passes: list[PassSpec] = []
    units: dict[str, Unit] = {}
    files: dict[str, Path] = {}
    uses = Counter(spec.name for outcome in outcomes for spec in outcome.unit.passes)
    for outcome in outcomes:
        for spec in outcome.unit.passes:
            # Passes of one name in several files are told apart by the file.
            name = (
                spec.name
                if uses[spec.name] == 1
                else f"{outcome.path.with_suffix('').as_posix()}.{spec.name}"
            )
            passes.append(attrs.evolve(spec, name=name))
            units[name], files[name] = outcome.unit, outcome.path
    known = [spec.name for spec in passes]
    chosen = tuple(spec for spec in passes if pass_name in (None, spec.name, spec.name.rpartition(".")[2]))
    if pass_name is not None and not chosen:
        raise click.UsageError(f"no pass is called {pass_name}; there are {', '.join(known) or 'none'}")
    if pattern_name is not None and not any(
        pattern_name in (pattern.name, pattern.full_name) for spec in chosen for pattern in spec.patterns
    ):
        raise click.UsageError(f"no pattern is called {pattern_name}")
    return Patterns(chosen, units, files, tuple(roots))
