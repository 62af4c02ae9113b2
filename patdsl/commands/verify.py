"""`patdsl verify`: both sides of each pattern, run on many inputs and compared. The work is in `patdsl/selftest/`."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patdsl.commands import inputs, report
from patdsl.commands.test import compile_for_torch, device_option
from patdsl.render import escape

if TYPE_CHECKING:
    from patdsl.selftest.verify import Verified


@click.command()
@inputs.paths_argument
@inputs.roots_option
@device_option
@click.option("-v", "--verbose", is_flag=True, help="Print what could not be run, too.")
@inputs.json_option
def command(
    paths: tuple[Path, ...], roots: tuple[Path, ...], device: str, verbose: bool, as_json: bool
) -> int:
    """Compare both sides of each pattern on many inputs.

    Runs graphs of the left side with and without the pass: ragged sizes, one row and none, extreme values, NaN, parts
    of wider tensors, other dtypes, memory full of NaN. What has no kernel here runs as its `ref`. Prints how far the
    results are from float64, in steps of their dtype. Exits with 1 unless every pattern is verified.
    """
    compiled = compile_for_torch(paths, roots, device)
    if compiled is None:
        return 1
    from patdsl.selftest.files import FileTests
    from patdsl.selftest.verify import verify

    start = time.perf_counter()
    verdicts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for one in compiled:
        with FileTests(one, device) as tests:
            for tester in tests.testers():
                found = verify(tester)
                verdicts[found.verdict] += 1
                place = f"{one.path}:{tester.declared.place.rpartition(':')[2]}"
                used = sorted(set(tests.stand_ins) & tester.ops_used())
                if as_json:
                    rows.append(_row(place, tester.declared.full_name, found, used))
                else:
                    _print(place, tester.declared.full_name, found, used, verbose)
    seconds = time.perf_counter() - start
    good = not verdicts["failed"] and not verdicts["not verified"]
    if as_json:
        click.echo(json.dumps({"ok": good, "seconds": round(seconds, 3), "patterns": rows}, indent=2))
    else:
        counts = [
            f"{verdicts[word]:,} {word}" for word in ("verified", "failed", "not verified") if verdicts[word]
        ]
        total = report.count(sum(verdicts.values()), "pattern")
        click.echo(f"{total} on {device} in {seconds:.0f} s: {', '.join(counts) or 'none'}")
    return 0 if good else 1


def _print(place: str, name: str, found: Verified, stand_ins: list[str], verbose: bool) -> None:
    colour = {"verified": "green", "failed": "red"}.get(found.verdict, "yellow")
    click.echo(
        f"{click.style(found.verdict, fg=colour)} {escape(place)}: {escape(name)}: {_in_words(found, stand_ins)}"
    )
    skipped = found.skipped if verbose or not found.runs else ()
    for text in (*found.failures, *(f"not run: {each}" for each in skipped)):
        click.echo(f"    {escape(text)}")


def _in_words(found: Verified, stand_ins: list[str]) -> str:
    words = [report.count(found.runs, "run")]
    if found.runs:
        words.append("the same bits" if found.identical else "other bits")
    if not math.isnan(found.fused_error):
        words.append(f"{found.fused_error:.2f} steps from float64 (unfused {found.unfused_error:.2f})")
    elif found.runs:
        words.append("no float64 to compare with")
    words += [f"rounds {', '.join(found.rounds)}"] if found.rounds else []
    words += [f"by ref: {', '.join(stand_ins)}"] if stand_ins else []
    words += [f"{len(found.skipped):,} not run"] if found.skipped else []
    return ", ".join(words)


def _row(place: str, name: str, found: Verified, stand_ins: list[str]) -> dict[str, Any]:
    return {
        "place": place,
        "pattern": name,
        "verdict": found.verdict,
        "runs": found.runs,
        "identical": found.identical,
        "fused_error": None if math.isnan(found.fused_error) else found.fused_error,
        "unfused_error": None if math.isnan(found.unfused_error) else found.unfused_error,
        "rounds": list(found.rounds),
        "by_ref": stand_ins,
        "failures": list(found.failures),
        "not_run": list(found.skipped),
    }
