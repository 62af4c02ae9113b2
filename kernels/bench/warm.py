"""Compiles what the timing needs, by several processes, into the caches on disk.

In: works. Out: nothing; Triton's and Inductor's caches hold their code. A process compiles every `parts`-th thing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import floor
import inductor as of_inductor
import torch
from families import Work
from memory import Apart
from torch import Tensor


class Unfilled(Apart):
    """Inputs without values: nothing is computed that matters, and several processes share the GPU's memory."""

    def input(self, *shape: int) -> Tensor:
        return torch.empty(*shape, dtype=torch.bfloat16, device=self.device)


def compile_part(works: Sequence[Work], part: int, parts: int, inductor: bool, approximate: bool) -> None:
    """Compiles this process's part."""
    memory = Unfilled("cuda")
    tasks: list[Callable[[], object]] = []
    seen = set()
    for work in works:
        if inductor:
            tasks.append(lambda work=work: _compile_inductor(work, memory))
        for config in work.configs():  # the code depends on the configuration and the row, not on the rows
            if (work.family, work.hidden, config) not in seen:
                seen.add((work.family, work.hidden, config))
                tasks.append(
                    lambda work=work, config=config: work.triton(
                        work.make(memory), config, warm_up=True, approximate=approximate
                    )
                )
    if part == 0:
        floor.build()
    for task in tasks[part::parts]:
        task()


def run_parts(arguments: Sequence[str], parts: int) -> float:
    """Runs `arguments` with `--warm PART/PARTS` in `parts` processes. Out: seconds."""
    begin = time.monotonic()
    here = Path(__file__).parent
    command = [sys.executable, str(here / "run.py"), *arguments, "--warm"]
    kernels = [sys.executable, "-m", "patdsl", "kernels", "build"]
    running = [subprocess.Popen([*command, f"{part}/{parts}"]) for part in range(parts)]  # noqa: S603  our own
    running.append(subprocess.Popen(kernels, cwd=here.parent.parent))  # noqa: S603
    failed = [process for process in running if process.wait() != 0]
    if failed:
        print(f"{len(failed)} of {len(running)} processes failed; what they lack is compiled while timing")
    return time.monotonic() - begin


def _compile_inductor(work: Work, memory: Unfilled) -> None:
    of_inductor.compiled(work)(*work.arguments(work.make(memory)))
    torch.cuda.empty_cache()
