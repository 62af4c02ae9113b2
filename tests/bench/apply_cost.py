"""What a pass costs to make and to apply, beside the same patterns by hand in torch and vLLM's own pass.

    python tests/bench/apply_cost.py [--vllm] [--repeats N]

Prints a table with ratios from one run, in processor time: all passes of the library's rms_norm_quant against two
traced `register_replacement` patterns in plain torch, on a graph of 61 layers (2,139 nodes, a match each) and on one
without a match. With `--vllm`, in an environment with vLLM 0.32 and the stand-ins that make it a ROCm build
(`simplugin` on the path), `RocmAiterRMSNormQuantFusionPass` is timed on the same graph spelled in vLLM's ops. Then: the
time to make the whole library's passes, and, each in a process of its own, to import them.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from layers import EPSILON, GROUP, HIDDEN, LAYERS, ROWS, Dialect, build, own, timed
from torch._inductor.pattern_matcher import PatternMatcherPass, fwd_only, register_replacement
from torch.fx import Graph

LIBRARY = (
    *("add_rms_norm", "add_rms_norm_pad", "gated_rms_norm_quant", "mla_dual_rms_norm"),
    *("rms_norm_quant", "rope_kv_cache", "silu_mul_quant"),
)
#: What a process with Inductor has imported before it meets a pass.
TORCH = (
    *("torch._inductor.pattern_matcher", "torch._inductor.custom_graph_pass", "torch._dynamo.utils"),
    *("torch.fx.experimental.symbolic_shapes", "torch._inductor.decomposition"),
)
Apply = Callable[[Graph], Any]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vllm", action="store_true", help="also vLLM's own pass, in vLLM's ops")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(arguments)
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, median of {options.repeats}")
    dialect, peer, peer_construction = vllm_peer() if options.vllm else torch_peer()
    print(f"{'':<34} {'patdsl':>10} {'peer':>10} {'peer / patdsl':>14}")
    construction = median(load_library, options.repeats)
    line("making the passes, ms", construction * 1e3, peer_construction * 1e3)
    ours = load_library()["rms_norm_quant"]
    for name, matches in ((f"a match, ms ({LAYERS} of them)", True), ("no match, 2,139 nodes, ms", False)):
        times = [
            apply_time(each, dialect, matches, options.repeats) * 1e3 / (LAYERS if matches else 1)
            for each in (ours, peer)
        ]
        line(name, *times)
    first, again = import_times(options.repeats)
    print(f"importing the library beyond torch, ms: {again * 1e3:.0f}, without bytecode {first * 1e3:.0f}")


def line(name: str, ours: float, peer: float) -> None:
    print(f"{name:<34} {ours:>10.2f} {peer:>10.2f} {peer / ours:>14.1f}", flush=True)


def load_library() -> dict[str, Apply]:
    return {name: importlib.import_module(f"patdsl.library.{name}").load(target="gfx950") for name in LIBRARY}


def apply_time(apply: Apply, dialect: Dialect, matches: bool, repeats: int) -> float:
    """Seconds for one graph, each time a new one."""
    apply(build(3, dialect, matches).graph)
    times = []
    for _ in range(repeats):
        graph = build(LAYERS, dialect, matches).graph
        count = len(graph.nodes)
        times.append(timed(apply, graph))
        if (len(graph.nodes) != count) is not matches:
            sys.exit("a peer did not match as it should: nothing was measured")
    return statistics.median(times)


def median(call: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def import_times(repeats: int) -> tuple[float, float]:
    """Seconds of processor time of new processes for the modules, with torch's imported before.

    From source, with attrs, and from the bytecode that Python keeps of them afterwards, as pip does when it installs.
    """
    modules = ", ".join(f"patdsl.library.{name}" for name in LIBRARY)
    with tempfile.TemporaryDirectory() as folder:
        program = (
            f"import torch, {', '.join(TORCH)}, sys, time\n"
            f"sys.dont_write_bytecode, sys.pycache_prefix = False, {folder!r}\n"
            f"before = time.process_time(); import {modules}\n"
            "print(time.process_time() - before)"
        )
        times = []
        for _ in range(1 + repeats):
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            times.append(float(done.stdout.split()[-1]))
    return times[0], statistics.median(times[1:])


def torch_peer() -> tuple[Dialect, Apply, float]:
    """Both norms before each quantisation, alone and with the norm kept, for two epsilons, traced, as by hand."""
    dialect = own()
    tensors = {
        **dict.fromkeys(("x", "residual"), torch.empty(ROWS, HIDDEN, dtype=torch.bfloat16)),
        "weight": torch.empty(HIDDEN, dtype=torch.bfloat16),
        "scale": torch.empty(1),
    }

    def make() -> PatternMatcherPass:
        patterns = PatternMatcherPass()
        for choice in itertools.product(QUANTS, (False, True), (False, True), (1e-5, EPSILON)):
            unfused, fused = traced_sides(*choice)
            inputs = [tensors[name] for name in inspect.signature(unfused).parameters]
            register_replacement(unfused, fused, inputs, fwd_only, patterns)
        return patterns

    construction = median(make, 3)
    return dialect, make().apply, construction


#: A quantisation's arguments behind the tensors.
QUANTS: dict[str, tuple[Any, ...]] = {
    "static": (),
    "token": (torch.float8_e4m3fn,),
    "group": (GROUP,),
    "mx": (),
}


def traced_sides(
    quant: str, adds: bool, keeps: bool, epsilon: float
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A norm and a quantisation, apart and as one op, of the tensors that their signatures name."""
    ops = torch.ops.patdsl
    names = ["x", *(["residual"] if adds else []), "weight", *(["scale"] if quant == "static" else [])]
    fused_op = getattr(ops, f"{'add_' * adds}rms_norm_{quant}_quant{'_keep' * keeps}")

    def unfused(*given: torch.Tensor) -> Any:
        scale = given[-1:] if quant == "static" else ()
        y, *total = (
            ops.fused_add_rms_norm(*given[:3], epsilon) if adds else [ops.rms_norm(*given[:2], epsilon)]
        )
        made = getattr(ops, f"{quant}_quant")(y, *scale, *QUANTS[quant])
        q, *scales = [made] if quant == "static" else made
        return q, *total, *scales, *([y] if keeps else [])

    def fused(*given: torch.Tensor) -> Any:
        return fused_op(*given, epsilon, *QUANTS[quant])

    for side in (unfused, fused):
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        vars(side)["__signature__"] = inspect.Signature(parameters)
    return unfused, fused


def vllm_peer() -> tuple[Dialect, Apply, float]:
    """vLLM's pass of the same norms and quantisations."""
    importlib.import_module("simplugin")
    config = importlib.import_module("vllm.config")
    fusion = importlib.import_module("vllm.compilation.passes.fusion.rocm_aiter_fusion")
    compilation = config.CompilationConfig(custom_ops=["+rms_norm", "+quant_fp8"])
    model = config.ModelConfig(dtype=torch.bfloat16)
    whole = config.VllmConfig(model_config=model, compilation_config=compilation)
    with config.set_current_vllm_config(whole):
        construction = median(lambda: fusion.RocmAiterRMSNormQuantFusionPass(whole), 3)
        peer = fusion.RocmAiterRMSNormQuantFusionPass(whole)
    ops = torch.ops
    dialect = Dialect(ops.vllm_ir.rms_norm.default, ops.vllm.rocm_aiter_group_fp8_quant.default)
    return dialect, peer, construction


if __name__ == "__main__":
    main(sys.argv[1:])
