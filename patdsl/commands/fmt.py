"""`patdsl fmt`: files in their one spelling. Meaning and comments stay; a file with a syntax error is not touched.

Looks at the text alone: imports are not followed, names need not exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from patdsl.commands import inputs, report
from patdsl.commands.write import differs, write_atomic
from patdsl.diagnostic import Diagnostics
from patdsl.render import escape
from patdsl.syntax.ast_to_text import format_file
from patdsl.syntax.path_to_source import read_source
from patdsl.syntax.text_to_ast import parse


@attrs.frozen
class Change:
    """A file that is not formatted."""

    path: Path
    before: str
    after: str


@click.command()
@inputs.paths_argument
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a file is not formatted.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change; exit as --check does.")
@inputs.json_option
def command(paths: tuple[Path, ...], check: bool, diff: bool, as_json: bool) -> int:
    """Format .pat files in place.

    PATHS are files, or folders searched for *.pat. A file with a syntax error is reported and left as it is; the
    others are formatted.
    """
    only_look = check or diff
    files = inputs.find_inputs(paths)
    found = [(item.path, Diagnostics()) for item in files]
    changes = [change for path, diagnostics in found if (change := _format(path, diagnostics))]
    findings = report.gather((path, diagnostics.items) for path, diagnostics in found)
    if not only_look:
        for change in changes:
            write_atomic(change.path, change.after)
    if as_json:
        names = [str(change.path) for change in changes]
        report.print_json(findings, **{"unformatted" if only_look else "formatted": names})
    else:
        report.print_findings(findings)
        _print(changes, len(files), check, diff)
    return 1 if findings.errors or (only_look and changes) else 0


def _format(path: Path, diagnostics: Diagnostics) -> Change | None:
    """The change that a file needs; None where it needs none, or has an error."""
    source = read_source(path, diagnostics)
    file = parse(source, diagnostics) if source else None
    if source is None or file is None or diagnostics.errors:
        return None
    formatted = format_file(file)
    # The bytes are compared, so that line ends count, which `source` has already made alike.
    return Change(path, source.text, formatted) if differs(path, formatted) else None


def _print(changes: list[Change], files: int, check: bool, diff: bool) -> None:
    if diff:
        report.print_exactly()
    for change in changes:
        if diff:
            click.echo("".join(_diff(change)), nl=False)
        else:
            click.echo(f"{'would format' if check else 'formatted'} {escape(str(change.path))}", err=True)
    done = "to format" if check or diff else "formatted"
    click.echo(f"{report.count(len(changes), 'file')} {done}, {files - len(changes):,} left alone", err=True)


def _diff(change: Change) -> Iterator[str]:
    """A unified diff that `patch` understands. No text can harm a terminal: a control character is a syntax error."""
    name = escape(str(change.path))
    before, after = (text.splitlines(keepends=True) for text in (change.before, change.after))
    for line in difflib.unified_diff(before, after, name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
