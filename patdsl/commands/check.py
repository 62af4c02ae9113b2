"""`patdsl check`: reads files, prints every error in them, writes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from patdsl import pipeline
from patdsl.commands import inputs, report


@click.command()
@inputs.paths_argument
@inputs.roots_option
@inputs.json_option
def command(paths: tuple[Path, ...], roots: tuple[Path, ...], as_json: bool) -> int:
    """Report every error in .pat files.

    PATHS are files, or folders searched for *.pat. Exits with 1 where there is an error.
    """
    files = [item.path for item in inputs.find_inputs(paths)]
    findings = report.collect(pipeline.run(files, roots=roots, stop_after="plan"))
    if as_json:
        report.print_json(findings, files=[str(path) for path in files])
    else:
        report.print_findings(findings, sys.stdout)
        click.echo(findings.summary())
    return findings.exit_code
