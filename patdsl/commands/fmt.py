"""`patdsl fmt`: files in their one spelling. Meaning and comments stay; a file with a syntax error is not touched."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from patdsl import ast_to_text, pipeline
from patdsl.commands import inputs, report
from patdsl.commands.write import write_atomic
from patdsl.render import escape


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
    outcomes = pipeline.run([item.path for item in inputs.find_inputs(paths)], stop_after="ast")
    findings = report.collect(outcomes)
    changed: list[tuple[Path, str, str]] = []
    for outcome in outcomes:
        if (
            outcome.file is None
            or outcome.source is None
            or any(d.severity == "error" for d in outcome.diagnostics)
        ):
            continue
        formatted = ast_to_text.format_file(outcome.file)
        if formatted != outcome.source.text:
            changed.append((outcome.path, outcome.source.text, formatted))

    only_look = check or diff
    if not only_look:
        for path, _, formatted in changed:
            write_atomic(path, formatted)
    if as_json:
        names = [str(path) for path, _, _ in changed]
        report.print_json(findings, **{"unformatted" if only_look else "formatted": names})
    else:
        report.print_findings(findings)
        for path, before, after in changed:
            if diff:
                click.echo(_diff(path, before, after))
            else:
                click.echo(f"{'would format' if check else 'formatted'} {escape(str(path))}", err=True)
        left = len(outcomes) - len(changed)
        click.echo(f"{report.count(len(changed), 'file')} {_done(only_look)}, {left:,} left alone", err=True)
    return 1 if findings.errors or (only_look and changed) else 0


def _done(only_look: bool) -> str:
    return "to format" if only_look else "formatted"


def _diff(path: Path, before: str, after: str) -> str:
    name = str(path)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, name, "now", "formatted", lineterm=""
    )
    return "\n".join(escape(line) for line in lines)
