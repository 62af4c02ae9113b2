"""Compares what Triton and the HIP kernels write with `patdsl.reference`, before their times are believed.

    python kernels/bench/check.py [--no-ours]

In: every family at small sizes. Out: a line for each that differs; the exit status says whether any does. Runs without
a GPU under TRITON_INTERPRET=1, then without the HIP kernels. A row's squares are added in another order than the
reference adds them, which may tip a rounding of the norm to the next bf16 and of q to the next fp8: a small share of
neighbours is no error, more than that or any other value is.
"""

from __future__ import annotations

import argparse
import os
import sys

import torch
from families import FAMILIES, Work
from memory import Apart, Memory
from torch import Tensor

SHARE = 0.02  # of the values of a result may be neighbours of those wanted
SIZES = ((1, 0), (5, 1))  # rows, which of a family's sizes


def difference(got: Tensor, want: Tensor) -> str | None:
    """How `got` differs from `want` by more than roundings, or None."""
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, wanted {list(want.shape)}"
    a, b = got.float(), want.float()
    step = {torch.bfloat16: 2**-7, torch.float8_e4m3fn: 2**-3, torch.uint8: 1.0}.get(got.dtype, 2**-6)
    apart = (a - b).abs()
    floor = 2**-9 if got.dtype == torch.float8_e4m3fn else 1e-30
    beyond = ~(apart <= b.abs() * step * 1.01 + floor)
    if beyond.any():
        return f"{int(beyond.sum())} of {a.numel()} values beyond a neighbour, by {apart[beyond].max():.3g} at most"
    share = (a != b).float().mean().item()
    most = 1.0 if got.dtype == torch.float32 else SHARE
    return f"{share:.1%} of the values are neighbours" if share > most and a.numel() > 64 else None


def check(work: Work, memory: Memory, ours: bool) -> list[str]:
    """What is wrong with the results of each configuration of Triton's, and of the HIP kernel."""
    buffers = work.make(memory)
    wanted = work.wanted(buffers)
    ways = [
        (f"triton {config}", lambda config=config: work.triton(buffers, config)) for config in work.configs()
    ]
    if ours:
        ways.append(("ours", lambda: work.ours(buffers)))
    wrong = []
    for name, launch in ways:
        for result in work.results(buffers).values():
            result.view(torch.uint8).fill_(0x5A)
        launch()
        for result, tensor in work.results(buffers).items():
            found = difference(tensor, wanted[result])
            if found:
                wrong.append(f"{work.family} {work.rows} x {work.hidden} {name}: {result}: {found}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--no-ours", action="store_true")
    parser.add_argument("--family", action="append", help="only this one (may be repeated)")
    options = parser.parse_args()
    if os.environ.get("TRITON_INTERPRET") == "1":
        import triton_interpreter

        triton_interpreter.install()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    memory = Apart(device)
    wrong = []
    for name, family in FAMILIES.items():
        if options.family and name not in options.family:
            continue
        hidden = sorted({size[0] for size in family.sizes})
        for rows, place in SIZES:
            wrong += check(
                family.work(hidden[min(place, len(hidden) - 1)], rows), memory, not options.no_ours
            )
        print(
            f"{name}: {'wrong' if any(line.startswith(name + ' ') for line in wrong) else 'right'}",
            flush=True,
        )
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
