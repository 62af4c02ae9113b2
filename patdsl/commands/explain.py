"""`patdsl explain`: why patterns did not match in a graph. Reads texts; executes nothing of them."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from patdsl.explain.printed import Patterns, explain_printed, graphs_of
from patdsl.explain.to_text import html_page, text_lines, to_json
from patdsl.graph import PassSpec, Pattern
from patdsl.locate import library_folder
from patdsl.runtime.target import check_target


@click.command()
@click.argument("graph", type=click.Path(path_type=Path))
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
    "--top", default=10, show_default=True, type=click.IntRange(0), help="How many near misses to tell."
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report to this file."
)
@inputs.roots_option
@inputs.json_option
def command(
    graph: Path,
    paths: tuple[Path, ...],
    pass_name: str | None,
    pattern_name: str | None,
    target: str | None,
    graph_kind: str | None,
    top: int,
    html: Path | None,
    roots: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Say why patterns did not match in a graph.

    GRAPH is a log with TORCH_LOGS=post_grad_graphs in it, a TORCH_TRACE log or folder, or a file with a printed
    `forward`. Nothing of it is executed, and torch is not needed. For every place where a pattern nearly holds: how far
    it got, what stands in the way, and where. Exits with 1 where a file cannot be read.
    """
    if target is not None:
        try:
            check_target(target)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    files = [item.path for item in inputs.find_inputs(paths or (library_folder(),))]
    outcomes = pipeline.run(files, roots=roots, stop_after="plan")
    findings = report.collect(outcomes)
    if findings.errors:
        return _failed(findings, as_json)
    patterns = _chosen(outcomes, pass_name, pattern_name, roots)
    diagnostics = Diagnostics()
    with _no_collecting():
        graphs = graphs_of(graph, diagnostics, graph_kind)
    unread = report.gather([(graph, diagnostics.items)])
    if not graphs:
        return _failed(unread, as_json)
    with _no_collecting():
        reports = list(explain_printed(graphs, patterns, target, partial(_is_called, pattern_name), top))
    if html is not None:
        write_atomic(html, html_page(reports, top))
    if as_json:
        report.print_json(unread, graphs=[to_json(each) for each in reports])
    else:
        report.print_findings(unread)
        for number, each in enumerate(reports):
            click.echo("\n".join([*([""] if number else []), *text_lines(each, top)]))
    return unread.exit_code


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Nearly all that explain makes is kept to the end, and looking for garbage in it takes a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


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
