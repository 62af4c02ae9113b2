"""Bulk runs: `python tests/peer/run.py --cases N --seed S --seconds T`.

In: how many cases, from which seed, for how long. Out: counts on standard output, of torch's faults too, and a file for
each difference that none of them explains, cut down, in the folder `--failures`.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "oracle"))

from bulk import numbers
from peer_compare import Result, both_of, check, graph_of
from peer_shrink import reproduction, shrunk

GRAPHS = 10


def main() -> int:
    args = _arguments()
    # torch's replacement erases nodes that are erased already, and says so.
    warnings.filterwarnings("ignore", message="erase_node")
    start = time.monotonic()
    counts, faults = Counter[str](), Counter[str]()

    def tell(seconds: float) -> None:
        print(_line(counts, seconds), flush=True)

    for number in numbers(args.cases, args.seconds, tell):
        seed = args.seed + number // GRAPHS
        both = both_of(seed)
        graph = graph_of(both, seed, number % GRAPHS)
        result = check(both, graph)
        counts.update(_tally(result))
        faults.update(result.faults.keys())
        if result.differences and counts["failures"] <= args.most:
            args.failures.mkdir(parents=True, exist_ok=True)
            path = args.failures / f"{seed}_{number % GRAPHS}.txt"
            small = reproduction(both, shrunk(both, graph))
            path.write_text(f"seed {seed}, graph {number % GRAPHS}\n{small}", encoding="utf-8")
    print(_line(counts, time.monotonic() - start), f"last pattern seed {seed}")
    for fault, count in faults.most_common():
        print(f"{count:>8} cases: {fault}")
    return 1 if counts["failures"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first pattern")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--failures", type=Path, default=Path("peer_failures"))
    parser.add_argument("--most", type=int, default=20, help="failures that are cut down and written")
    return parser.parse_args()


def _tally(result: Result) -> Counter[str]:
    return Counter(
        cases=1,
        agreed=result.agreed > 0 and not result.faults,
        empty=not result.agreed and not result.faults,
        excused=bool(result.faults),
        harmed=result.harmed,
        failures=bool(result.differences),
    )


def _line(counts: Counter[str], seconds: float) -> str:
    cases = counts["cases"]
    return (
        f"{cases} cases in {seconds:.0f} s ({cases / seconds:.1f}/s): {counts['agreed']} with the same matches, "
        f"{counts['empty']} with none, {counts['excused']} with a fault of torch's, which spoilt {counts['harmed']} "
        f"graphs; {counts['failures']} failures"
    )


if __name__ == "__main__":
    sys.exit(main())
