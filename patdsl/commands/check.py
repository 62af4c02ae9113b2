"""`patdsl check`: reads files, prints every error in them, writes nothing."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import attrs
import click

from patdsl import pipeline
from patdsl.commands import inputs, report


@click.command()
@inputs.paths_argument
@inputs.roots_option
@inputs.json_option
@click.option(
    "--torch",
    "with_torch",
    is_flag=True,
    help="Also check bindings against the torch ops that are registered.",
)
@click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="A module that registers ops, for --torch; repeatable.",
)
def command(
    paths: tuple[Path, ...],
    roots: tuple[Path, ...],
    as_json: bool,
    with_torch: bool,
    modules: tuple[str, ...],
) -> int:
    """Report every error in .pat files.

    PATHS are files, or folders searched for *.pat. Exits with 1 where there is an error.
    """
    files = [item.path for item in inputs.find_inputs(paths)]
    outcomes = pipeline.run(files, roots=roots, stop_after="plan")
    if with_torch or modules:
        _load(modules)
        outcomes = [_with_schemas(outcome) for outcome in outcomes]
    findings = report.collect(outcomes)
    if as_json:
        report.print_json(findings, files=[str(path) for path in files])
    else:
        report.print_findings(findings, sys.stdout)
        click.echo(findings.summary())
    return findings.exit_code


def _load(modules: tuple[str, ...]) -> None:
    """Import what registers ops. These are the user's own modules, named on the command line, never by a .pat file."""
    for name in ("patdsl.reference", *modules):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise click.ClickException(f"cannot import '{name}': {error}") from None


def _with_schemas(outcome: pipeline.Outcome) -> pipeline.Outcome:
    from patdsl import torch_private
    from patdsl.compiler.schema_findings import schema_findings
    from patdsl.runtime.torch_ops import find_op

    if outcome.file is None or outcome.unit is None or outcome.errors:
        return outcome

    def schema_of(target: str) -> Any:
        op = find_op(target)
        return None if op is None else torch_private.schema_of(op)

    found = schema_findings(outcome.file, outcome.unit, schema_of)
    return attrs.evolve(outcome, diagnostics=(*outcome.diagnostics, *found))
