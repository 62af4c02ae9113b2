"""Compiles what the timing needs, by several processes, into the caches on disk.

In: works. Out: nothing; Triton's and Inductor's caches hold their code. A process compiles every `parts`-th thing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import floor
import torch
from families import Work
from memory import Apart

#: Inductor's own workers would be started by each of the processes.
ENVIRONMENT = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}


def compile_part(works: Sequence[Work], part: int, parts: int, inductor: bool, approximate: bool) -> None:
    """Compiles this process's part."""
    memory = Apart("cuda")
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
    command = [sys.executable, str(Path(__file__).with_name("run.py")), *arguments, "--warm"]
    running = [
        subprocess.Popen([*command, f"{part}/{parts}"], env={**os.environ, **ENVIRONMENT})  # noqa: S603  ours
        for part in range(parts)
    ]
    failed = [process.args for process in running if process.wait() != 0]
    if failed:
        print(f"{len(failed)} of {parts} warm-up processes failed; what they lack is compiled while timing")
    return time.monotonic() - begin


def _compile_inductor(work: Work, memory: Apart) -> None:
    torch._dynamo.reset()
    torch.compile(work.unfused(), dynamic=False)(*work.arguments(work.make(memory)))
