"""`patdsl show`: the table of declared ops, or one op or pattern in full.

Reads what the compiler resolved; compiles nothing further and writes nothing.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from patdsl import pipeline
from patdsl.commands import inputs, report
from patdsl.commands.draw import Wanted, draw
from patdsl.graph import Pattern
from patdsl.graph_to_text import pattern_lines
from patdsl.locate import library_folder
from patdsl.op_table import Op
from patdsl.op_to_text import binding_name, binding_text, clauses, op_lines
from patdsl.pipeline import Outcome
from patdsl.render import escape
from patdsl.resolved_to_text import signature_text
from patdsl.runtime.target import check_target

_FILE = click.Path(dir_okay=False, path_type=Path)


@attrs.frozen
class Shown:
    """What the files declare by name, and in `visible` every op that they can name.

    `patterns` has each declaration's text and its variants; files may use a name for different patterns.
    """

    ops: dict[str, Op]
    patterns: dict[str, list[tuple[str, tuple[Pattern, ...]]]]
    visible: dict[str, Op]


@click.command()
@click.argument("name_and_paths", nargs=-1, metavar="[NAME] [PATHS]...")
@inputs.roots_option
@click.option("--html", type=_FILE, help="Also draw the pattern to this file, a page for a browser.")
@click.option("--svg", type=_FILE, help="The same as one picture.")
@click.option(
    "--graph",
    type=click.Path(path_type=Path),
    help="Also draw the graphs of this log of torch, before and after the rewrite.",
)
@click.option(
    "--graph-kind", help="Which graphs of a log or trace, as it calls them (before_post_grad_graph)."
)
@click.option("--target", help="The target that the graphs are for (cpu, sm_90, gfx942, ...).")
@inputs.json_option
def command(
    name_and_paths: tuple[str, ...],
    roots: tuple[Path, ...],
    html: Path | None,
    svg: Path | None,
    graph: Path | None,
    graph_kind: str | None,
    target: str | None,
    as_json: bool,
) -> int:
    """Show the declared ops, or one op or pattern in full.

    NAME is an op or a pattern; without it the table of every op is shown. PATHS are files, or folders searched for
    *.pat; without them the library that comes with patdsl. With --html or --svg a pattern is drawn too: what it finds
    and what it puts there; and with --graph, a log as `patdsl explain` reads it, what it does to a graph.
    """
    name, paths = _split(name_and_paths)
    wanted = _wanted(name, html, svg, graph, graph_kind, target)
    files = [item.path for item in inputs.find_inputs(paths or [library_folder()])]
    outcomes = pipeline.run(files, roots=roots, stop_after="plan")
    findings = report.collect(outcomes)
    if findings.errors:
        if as_json:
            report.print_json(findings)
        else:
            report.print_findings(findings)
        return 1
    shown = _gather(outcomes)
    if name is not None and name not in shown.visible and name not in shown.patterns:
        raise click.UsageError(_unknown(name, [*shown.visible, *shown.patterns]))
    if wanted is not None:
        if wanted.name not in shown.patterns:
            raise click.UsageError(f"{wanted.name} is an op; --html and --svg draw patterns")
        unread = draw(wanted, outcomes)
        if unread.errors:
            if as_json:
                report.print_json(unread)
            else:
                report.print_findings(unread)
            return unread.exit_code
    if as_json:
        report.print_json(findings, **_as_json(shown, name))
    elif name is None:
        _print_all(shown)
    else:
        click.echo("\n".join(escape(line) for line in _full(shown, name)))
    return 0


def _wanted(
    name: str | None,
    html: Path | None,
    svg: Path | None,
    graph: Path | None,
    graph_kind: str | None,
    target: str | None,
) -> Wanted | None:
    """What is to be drawn, if anything. Raises `click.UsageError` for options without what they belong to."""
    if html is None and svg is None:
        if graph is not None:
            raise click.UsageError("--graph draws to a file: give --html or --svg too")
        return None
    if name is None:
        raise click.UsageError("--html and --svg draw one pattern: give its name")
    if target is not None:
        try:
            check_target(target)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    return Wanted(name, html, svg, graph, graph_kind, target)


def _split(arguments: Sequence[str]) -> tuple[str | None, list[Path]]:
    """A first argument that can be a name and is not a path there is the name."""
    if arguments and arguments[0].isidentifier() and not Path(arguments[0]).exists():
        return arguments[0], [Path(path) for path in arguments[1:]]
    return None, [Path(path) for path in arguments]


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"no op and no pattern is called {name}{hint} ('patdsl show' lists the ops)"


def _gather(outcomes: Sequence[Outcome]) -> Shown:
    shown = Shown({}, {}, {})
    for unit in (outcome.unit for outcome in outcomes if outcome.unit):
        shown.ops.update(unit.own_ops)
        shown.visible.update(unit.ops)
        for name, text in unit.text.items():
            variants = tuple(pattern for pattern in unit.patterns if pattern.name == name)
            if variants:
                shown.patterns.setdefault(name, []).append((text, variants))
    return shown


def _full(shown: Shown, name: str) -> Iterator[str]:
    if name in shown.visible:
        yield from op_lines(shown.visible[name])
    for text, variants in shown.patterns.get(name, ()):
        if name in shown.visible:
            yield ""
        yield from text.split("\n")
        for number, pattern in enumerate(variants, 1):
            yield ""
            if len(variants) > 1:
                yield f"# variant {number} of {len(variants)}"
            yield from pattern_lines(pattern, examples=False)


def _print_all(shown: Shown) -> None:
    """Every op: a table where there is a terminal to fit it to, else one paragraph each, to search and to keep."""
    if report.wants_colour(sys.stdout):
        _print_table(shown)
    else:
        for op in shown.ops.values():
            click.echo("\n".join(escape(line) for line in op_lines(op)) + "\n")
    if shown.patterns:
        click.echo(f"patterns: {', '.join(map(escape, shown.patterns))}")
    click.echo(f"{report.count(len(shown.ops), 'op')}; 'patdsl show NAME' shows one in full", err=True)


def _print_table(shown: Shown) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table

    headings = ("op", "signature", "bindings", "limits and meaning")
    columns = [Column(name, overflow="fold") for name in headings]
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, show_lines=True)
    for op in shown.ops.values():
        signature = signature_text(op).removeprefix(op.name).replace(" -> ", "\n-> ")
        cells = ([op.name], signature.split("\n"), map(binding_name, op.bindings), clauses(op))
        table.add_row(*("\n".join(map(escape, lines)) for lines in cells))
    Console(highlight=False, markup=False).print(table)


def _as_json(shown: Shown, name: str | None) -> dict[str, Any]:
    ops = shown.ops if name is None else {name: shown.visible[name]} if name in shown.visible else {}
    return {
        "ops": [
            {
                "name": op.name,
                "place": op.place,
                "signature": signature_text(op),
                "bindings": [binding_text(binding) for binding in op.bindings],
                "clauses": clauses(op),
            }
            for op in ops.values()
        ],
        "patterns": [
            {
                "name": pattern.name,
                "variant": pattern.variant,
                "place": pattern.place,
                "text": text,
                "listing": pattern_lines(pattern, examples=False),
            }
            for pattern_name, declarations in shown.patterns.items()
            if name in (None, pattern_name)
            for text, variants in declarations
            for pattern in variants
        ],
    }
