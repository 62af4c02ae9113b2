"""Bulk runs: `python tests/oracle/run.py --cases N --seed S --seconds T`.

In: how many cases, from which seed, for how long, how many of them also run both graphs. Out: counts on standard
output, and a file for each failure, cut down, in the folder `--failures`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from bulk import numbers
from oracle_cases import Result, check, file_of, graph_of
from oracle_shrink import reproduction, shrunk

GRAPHS = 100


def main() -> int:
    args = _arguments()
    start = time.monotonic()
    counts = Counter[str]()

    def tell(seconds: float) -> None:
        print(_line(counts, seconds), flush=True)

    for number in numbers(args.cases, args.seconds, tell):
        seed = args.seed + number // GRAPHS
        file = file_of(seed)
        graph = graph_of(file, seed, number % GRAPHS)
        result = check(file, graph, number % args.every == 0)
        counts.update(_tally(result))
        if result.disagreements and counts["failures"] <= args.most:
            args.failures.mkdir(parents=True, exist_ok=True)
            small = shrunk(file.specs, graph)
            path = args.failures / f"{seed}_{number % GRAPHS}.txt"
            path.write_text(f"seed {seed}, graph {number % GRAPHS}\n{reproduction(*small)}", encoding="utf-8")
    print(_line(counts, time.monotonic() - start), f"last file seed {seed}")
    return 1 if counts["failures"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first file of patterns")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--every", type=int, default=10, help="run both graphs in every such case")
    parser.add_argument("--failures", type=Path, default=Path("oracle_failures"))
    parser.add_argument("--most", type=int, default=20, help="failures that are cut down and written")
    return parser.parse_args()


def _tally(result: Result) -> Counter[str]:
    return Counter(
        cases=1,
        matched=result.matches > 0,
        nearly=result.nearly and not result.matches,
        run=result.written is not None,
        rewritten=bool(result.written),
        failures=bool(result.disagreements),
    )


def _line(counts: Counter[str], seconds: float) -> str:
    cases = counts["cases"]
    return (
        f"{cases} cases in {seconds:.0f} s ({cases / seconds:.0f}/s): {counts['matched'] / cases:.1%} matched, "
        f"{counts['nearly'] / cases:.1%} nearly; {counts['run']} run in both forms, {counts['rewritten']} of them "
        f"rewritten; {counts['failures']} failures"
    )


if __name__ == "__main__":
    sys.exit(main())
