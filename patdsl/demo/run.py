"""The demo from start to exit code.

In: names of models, a device, a folder of patterns. Out: 0 where every model fused as expected and its results are
right, 1 where not or where a pattern file has errors. Prints through `show.py`; measures through `measure.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import click
import torch

import patdsl.reference  # noqa: F401  registers torch.ops.patdsl
from patdsl.commands import report
from patdsl.demo import show
from patdsl.demo.guard import guarded
from patdsl.demo.load_library import load_library
from patdsl.demo.measure import Measurement, measure, warm_up
from patdsl.demo.models import MODELS, Model
from patdsl.locate import library_folder
from patdsl.runtime.target import current_target


def main(
    names: Sequence[str] = (),
    *,
    as_json: bool = False,
    device: str | None = None,
    folder: Path | None = None,
) -> int:
    """Measure the named models (all, if none is named) with the passes of `folder` (the library).

    Raises click.UsageError for an unknown name or device, click.ClickException where torch.compile cannot work here.
    """
    models = _chosen(names)
    where = _device(device)
    library = load_library(folder or library_folder())
    if library.passes is None:
        if as_json:
            report.print_json(library.findings)
        else:
            report.print_findings(library.findings)
        return 1
    with show.Progress(len(models) + 1) as progress:
        progress.library(library)
        progress.starting("what torch.compile does once")
        progress.warmed(guarded(lambda: warm_up(where)))
        found: list[Measurement] = []
        for model in models:
            progress.starting(model.title)
            found.append(guarded(functools.partial(measure, model, library.passes, where)))
            progress.measured(found[-1])
    if as_json:
        show.print_json(library, found, where, current_target(), progress.seconds)
    else:
        show.print_table(library, found, where, current_target(), progress.seconds)
    return 1 if any(each.problems for each in found) else 0


def _chosen(names: Sequence[str]) -> list[Model]:
    by_name = {model.name: model for model in MODELS}
    for name in names:
        if name not in by_name:
            raise click.UsageError(f"no model is called '{name}'; the models are: {', '.join(by_name)}")
    return [by_name[name] for name in names] or list(MODELS)


def _device(wanted: str | None) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise click.UsageError("--device cuda: torch sees no GPU here")
    return wanted or ("cuda" if torch.cuda.is_available() else "cpu")
