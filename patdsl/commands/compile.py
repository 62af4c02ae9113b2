"""`patdsl compile`: `.pat` files -> Python modules, or the text of an earlier stage.

Writes only what `--output` names, and nothing at all where any file has an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs
import click

from patdsl import pipeline
from patdsl.commands import inputs, report
from patdsl.commands.inputs import Input
from patdsl.commands.report import Findings
from patdsl.commands.write import differs, write_atomic
from patdsl.pipeline import Outcome
from patdsl.render import escape
from patdsl.source import native_name, portable_name


@attrs.frozen
class Module:
    """A compiled file: what it was made from, and the module's text."""

    input: Input
    text: str


@click.command()
@inputs.paths_argument
@inputs.roots_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The module's file; or a folder, where several files or a folder are given, which gets their layout. "
    "Without it the module of a single file goes to standard output.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a module at --output is stale.")
@click.option(
    "--stop-after",
    "stage",
    type=click.Choice(pipeline.STAGES),
    default=pipeline.STAGES[-1],
    help="Print this stage instead of going on.",
)
@click.option(
    "--target",
    type=click.Choice(pipeline.TARGETS),
    default=pipeline.TARGETS[0],
    help="What runs the modules: patdsl, or vLLM by torch's own matcher, without patdsl.",
)
@inputs.json_option
def command(
    paths: tuple[Path, ...],
    roots: tuple[Path, ...],
    output: Path | None,
    check: bool,
    stage: str,
    target: str,
    as_json: bool,
) -> int:
    """Compile .pat files to Python modules.

    PATHS are files, or folders searched for *.pat. A file without patterns (declarations for others to import)
    makes no module. Nothing is written where any file has an error.
    """
    to_module = stage == pipeline.STAGES[-1]
    if not to_module and (output or check):
        raise click.UsageError(f"--stop-after {stage} prints: it goes with neither --output nor --check")
    if check and output is None:
        raise click.UsageError("--check needs --output, the module or folder to compare with")
    files = inputs.find_inputs(paths)
    if to_module and output is None and len(files) > 1:
        raise click.UsageError(f"{len(files):,} files need --output, a folder for their modules")

    outcomes = pipeline.run([item.path for item in files], roots=roots, stop_after=stage, target=target)
    findings = report.collect(outcomes)
    if findings.errors:
        if as_json:
            report.print_json(findings)
        else:
            report.print_findings(findings)
            click.echo(f"{findings.summary()}; nothing written", err=True)
        return 1
    if output is None:
        return _print(findings, outcomes, stage, as_json)
    modules = [Module(item, made.module) for item, made in zip(files, outcomes, strict=True) if made.module]
    into_folder = len(files) > 1 or any(path.is_dir() for path in paths) or output.is_dir()
    placed = _place(modules, output, files, into_folder)
    return _update(findings, placed, check, as_json)


def _print(findings: Findings, outcomes: Sequence[Outcome], stage: str, as_json: bool) -> int:
    """The stage's text of each file on standard output."""
    texts = {str(outcome.path): pipeline.dump(outcome, stage) for outcome in outcomes}
    if as_json:
        report.print_json(findings, stage=stage, texts=texts)
        return 0
    report.print_findings(findings)
    report.print_exactly()
    for name, text in texts.items():
        if len(texts) > 1:
            click.echo(f"# {escape(name)}")
        click.echo(text.rstrip("\n"))
        if not text:
            click.echo(f"{escape(name)} has no patterns, so there is no {stage} of it", err=True)
    return 0


def _place(
    modules: Sequence[Module], output: Path, files: Sequence[Input], into_folder: bool
) -> dict[Path, str]:
    """The text for each path to be written. Raises `click.UsageError` where a path cannot be meant."""
    if into_folder and output.exists() and not output.is_dir():
        raise click.UsageError(f"--output {output} is a file; several modules need a folder")
    sources = {os.path.realpath(item.path): item.path for item in files}
    placed: dict[Path, str] = {}
    origin: dict[Path, Path] = {}
    for module in modules:
        inner = module.input.inner
        path = output / inner.with_name(f"{module_name(inner)}.py") if into_folder else output
        source = sources.get(os.path.realpath(path))
        if source or path.suffix == ".pat":
            raise click.UsageError(f"refusing to write a module over {source or path}, which is a .pat file")
        if path in placed:
            raise click.UsageError(f"{origin[path]} and {module.input.path} would both become {path}")
        if path.is_dir():
            raise click.UsageError(f"cannot write {path}: it is a folder")
        placed[path], origin[path] = module.text, module.input.path
    return placed


def module_name(path: Path) -> str:
    """The name of the module of a file: its stem, with `_` for what a Python name cannot hold."""
    name = "".join(char if char.isalnum() or char == "_" else "_" for char in portable_name(path.stem))
    return native_name(name if name.isidentifier() else f"_{name}")


def _update(findings: Findings, placed: dict[Path, str], check: bool, as_json: bool) -> int:
    """Write, or with `check` only name, the modules that are not as they should be."""
    stale = [path for path, text in placed.items() if differs(path, text)]
    if not check:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, placed[path])
    if as_json:
        report.print_json(findings, **{"stale" if check else "written": [str(path) for path in stale]})
    else:
        report.print_findings(findings)
        for path in stale:
            click.echo(f"{_state(path) if check else 'wrote'} {escape(str(path))}", err=True)
        fresh = len(placed) - len(stale)
        click.echo(f"{report.count(len(placed), 'module')}, {fresh:,} up to date", err=True)
        if check and stale:
            click.echo("the same command without --check remakes them", err=True)
    return 1 if check and stale else 0


def _state(path: Path) -> str:
    return "stale" if path.exists() else "missing"
