"""Compares what Triton and the HIP kernels write with `patdsl.reference`.

    python kernels/bench/check.py [--family NAME]... [--no-ours]

In: every family at small sizes, every configuration of its Triton kernel. Out: a line for each result that differs;
the exit status says whether any does. Runs without a GPU under TRITON_INTERPRET=1 and with --no-ours.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

import torch
from compare import faults
from families import FAMILIES, Family
from memory import Apart

ROWS = (1, 5)
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # it knows no launch before another kernel's end
MANY_ROWS = 1 << 20  # so many that every configuration is worth timing


def check(family: Family, memory: Apart, ours: bool) -> list[str]:
    """What is wrong: one row of the shortest, five rows of the longest."""
    found = []
    hidden = sorted({size for size, _ in family.sizes})
    for rows, size in zip(ROWS, (hidden[0], hidden[-1]), strict=True):
        work = family.work(size, rows)
        buffers = work.make(memory)
        configs = [one for one in family.work(size, MANY_ROWS).configs() if not (INTERPRETED and one.early)]
        ways = {config.text: partial(work.triton, buffers, config) for config in configs}
        if ours:
            ways["ours"] = partial(work.ours, buffers)
        found += faults(work, buffers, ways)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", action="append", choices=sorted(FAMILIES), help="may be repeated")
    parser.add_argument("--no-ours", action="store_true")
    options = parser.parse_args()
    if INTERPRETED:
        import triton_interpreter

        triton_interpreter.install()
    memory = Apart("cuda" if torch.cuda.is_available() else "cpu")
    wrong = False
    for name in options.family or FAMILIES:
        found = check(FAMILIES[name], memory, not options.no_ours)
        print("\n".join([*found, f"{name}: {'wrong' if found else 'right'}"]), flush=True)
        wrong = wrong or bool(found)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
