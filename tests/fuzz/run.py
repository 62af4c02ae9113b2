"""Fuzzing in bulk: `python tests/fuzz/run.py --cases 100000 --seconds 600 --seed 1`.

In: how much. Out: rates on stdout, a folder with the minimised failures; the exit code is 1 where there were some.
`--replay 12.5083.77` runs one case again and prints its text and what is wrong with it.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc
from pathlib import Path

from fuzz_campaign import Report, campaign, kind_of
from fuzz_checks import Bench
from fuzz_cover import Cover, all_lines
from fuzz_minimise import minimise
from fuzz_mutate import text_of


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--failures", type=Path, default=Path("fuzz_failures"), help="a folder for them")
    options.add_argument(
        "--compile-every", type=int, default=1, help="compile one in so many of those that parse"
    )
    options.add_argument("--replay", help="one case: seeds with dots between them")
    given = options.parse_args()
    with Bench() as bench:
        if given.replay:
            return _replay(bench, given.replay)
        bench.compile_every = given.compile_every
        cover = Cover()
        report = campaign(bench, cover, given.seed, given.cases, given.seconds, _progress)
        _print(report, cover)
        _print_memory(bench, report)
        _write_failures(bench, report, given.failures)
    return 1 if report.failures else 0


def _replay(bench: Bench, name: str) -> int:
    text = text_of(tuple(map(int, name.split("."))))
    result = bench.check(text)
    print(ascii(text), result, sep="\n")
    return 1 if result.wrong else 0


def _progress(report: Report) -> None:
    if report.failed_last:
        print(f"failed: {report.failed_last}", flush=True)
    if report.cases % 10_000 == 0:
        rate = report.cases / report.seconds
        found = f"{len(report.kept)} kept, {len(report.failures)} failures"
        print(f"{report.cases:,} cases, {rate:.0f}/s, {found}", flush=True)


def _print(report: Report, cover: Cover) -> None:
    rate = report.cases / max(report.seconds, 1e-9)
    print(f"cases       {report.cases:,} in {report.seconds:.0f} s: {rate:.0f} a second")
    print(f"characters  {report.characters:,}, {report.characters // max(report.cases, 1)} a case")
    print(f"came as far {dict(report.stages.most_common())}")
    print(f"codes       {len(report.codes)}: {' '.join(sorted(report.codes))}")
    print(f"reached     {len(cover.lines)} of {all_lines()} lines of patdsl/syntax, {len(cover.arcs)} steps,")
    print(f"            {len(cover.moves)} pairs of state and terminal; {len(report.kept)} cases kept")
    print(f"memory      {report.memory / 2**20:.0f} MiB at most")
    for seconds, lineage in report.slowest:
        print(f"slow        {seconds:.3f} s: {_name(lineage)}")


def _print_memory(bench: Bench, report: Report) -> None:
    """What the slowest cases allocate: they are those that do most."""
    tracemalloc.start()
    for _, lineage in report.slowest:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        bench.check(text_of(lineage))
        print(
            f"allocates   {(tracemalloc.get_traced_memory()[1] - before) / 2**20:.1f} MiB: {_name(lineage)}"
        )
    tracemalloc.stop()


def _write_failures(bench: Bench, report: Report, folder: Path) -> None:
    for number, (kind, lineage) in enumerate(report.failures.items()):
        folder.mkdir(exist_ok=True)
        text = minimise(
            text_of(lineage), lambda text, kind=kind: kind_of(bench.check(text).wrong) == kind, 500
        )
        path = folder / f"{number}.pat"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        print(f"FAILED      {kind}: {_name(lineage)}, as short as can be in {path}")


def _name(lineage: tuple[int, ...]) -> str:
    return ".".join(map(str, lineage))


if __name__ == "__main__":
    sys.exit(main())
