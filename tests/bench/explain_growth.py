"""How long `patdsl explain` takes as a log grows.

Prints a table for printed graphs of 500 to 20,000 nodes in which every tenth node is a norm that nearly, or just,
fuses: CPU seconds to read the text and to explain it, for one pattern and for the whole library. The last column is all
that `patdsl explain` takes for the library, from the start of Python to its end, with changes tried for ten places.
Run it as `python tests/bench/explain_growth.py`; it checks nothing.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from patdsl import pipeline
from patdsl.diagnostic import Diagnostics
from patdsl.explain.mend import Patterns
from patdsl.explain.printed import explain_printed, graphs_of
from patdsl.explain.report import GraphReport
from patdsl.locate import library_folder
from patdsl.printed.text_to_graph import PrintedGraph

T = TypeVar("T")

ONE = """
import vllm_ir
import aiter (rms_norm_group_quant as fused)
pattern triple { rms_norm -> view? -> 3x group_quant => 3x fused }
"""
LAYER = """\
    rms_{at}: "bf16[8, 256][256, 1]cpu" = torch.ops.patdsl.rms_norm.default({x}, arg1_1, 1e-06)
    v_{at}: "bf16[2, 4, 256][1024, 256, 1]cpu" = torch.ops.aten.reshape.default(rms_{at}, [2, 4, 256])
    g_{at} = torch.ops.patdsl.group_quant.default(v_{at}, 128)
    q_{at}: "f8e4m3fn[2, 4, 256][1024, 256, 1]cpu" = g_{at}[0]
    k_{at}: "f32[2, 4, 2][8, 2, 1]cpu" = g_{at}[1];  g_{at} = None
    m_{at}: "bf16[8, 256][256, 1]cpu" = torch.ops.aten.mul.Tensor(rms_{at}, 2)
    s_{at}: "bf16[8, 256][256, 1]cpu" = torch.ops.aten.sigmoid.default(m_{at})
    w_{at}: "bf16[8, 256][256, 1]cpu" = torch.ops.demo.use.default(s_{at}, q_{at}, k_{at})
    n_{at}: "bf16[8, 256][256, 1]cpu" = torch.ops.aten.add.Tensor(rms_{at}, w_{at})
    t_{at}: "bf16[8, 256][256, 1]cpu" = torch.ops.aten.tanh.default(n_{at})
"""


def text_of(nodes: int) -> str:
    """A printed graph of about so many nodes."""
    layers = nodes // 10
    lines = ['def forward(self, arg0_1: "bf16[8, 256][256, 1]cpu", arg1_1: "bf16[256][1]cpu"):\n']
    lines += (LAYER.format(at=at, x=f"t_{at - 1}" if at else "arg0_1") for at in range(layers))
    return "".join([*lines, f"    return (t_{layers - 1},)\n"])


def patterns_of(files: Sequence[Path]) -> Patterns:
    library = library_folder()
    outcomes = pipeline.run(files, stop_after="plan", proven=lambda path: path.is_relative_to(library))
    units = [outcome.unit for outcome in outcomes if outcome.unit is not None]
    passes = {
        spec.name: (spec, unit, file) for unit, file in zip(units, files, strict=True) for spec in unit.passes
    }
    return Patterns(
        tuple(spec for spec, _, _ in passes.values()),
        {name: unit for name, (_, unit, _) in passes.items()},
        {name: file for name, (_, _, file) in passes.items()},
    )


def timed(function: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def explained(graphs: Sequence[PrintedGraph], patterns: Patterns) -> list[GraphReport]:
    return list(explain_printed(graphs, patterns, None, lambda _: True, 0))


def command(path: Path) -> float:
    """CPU seconds of one `patdsl explain`."""

    def spent() -> float:
        times = os.times()
        return times.children_user + times.children_system

    before = spent()
    arguments = [sys.executable, "-m", "patdsl", "explain", str(path)]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return spent() - before


def main() -> None:
    gc.disable()  # as the command does
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder, "one.pat")
        one.write_text(ONE)
        library = sorted(library_folder().rglob("*.pat"))
        single, single_time = timed(lambda: patterns_of([one]))
        whole, whole_time = timed(lambda: patterns_of(library))
        print(f"compiling: one pattern {single_time:.2f} s, the library {whole_time:.2f} s")
        print(" nodes    read  one pattern  library  command")
        for nodes in (500, 1000, 2000, 5000, 10_000, 20_000):
            path = Path(folder, "graph.txt")
            path.write_text(text_of(nodes))
            graphs, read = timed(partial(graphs_of, path, Diagnostics()))
            times = [timed(partial(explained, graphs, patterns))[1] for patterns in (single, whole)]
            whole_command = min(command(path) for _ in range(3))
            print(f"{nodes:6d}  {read:6.2f}  {times[0]:11.2f}  {times[1]:7.2f}  {whole_command:7.2f}")


if __name__ == "__main__":
    main()
