"""`patdsl show`: the table of declared ops, or one op or pattern in full.

Reads what the compiler resolved; compiles nothing further and writes nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
from patdsl.pipeline import Outcome

from patdsl import ast_nodes, pipeline
from patdsl.commands import inputs, report
from patdsl.expr_to_text import expr_text
from patdsl.graph import Pattern
from patdsl.locate import library_folder
from patdsl.op_table import Op
from patdsl.op_to_text import binding_lines, effects_text, op_lines, params_text, results_text, targets_text
from patdsl.pattern_to_text import conditions, matches_lines, puts_lines
from patdsl.render import escape


@attrs.frozen
class Declared:
    """One pattern declaration: its text, its variants, and the ops that it can name."""

    text: str
    variants: tuple[Pattern, ...]
    ops: Mapping[str, Op]


@attrs.frozen
class Shown:
    """What the files declare, `ops` and `patterns` by name, and every op that they can name, `visible`."""

    ops: dict[str, Op]
    patterns: dict[str, list[Declared]]
    visible: dict[str, Op]


@click.command()
@click.argument("name_and_paths", nargs=-1, metavar="[NAME] [PATHS]...")
@inputs.roots_option
@inputs.json_option
def command(name_and_paths: tuple[str, ...], roots: tuple[Path, ...], as_json: bool) -> int:
    """Show the declared ops, or one op or pattern in full.

    NAME is an op or a pattern; without it the table of every op is shown. PATHS are files, or folders searched for
    *.pat; without them the library that comes with patdsl.
    """
    name, paths = _split(name_and_paths)
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
    if as_json:
        report.print_json(findings, **_as_json(shown, name))
    elif name is None:
        _print_table(shown)
    else:
        click.echo("\n".join(escape(line) for line in _full(shown, name)))
    return 0


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
    for outcome in outcomes:
        unit, file = outcome.unit, outcome.file
        if unit is None or file is None:
            continue
        shown.ops.update(unit.own_ops)
        shown.visible.update(unit.ops)
        for decl in file.declarations:
            if isinstance(decl, ast_nodes.PatternDecl):
                name = decl.name.text
                variants = tuple(pattern for pattern in unit.patterns if pattern.name == name)
                shown.patterns.setdefault(name, []).append(Declared(decl.span.text, variants, unit.ops))
    return shown


def _full(shown: Shown, name: str) -> Iterator[str]:
    if name in shown.visible:
        yield from op_lines(shown.visible[name])
    for declared in shown.patterns.get(name, ()):
        variants = declared.variants
        yield f"# {variants[0].place}"
        yield from declared.text.split("\n")
        for number, pattern in enumerate(variants, 1):
            yield ""
            yield f"{pattern.full_name}{f'  ({number} of {len(variants)})' if len(variants) > 1 else ''}"
            yield from _section("matches", matches_lines(pattern))
            yield from _section("puts there", puts_lines(pattern))
            yield from _section("only if", conditions(pattern, declared.ops))


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}"
        yield from (f"    {line}" for line in lines)


def _row(op: Op) -> dict[str, str]:
    """One op's cells. A block of native ops is told by its first line; `show NAME` has the rest."""
    bindings = [binding_lines(binding)[0] for binding in op.bindings]
    targets = dict.fromkeys(targets_text(binding.targets) or "any" for binding in op.bindings)
    return {
        "op": op.name,
        "signature": f"{params_text(op)}\n-> {results_text(op)}",
        "bindings": "\n".join(line if line != "{" else "{ ... }" for line in bindings),
        "targets": "\n".join(targets),
        "where": "\n".join(expr_text(condition) for condition in op.where),
        "effects": "\n".join(effects_text(op)),
        "ref": op.ref or "",
    }


def _print_table(shown: Shown) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows = [_row(op) for op in shown.ops.values()]
    columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, show_lines=True)
    for row in rows:
        table.add_row(*("\n".join(map(escape, row[name].split("\n"))) for name in columns))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:  # a file or a pipe has no edge to fold lines at
        console.width = max(console.width, console.measure(table).maximum)
    console.print(table)
    click.echo(f"{report.count(len(shown.ops), 'op')}; 'patdsl show NAME' shows one in full", err=True)


def _as_json(shown: Shown, name: str | None) -> dict[str, Any]:
    ops = shown.ops if name is None else {name: shown.visible[name]} if name in shown.visible else {}
    return {
        "ops": [
            {
                "name": op.name,
                "place": op.place,
                "parameters": params_text(op),
                "results": results_text(op),
                "bindings": ["\n".join(binding_lines(binding)) for binding in op.bindings],
                "where": [expr_text(condition) for condition in op.where],
                "effects": effects_text(op),
                "ref": op.ref,
            }
            for op in ops.values()
        ],
        "patterns": [
            {
                "name": pattern.name,
                "variant": pattern.variant,
                "place": pattern.place,
                "matches": matches_lines(pattern),
                "puts": puts_lines(pattern),
                "conditions": conditions(pattern, declared.ops),
            }
            for pattern_name, declarations in shown.patterns.items()
            if name in (None, pattern_name)
            for declared in declarations
            for pattern in declared.variants
        ],
    }
