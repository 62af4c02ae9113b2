"""Bulk runs: `python tests/blocks/run.py --cases N --seed S --seconds T [--every E]`.

In: how many blocks, from which seed, for how long; every `E`th also goes through Inductor's code generation. Out:
counts on standard output, and a file for each failure, its options cut down, in the folder `--failures`.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path += [str(Path(__file__).parent.parent / name) for name in ("fusion", "oracle")]

from block_check import check_graph, check_inductor
from block_options import Options, expected, random_options
from block_shrink import shrunk
from bulk import numbers


def main() -> int:
    args = _arguments()
    warnings.simplefilter("ignore")
    start = time.monotonic()
    counts, matches = Counter[str](), Counter[str]()

    def tell(seconds: float) -> None:
        print(_line(counts, seconds), flush=True)

    for number in numbers(args.cases, args.seconds, tell):
        seed = args.seed + number
        options = random_options(Random(seed))  # noqa: S311 (a case is its seed)
        checks: list[Callable[[Options, int], list[str]]] = [check_graph]
        checks += [check_inductor] if args.every and seed % args.every == 0 else []
        matches += expected(options)
        counts["cases"] += 1
        counts["inductor"] += len(checks) - 1
        for check in checks:
            wrong = _tried(check, options, seed)
            if wrong:
                counts["failures"] += 1
                _write(args.failures, check, options, seed, wrong)
    print(_line(counts, time.monotonic() - start), f"last seed {seed}")
    print("expected matches:", ", ".join(f"{name} {count}" for name, count in sorted(matches.items())))
    return 1 if counts["failures"] else 0


def _tried(check: Callable[[Options, int], list[str]], options: Options, seed: int) -> list[str]:
    try:
        return check(options, seed)
    except Exception as error:  # a compilation that fails is what this looks for
        return [f"{type(error).__name__}: {error}"]


def _write(
    folder: Path, check: Callable[[Options, int], list[str]], options: Options, seed: int, wrong: list[str]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    small = shrunk(options, lambda each: bool(_tried(check, each, seed)))
    text = [*wrong, "", "cut down:", *_tried(check, small, seed), repr(small), "", "from:", repr(options), ""]
    (folder / f"{check.__name__}_{seed}.txt").write_text("\n".join(text), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument(
        "--every", type=int, default=10, help="generate code for every such block; 0 for none"
    )
    parser.add_argument("--failures", type=Path, default=Path("block_failures"))
    return parser.parse_args()


def _line(counts: Counter[str], seconds: float) -> str:
    return (
        f"{counts['cases']} blocks in {seconds:.0f} s, {counts['inductor']} of them through Inductor; "
        f"{counts['failures']} failures"
    )


if __name__ == "__main__":
    sys.exit(main())
