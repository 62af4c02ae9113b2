"""The folder of patterns -> the passes of all of its files.

In: a folder. Out: findings and a `Chain`. Every file is compiled as `patdsl compile` would; nothing is written.
"""

from __future__ import annotations

import time
from pathlib import Path

import attrs

from patdsl import pipeline
from patdsl.commands import inputs, report
from patdsl.commands.report import Findings
from patdsl.runtime import Chain
from patdsl.runtime.loading import run_module


@attrs.frozen
class Library:
    """`passes` is None where a file has an error. `patterns` and `files` are counts."""

    findings: Findings
    passes: Chain | None
    patterns: int
    files: int
    seconds: float


def load_library(folder: Path) -> Library:
    """Compile every `.pat` file in `folder`, and none in folders below, which are for other programs."""
    start = time.perf_counter()
    outcomes = pipeline.run([each.path for each in inputs.find_inputs(sorted(folder.glob("*.pat")))])
    findings = report.collect(outcomes)
    passes = None
    if not findings.errors:
        chains = [run_module(one.module, one.path).load() for one in outcomes if one.module]
        passes = Chain(each for chain in chains for each in chain)
    count = sum(len(each.spec.patterns) for each in passes or ())
    return Library(findings, passes, count, len(outcomes), time.perf_counter() - start)
