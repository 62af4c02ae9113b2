"""The benchmark of a stack of decoder layers, on the CPU and small: what matches, what is left, what it reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import decoder_stack
import pytest
import stack_report
import stack_time
import torch
from stack_time import ATTENTION, FUSED, GAPS, OTHER, PRODUCTS, Kernel

SMALL = ("--hidden=256", "--q-lora=256", "--kv-lora=128", "--heads=2", "--mlp=128", "--context=64")
SHARED = {"mla_rope_cat_kv_cache": 1}
MATCHES = {
    "group": {
        "add_rms_norm_group_quant": 2,
        "rms_norm_group_quant": 1,
        "mla_dual_rms_norm_group_quant": 1,
        "silu_mul_group_quant": 1,
        **SHARED,
    },
    "token": {
        "add_rms_norm_token_quant": 2,
        "rms_norm_token_quant": 1,
        "mla_dual_rms_norm_token_quant": 1,
        "silu_mul_token_quant": 1,
        **SHARED,
    },
}
LEFT = {
    scheme: {
        f"patdsl::add_rms_norm_{scheme}_quant": 2,
        f"patdsl::mla_dual_rms_norm_{scheme}_quant": 1,
        f"patdsl::silu_mul_{scheme}_quant": 1,
        f"patdsl::{scheme}_quant": 1,  # in front of the output projection, where attention ends
        "patdsl::mla_rope_kv_cache": 1,
        "decoder_stack::fp8_product": 5,
    }
    for scheme in MATCHES
}


def measured(output: Path, scheme: str) -> dict[str, Any]:
    arguments = [str(output), "--device=cpu", "--layers=2", "--batches=2", f"--schemes={scheme}", *SMALL]
    assert decoder_stack.main(arguments) == 0
    found: dict[str, Any] = json.loads(output.read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scheme", MATCHES)
def test_layer(scheme: str, tmp_path: Path) -> None:
    """Everything that ought to fuse does; the results are as near the reference as Inductor's."""
    content = measured(tmp_path / "out.json", scheme)
    assert not content["left_out"]
    (line,) = content["results"]
    assert line["rows"] == (4 if scheme == "group" else 2)
    assert line["matches"] == MATCHES[scheme]
    on = {
        name: count for name, count in line["ops"]["on"].items() if name in LEFT[scheme] or "patdsl" in name
    }
    assert on == LEFT[scheme]
    assert line["ops"]["apart"][f"patdsl::{scheme}_quant"] == 5
    assert not [name for name in line["ops"]["off"] if name.startswith("patdsl")]
    assert line["faults"] == []
    assert all(0 < value < 0.2 for each in line["distances"].values() for value in each.values())
    text = stack_report.page(content)
    assert "In each layer: " in text
    assert f"2 `add_rms_norm_{scheme}_quant`" in text
    assert "Goal: at batches 1 to 64 at least 5% less time" in text


def test_wrong_products_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that is wrong is no base for times; the output says so."""
    right = decoder_stack.stack_ops.fp8_product
    monkeypatch.setattr(decoder_stack.stack_ops, "fp8_product", lambda *given: right(*given) * 1.1)
    output = tmp_path / "out.json"
    assert decoder_stack.main([str(output), "--device=cpu", "--layers=1", *SMALL]) == 1
    content = json.loads(output.read_text())
    assert content["results"] == []
    assert content["left_out"].keys() == MATCHES.keys()
    assert all(text.startswith("qkv_a, ") and "off fp32" in text for text in content["left_out"].values())


class CallsForGraphs:
    """A timer without a GPU, whose graphs are calls."""

    def capture(self, node: Any) -> tuple[Any, list[object]]:
        return SimpleNamespace(replay=lambda: [node.launch(index) for index in range(node.nodes)]), []

    def together(self, nodes: dict[str, Any], cold: bool, replays: int) -> dict[str, float]:
        for node in nodes.values():
            self.capture(node)[0].replay()
        return {"off": 100.0, "apart": 90.0, "on": 80.0}


@pytest.mark.parametrize("replays", [stack_time.PROFILED, 1])
def test_profile(replays: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last replay counts, each side has its part in the page; where replays differ the times stay."""

    def kernels(launch: Callable[[], object]) -> list[Kernel]:
        launch()
        names = ["nvjet"] if launch.__name__ == "products" else ["nvjet", "void patdsl::rows", "softmax"]
        return [
            Kernel(name, 9.0 * at + step, 9.0 * at + step + 1)
            for at in range(replays)
            for step, name in enumerate(names)
        ]

    def uncompiled(bench: Any, ops: Any, recorder: Any) -> Any:
        recorder.graphs = 1
        return decoder_stack.Stack(bench.layer(ops), bench)

    monkeypatch.setattr(stack_time, "kernels", kernels)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(decoder_stack.Bench, "compiled", uncompiled)
    sizes = decoder_stack.model.Sizes(hidden=256, q_lora=256, kv_lora=128, heads=2, mlp=128, context=64)
    weights = [decoder_stack.model.make_weights(sizes, "token", "cpu", seed) for seed in range(3)]
    bench = decoder_stack.Bench(sizes, "token", 1, weights, "cpu")
    line = {"scheme": "token", "batch": 1, **bench.line(None, CallsForGraphs())}
    content = {"machine": {"device": "a GPU", "torch": "2", "cuda": "13"}, "date": "2026-01-31", "layers": 3}
    content |= {
        "sizes": attrs.asdict(sizes),
        "left_out": {"group": "because"},
        "results": [line],
        "errors": [],
    }
    text = stack_report.page(content)
    assert "| 1 | 1 | 100.0 | 90.0 | 80.0 | 0.800 | 0.800 to 0.800 | 0.889 |" in text
    if replays == 1:
        (fault,) = line["faults"]
        assert fault == "no profile: ValueError: 3 kernels in 3 replays, which are not alike"
    else:
        assert line["faults"] == []
        third = 1 / 3
        assert line["profile"]["on"]["us"] == pytest.approx(
            {PRODUCTS: third, ATTENTION: third, FUSED: third, OTHER: 0, GAPS: 0}
        )
        assert "| 1 | on | 0.3 (0.333333) |" in text


def test_shares() -> None:
    """A kernel that begins early counts from the end of the one in front; where nothing runs is a gap."""
    run = [
        Kernel("nvjet_qq", 0, 10),
        Kernel("void patdsl::rows", 4, 12),
        Kernel("triton_red_fused_add", 15, 18),
        Kernel("softmax", 18, 19),
        Kernel("Memcpy DtoD", 19, 20),
    ]
    found = stack_time.shares(run, {"nvjet_qq"}, layers=2)
    assert found == {PRODUCTS: 5.0, FUSED: 2.5, ATTENTION: 0.5, OTHER: 0.5, GAPS: 1.5}
    assert sum(found.values()) * 2 == run[-1].end - run[0].start
    assert stack_time.counts(run, {"nvjet_qq"}, 1) == {PRODUCTS: 1, FUSED: 2, ATTENTION: 1, OTHER: 1}


def test_trace() -> None:
    """The kernels of a trace, in the order of their beginning; what ran on the host is none of them."""
    events = [
        {"cat": "kernel", "name": "b", "ts": 5.0, "dur": 1.5},
        {"cat": "gpu_memcpy", "name": "Memcpy", "ts": 2, "dur": 1},
        {"cat": "cpu_op", "name": "aten::mm", "ts": 0, "dur": 9},
        {"name": "process_name", "ph": "M"},
    ]
    assert stack_time.from_trace({"traceEvents": events}) == [
        Kernel("Memcpy", 2.0, 3.0),
        Kernel("b", 5.0, 6.5),
    ]


def test_goal() -> None:
    """Missed where a batch up to 64 is not 5 % faster; larger ones do not count."""

    def line(batch: int, on: float) -> dict[str, Any]:
        return {"batch": batch, "times": {"off": 100.0, "apart": 100.0, "on": on}}

    assert stack_report.goal([line(1, 95.0), line(64, 80.0), line(128, 99.0)]).endswith(
        "met at all 2 measured."
    )
    assert stack_report.goal([line(1, 95.1), line(64, 80.0)]).endswith("missed at 1.")
