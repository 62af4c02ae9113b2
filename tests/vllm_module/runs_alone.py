"""Runs a generated module where patdsl cannot be imported, and prints what it did as one line of JSON.

    python runs_alone.py FUSIONS.py ADD_RMS_FUSION.py

In: the modules of `fusions.pat` and of vLLM's `add_rms_fusion.pat`. Out: for each case the matches, whether the results
are those of the graph before, and the calls that are left. `vllm` is what can be imported: itself, or the stand-in.
"""

from __future__ import annotations

import importlib.util
import json
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class NoPatdsl:
    """Finds patdsl nowhere."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == "patdsl":
            raise ImportError(f"{name} is not to be imported here")


sys.meta_path.insert(0, NoPatdsl())  # type: ignore[arg-type]

import torch  # noqa: E402
from torch import Tensor, fx  # noqa: E402
from torch._higher_order_ops.auto_functionalize import auto_functionalized  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

LIBRARY = torch.library.Library("mini", "DEF")
ATEN = torch.ops.aten


def define(schema: str, function: Callable[..., Any], fake: Callable[..., Any] | None = None) -> None:
    name = schema.partition("(")[0]
    LIBRARY.define(schema)
    LIBRARY.impl(name, function, "CPU")
    torch.library.register_fake(f"mini::{name}", fake or function, lib=LIBRARY)


def norm(x: Tensor, weight: Tensor, epsilon: float, shift: float = 0.0) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weight + shift


def quant(x: Tensor, group: int) -> tuple[Tensor, Tensor]:
    groups = x.reshape(*x.shape[:-1], -1, group)
    scale = groups.abs().amax(-1)
    return (groups / scale.unsqueeze(-1)).reshape(x.shape).contiguous(), scale


def norm_quant(x: Tensor, weight: Tensor, epsilon: float, group: int) -> tuple[Tensor, Tensor]:
    if x.dim() != 2:
        raise ValueError("a matrix is needed")
    return quant(norm(x, weight, epsilon), group)


def activate(out: Tensor, x: Tensor) -> None:
    one, other = x.chunk(2, -1)
    out.copy_(one.sigmoid() * other)


def activate_quant(q: Tensor, scale: Tensor, x: Tensor, group: int) -> None:
    one, other = x.chunk(2, -1)
    for buffer, value in zip((q, scale), quant(one.sigmoid() * other, group)):  # noqa: B905
        buffer.copy_(value)


STORED: list[Tensor] = []


def store(x: Tensor, layer: str) -> Tensor:
    STORED.append(x.clone())
    return x.new_empty(0)


def twice_store(x: Tensor, layer: str) -> Tensor:
    x.mul_(2)
    return store(x, layer)


define("norm(Tensor x, Tensor weight, float epsilon, float shift=0.0) -> Tensor", norm)
define("quant(Tensor x, int group) -> (Tensor, Tensor)", quant)
define("norm_quant(Tensor x, Tensor weight, float epsilon, int group) -> (Tensor, Tensor)", norm_quant)
define("activate(Tensor(a!) out, Tensor x) -> ()", activate, lambda out, x: None)
define(
    "activate_quant(Tensor(a!) q, Tensor(b!) scale, Tensor x, int group) -> ()",
    activate_quant,
    lambda *_: None,
)
define("store(Tensor x, str layer) -> Tensor", store, lambda x, layer: x.new_empty(0))
define("twice(Tensor x) -> Tensor", lambda x: x * 2)
define("twice_store(Tensor(a!) x, str layer) -> Tensor", twice_store, lambda x, layer: x.new_empty(0))
MINI = torch.ops.mini


def ensure_vllm_ops() -> None:
    """vLLM's own norms, or the same in plain torch."""
    try:
        importlib.import_module("vllm.ir.ops")
    except ImportError:
        library = torch.library.Library("vllm_ir", "DEF")
        KEPT.append(library)
        tail = "Tensor? weight, float epsilon, int? variance_size=None)"
        library.define(f"rms_norm(Tensor x, {tail} -> Tensor")
        library.define(f"fused_add_rms_norm(Tensor x, Tensor residual, {tail} -> (Tensor, Tensor)")
        for name, function in (("rms_norm", norm_of), ("fused_add_rms_norm", added_norm)):
            library.impl(name, function, "CPU")
            torch.library.register_fake(f"vllm_ir::{name}", function, lib=library)


KEPT: list[Any] = []


def norm_of(x: Tensor, weight: Tensor, epsilon: float, variance_size: int | None = None) -> Tensor:
    return norm(x, weight, epsilon)


def added_norm(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, variance_size: int | None = None
) -> tuple[Tensor, Tensor]:
    return norm(x + residual, weight, epsilon), x + residual


X = (6, 16)


def quants(count: int) -> Callable[..., Any]:
    def model(x: Tensor, w: Tensor) -> Any:
        y = MINI.norm(x, w, 1e-3)
        return [each for _ in range(count) for each in MINI.quant(y, 4)]

    return model


def one_dead(x: Tensor, w: Tensor) -> Any:
    return MINI.quant(MINI.norm(x, w, 1e-3), 4)[0]


def unlike(x: Tensor, w: Tensor) -> Any:
    y = MINI.norm(x, w, 1e-3)
    return *MINI.quant(y, 4), *MINI.quant(y, 8)


def escapes(x: Tensor, w: Tensor) -> Any:
    y = MINI.norm(x, w, 1e-3)
    return *MINI.quant(y, 4), y.neg()


def refused_group(x: Tensor, w: Tensor) -> Any:
    return MINI.quant(MINI.norm(x, w, 1e-3), 2)


def shifted(x: Tensor, w: Tensor) -> Any:
    return MINI.quant(MINI.norm(x, w, 1e-3, 0.5), 4)


def through_view(x: Tensor, w: Tensor) -> Any:
    y = ATEN.reshape(MINI.norm(x, w, 1e-5), [-1, 16])
    return *MINI.quant(y, 4), *MINI.quant(y, 4)


def through_other_view(x: Tensor, w: Tensor) -> Any:
    return MINI.quant(ATEN.reshape(MINI.norm(x, w, 1e-5), [-1, 8]), 4)


def activated(x: Tensor) -> Any:
    y = torch.empty(x.shape[0], x.shape[1] // 2)
    return MINI.quant(auto_functionalized(MINI.activate.default, out=y, x=x)[1], 4)


def stored(x: Tensor) -> Any:
    y = MINI.twice(x)
    return MINI.store(y, "layers.0"), y.neg()


def stored_around_another(x: Tensor) -> Any:
    y = MINI.twice(x)
    other = MINI.store(x, "layers.1")
    return other, MINI.store(y, "layers.0"), y.neg()


def stored_of_another_layer(x: Tensor) -> Any:
    y = MINI.twice(x)
    return MINI.store(y, "layers.9"), y.neg()


def added(x: Tensor, residual: Tensor, w: Tensor) -> Any:
    r = x + residual
    return torch.ops.vllm_ir.rms_norm(r, w, 1e-6), r


def reshaped(x: Tensor, w: Tensor) -> Any:
    return ATEN.reshape(torch.ops.vllm_ir.rms_norm(x, w, 1e-6), [12, 16])


#: Name: the model, its inputs' shapes, the pass.
CASES: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...], str]] = {
    **{f"{count} quants": (quants(count), (X, (16,)), "quants") for count in (1, 2, 3, 4, 5)},
    "a dead scale": (one_dead, (X, (16,)), "quants"),
    "3-D": (quants(2), ((2, 3, 16), (16,)), "quants"),
    "1-D": (quants(1), ((16,), (16,)), "quants"),
    "unlike quants": (unlike, (X, (16,)), "quants"),
    "another reader": (escapes, (X, (16,)), "quants"),
    "a group without a kernel": (refused_group, (X, (16,)), "quants"),
    "another default": (shifted, (X, (16,)), "quants"),
    "a view": (through_view, ((2, 3, 16), (16,)), "quants"),
    "a view of the last dim": (through_other_view, (X, (16,)), "quants"),
    "an op that writes": (activated, (X,), "quants"),
    "a store": (stored, (X,), "stores"),
    "a store in between": (stored_around_another, (X,), "stores"),
    "a layer without a kernel": (stored_of_another_layer, (X,), "stores"),
    "vLLM: a sum": (added, (X, X, (16,)), "add_rms_fusion"),
    "vLLM: a reshape": (reshaped, ((3, 4, 16), (16,)), "rms_norm_reshape"),
}


def load(path: str) -> Any:
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Supports:
    """Only the first layer has the kernel."""

    uuid = "layers.0"

    def __call__(self, layer: str | None, what: str) -> bool:
        return layer == "layers.0" and what == "twice"


def passes(fusions: Any, add_rms: Any, config: Any) -> dict[str, Any]:
    hosts = fusions.Hosts(most_tokens=64, supports=Supports())
    norms = add_rms.Hosts(transformers_backend=True)
    return {
        "quants": fusions.QuantsPass(config, hosts),
        "stores": fusions.StoresPass(config, hosts),
        "add_rms_fusion": add_rms.AddRmsFusionPass(config, norms),
        "rms_norm_reshape": add_rms.RmsNormReshapePass(config, norms),
    }


def traced(model: Callable[..., Any], inputs: list[Tensor]) -> fx.GraphModule:
    graph = make_fx(model, tracing_mode="fake")(*inputs)
    for node in graph.graph.find_nodes(op="call_function", target=ATEN.view.default):
        node.target = ATEN.reshape.default
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def run(graph: fx.GraphModule, inputs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    STORED.clear()
    made = graph(*(each.clone() for each in inputs))
    return list(made) if isinstance(made, (list, tuple)) else [made], list(STORED)


def alike(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(
        a.dtype == b.dtype and a.shape == b.shape and torch.allclose(a, b, rtol=1e-6, atol=1e-6)
        for a, b in zip(one, other)  # noqa: B905
    )


def calls(graph: fx.GraphModule) -> list[str]:
    found = []
    for node in graph.graph.nodes:
        if node.op == "call_function" and node.target is not operator.getitem:
            target = node.args[0] if node.target is auto_functionalized else node.target
            found.append(str(target).removesuffix(".default"))
    return found


def main() -> None:
    ensure_vllm_ops()
    fusions, add_rms = load(sys.argv[1]), load(sys.argv[2])
    config_module = importlib.import_module("vllm.config")
    config = config_module.VllmConfig()
    made = passes(fusions, add_rms, config)
    found = {}
    for name, (model, shapes, which) in CASES.items():
        random = torch.Generator().manual_seed(3)
        inputs = [torch.randn(shape, generator=random) for shape in shapes]
        graph = traced(model, inputs)
        before = run(graph, inputs)
        made[which](graph.graph)
        graph.graph.lint()
        graph.recompile()
        after = run(graph, inputs)
        same = alike(before[0], after[0]) and alike(before[1], after[1])
        found[name] = [made[which].matched_count, same, calls(graph)]
    table = importlib.import_module("vllm.compilation.passes.vllm_inductor_pass").VllmPatternMatcherPass
    ranges = [made["stores"].is_applicable_for_range(SimpleNamespace(start=1, end=end)) for end in (64, 65)]
    uuids = {name: each.uuid() for name, each in made.items()}
    print(
        "RESULT "
        + json.dumps({"cases": found, "table": dict(table.match_table), "ranges": ranges, "uuids": uuids})
    )


if __name__ == "__main__":
    main()
