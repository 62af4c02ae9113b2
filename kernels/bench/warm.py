"""Compiles what the timing needs, by several processes, into the caches on disk.

In: works. Out: nothing; Triton's and Inductor's caches hold their code. A process compiles every `parts`-th thing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import floor
import inductor as of_inductor
import torch
from families import Work
from memory import Apart
from torch import Tensor

from patdsl.kernels import library
from patdsl.kernels.build import build


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
            tasks.append(partial(_compile_inductor, work, memory))
        for config in work.configs():  # the code depends on the configuration and the row, not on the rows
            if (work.family, work.hidden, config) not in seen:
                seen.add((work.family, work.hidden, config))
                tasks.append(partial(_compile_triton, work, config, memory, approximate))
    with ThreadPoolExecutor(1) as pool:
        libraries = pool.submit(_build_libraries) if part == 0 else None
        for task in tasks[part::parts]:
            try:
                task()
            except Exception as error:  # the rest is still to be compiled; the timing says what does not run
                print(f"  {type(error).__name__}: {error}"[:300], flush=True)
        if libraries:
            libraries.result()


def run_parts(arguments: Sequence[str], parts: int) -> float:
    """Runs `arguments` with `--warm PART/PARTS` in `parts` processes. Out: seconds."""
    begin = time.monotonic()
    command = [sys.executable, str(Path(__file__).with_name("run.py")), *arguments, "--warm"]
    running = [subprocess.Popen([*command, f"{part}/{parts}"]) for part in range(parts)]  # noqa: S603  our own
    failed = [process for process in running if process.wait() != 0]
    if failed:
        print(f"{len(failed)} of {len(running)} processes failed; what they lack is compiled while timing")
    return time.monotonic() - begin


def _build_libraries() -> None:
    """The copies, and the kernels themselves."""
    floor.build()
    build(library.device_arch(0))


def _compile_triton(work: Work, config: Any, memory: Unfilled, approximate: bool) -> None:
    work.triton(work.make(memory), config, warm_up=True, approximate=approximate)


def _compile_inductor(work: Work, memory: Unfilled) -> None:
    of_inductor.compiled(work)(*work.arguments(work.make(memory)))
    torch.cuda.empty_cache()
