"""Times rms_norm + group quant and fused add + rms_norm + group quant on this machine's GPU.

    python kernels/bench/norm_group_quant.py OUTPUT.json [--warm PART/PARTS] [--no-inductor]

In: sizes below. Out: JSON with microseconds a graph node for the kernels in each of their forms, an empty kernel, the
best of several copies of the same bytes, Triton over its configurations, and Inductor on the unfused code; cold, and
up to 1,024 rows hot. `--warm` only compiles its part of what Triton and Inductor need, so that several processes can.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import torch
import triton_norm
from graph_time import GraphTimer
from torch import Tensor

from patdsl.kernels import norm_group_quant

HIDDEN = (4096, 7168, 1536)
ROWS = (1, 128, 1024, 8192)
HOT_ROWS = 1024
GROUP = 128
EPSILON = 1e-6
MEMORY = 12 * 2**30
FORMS = {"chosen": 0, "1 vector": 1, "2 vectors": 2, "4 vectors": 4, "looped": -1}
COPIES = (1, 2, 4, 101, 102, 104)


@attrs.frozen
class Buffers:
    """Memory of one call."""

    x: Tensor
    residual: Tensor | None
    weight: Tensor
    q: Tensor
    scale: Tensor
    total: Tensor | None


def make_buffers(rows: int, hidden: int, add: bool) -> Buffers:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)

    return Buffers(
        draw(rows, hidden),
        draw(rows, hidden) if add else None,
        draw(hidden),
        torch.empty(rows, hidden, device="cuda", dtype=torch.float8_e4m3fn),
        torch.empty(rows, hidden // GROUP, device="cuda"),
        torch.empty(rows, hidden, device="cuda", dtype=torch.bfloat16) if add else None,
    )


def unfused(x: Tensor, residual: Tensor | None, weight: Tensor) -> tuple[Tensor, ...]:
    """The same results, as a model would write it."""
    wide = x.float() if residual is None else x.float() + residual.float()
    y = (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPSILON)).to(x.dtype) * weight
    groups = y.view(y.shape[0], -1, GROUP).float()
    scale = groups.abs().amax(-1).clamp(min=1e-10) / 448.0
    q = (groups / scale.unsqueeze(-1)).clamp(-448.0, 448.0).to(torch.float8_e4m3fn).view(y.shape)
    return (q, scale) if residual is None else (q, scale, wide.to(x.dtype))


def load_floor() -> ctypes.CDLL:
    source = Path(__file__).with_name("floor.cu")
    made = Path(tempfile.mkdtemp()) / "floor.so"
    command = ["nvcc", "-arch=sm_90", "-O3", "-Xcompiler", "-fPIC", "-shared", str(source), "-o", str(made)]
    subprocess.run(command, check=True)  # noqa: S603
    library = ctypes.CDLL(str(made))
    library.floor_copy.argtypes = [
        *[ctypes.c_void_p] * 6,
        ctypes.c_longlong,
        ctypes.c_longlong,
        ctypes.c_int,
        ctypes.c_void_p,
    ]
    library.floor_empty.argtypes = [ctypes.c_longlong, ctypes.c_int, ctypes.c_void_p]
    return library


def address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


class Bench:
    """One size after another."""

    def __init__(self, inductor: bool) -> None:
        self.timer = GraphTimer()
        self.floor = load_floor()
        self.processors = torch.cuda.get_device_properties(0).multi_processor_count
        self.inductor = inductor

    def size(self, rows: int, hidden: int, add: bool) -> list[dict[str, Any]]:
        one = make_buffers(rows, hidden, add)
        tensors = [tensor for tensor in attrs.astuple(one, recurse=False) if tensor is not None]
        bytes_each = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        nodes = max(4, min(200, MEMORY // bytes_each))
        sets = [one, *(make_buffers(rows, hidden, add) for _ in range(nodes - 1))]
        found = []
        for cold in (True, False) if rows <= HOT_ROWS else (True,):
            choose = (lambda node: sets[node]) if cold else (lambda node: sets[0])
            result = self.measure(choose, nodes, cold)
            found.append({"hidden": hidden, "rows": rows, "add": add, "cold": cold, "nodes": nodes, **result})
            print(json.dumps(found[-1]), flush=True)
        return found

    def measure(self, choose: Callable[[int], Buffers], nodes: int, cold: bool) -> dict[str, Any]:
        one = choose(0)
        rows, hidden = one.x.shape
        times: dict[str, Any] = {}

        def stream() -> int:
            return torch.cuda.current_stream().cuda_stream

        def ours(node: int, config: int) -> None:
            b = choose(node)
            norm_group_quant._launch(
                "bench", b.x, b.residual, b.weight, b.q, b.scale, None, b.total, EPSILON, GROUP, config
            )

        def copy(node: int, form: int) -> None:
            b = choose(node)
            parts = (b.x, b.residual, b.weight, b.q, b.scale, b.total)
            code = self.floor.floor_copy(*map(address, parts), rows, hidden, form, stream())
            assert code == 0, code

        def triton(node: int, config: triton_norm.Config) -> None:
            b = choose(node)
            triton_norm.launch(config, b.x, b.residual, b.weight, b.q, b.scale, b.total, self.processors)

        threads = (hidden // 16 + 31) // 32 * 32
        self.timer.time(lambda node: ours(node, 0), nodes, cold)  # the clock rises
        times["empty"] = self.timer.time(
            lambda _: self.floor.floor_empty(rows, threads, stream()), nodes, cold
        )
        times["forms"] = {
            name: self.timer.time(lambda node, config=config: ours(node, config), nodes, cold)
            for name, config in FORMS.items()
            if config <= 0 or hidden // 8 <= 512 * config
        }
        copies = {
            form: self.timer.time(lambda node, form=form: copy(node, form), nodes, cold)
            for form in COPIES
            if form > 100 or hidden / 8 / form <= 1024
        }
        times["copy"], times["copy_form"] = min((time, form) for form, time in copies.items())
        tuned = {
            config: self.timer.time(lambda node, config=config: triton(node, config), nodes, cold)
            for config in triton_norm.CONFIGS
            if rows > 1 or config.rows == 1
        }
        best = min(tuned, key=tuned.__getitem__)
        times["triton"], times["triton_config"] = tuned[best], attrs.astuple(best)
        if self.inductor:
            torch._dynamo.reset()
            compiled = torch.compile(unfused, dynamic=False)

            def inductor(node: int) -> tuple[Tensor, ...]:
                b = choose(node)
                return compiled(b.x, b.residual, b.weight)

            for _ in range(2):
                inductor(0)
            times["inductor"] = self.timer.time(inductor, min(nodes, 50), cold)
        return times


def warm(part: int, parts: int, inductor: bool) -> None:
    """Compiles every `parts`-th thing that the timing needs, into Triton's and Inductor's caches on disk."""
    processors = torch.cuda.get_device_properties(0).multi_processor_count
    works: list[Callable[[], object]] = []
    for hidden in HIDDEN:
        for add in (False, True):
            b = make_buffers(16, hidden, add)
            for config in triton_norm.CONFIGS:
                works.append(
                    lambda b=b, config=config: triton_norm.launch(
                        config, b.x, b.residual, b.weight, b.q, b.scale, b.total, processors, warm_up=True
                    )
                )
            for rows in ROWS if inductor else ():
                works.append(lambda rows=rows, hidden=hidden, add=add: warm_inductor(rows, hidden, add))
    for work in works[part::parts]:
        work()


def warm_inductor(rows: int, hidden: int, add: bool) -> None:
    b = make_buffers(rows, hidden, add)
    torch._dynamo.reset()
    torch.compile(unfused, dynamic=False)(b.x, b.residual, b.weight)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--warm", metavar="PART/PARTS")
    parser.add_argument("--no-inductor", action="store_true")
    options = parser.parse_args()
    if options.warm:
        part, parts = map(int, options.warm.split("/"))
        warm(part, parts, not options.no_inductor)
        return
    bench = Bench(not options.no_inductor)
    machine = {"gpu": torch.cuda.get_device_name(0), "torch": torch.__version__, "cuda": torch.version.cuda}
    results: list[dict[str, Any]] = []
    for add in (False, True):
        for hidden in HIDDEN:
            for rows in ROWS:
                results += bench.size(rows, hidden, add)
                torch.cuda.empty_cache()
                options.output.write_text(json.dumps({"machine": machine, "results": results}))


if __name__ == "__main__":
    main()
