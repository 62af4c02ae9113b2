"""Passes inside torch.compile: what is replaced, that the numbers stay, that nothing else changes."""

from __future__ import annotations

import attrs
import pytest
import torch
from runtime_lib import OPS
from runtime_models import agree, bf16, compiled, fresh, norm_quants
from runtime_specs import (
    ADD_NORM_QUANTS,
    BYTES_BINDING,
    FUSED_BINDING,
    NESTED_BINDING,
    NORM_QUANTS,
    NORM_QUANTS_EACH,
    TAGGED_OUT_BINDING,
    fused_through,
    spec,
)
from torch_marks import functionalizes_out, tells_of_guards

from patdsl.op_table import Out
from patdsl.runtime import FusionPass


@pytest.mark.parametrize("branches", [1, 2, 3, 7])
@pytest.mark.parametrize("dynamic", [False, True])
def test_shared_call(branches, dynamic):
    model, inputs = norm_quants(*[None] * branches), (bf16(6, 256), bf16(256))
    fusion = FusionPass(spec())
    outputs, kept = compiled(model, inputs, fusion, dynamic=dynamic)
    agree(model, inputs, outputs)
    assert kept.before["quant"] == branches
    assert kept.after == {"norm_quant": 1}
    assert fusion.counts == {"norm_quants": 1}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("shape", "views"),
    [
        ((2, 3, 256), [None, None]),
        ((2, 3, 256), [(-1, 256), (-1, 256)]),
        ((2, 3, 256), [(-1, 256), None]),
        ((6, 256), [(1, -1, 256), (-1, 256), (-1, 1, 256)]),
    ],
)
def test_views(shape, views, dynamic):
    model, inputs = norm_quants(*views), (bf16(*shape), bf16(256))
    outputs, kept = compiled(model, inputs, FusionPass(spec()), dynamic=dynamic)
    agree(model, inputs, outputs)
    assert kept.after["norm_quant"] == 1
    assert kept.after["norm"] == kept.after["quant"] == 0


def test_dynamic_graph_serves_other_sizes():
    model, fusion = norm_quants(None, (-1, 256)), FusionPass(spec())
    torch._dynamo.reset()
    import torch._inductor.config as config

    with config.patch(post_grad_custom_post_pass=fusion, fx_graph_cache=False):
        run = torch.compile(model, fullgraph=True)
        for size in (4, 6, 11):
            inputs = (bf16(2, size, 256), bf16(256))
            agree(model, inputs, run(*fresh(inputs, dynamic=True)))
    assert fusion.counts == {"norm_quants": 1}, "compiled once, for all sizes"


def test_own_call_for_each_branch():
    model, inputs = norm_quants(None, (2, 3, 256)), (bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, FusionPass(spec(NORM_QUANTS_EACH)))
    agree(model, inputs, outputs)
    assert kept.after["norm_quant"] == 2
    assert kept.after["norm"] == kept.after["quant"] == 0


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_grad_modes(mode):
    model, inputs = norm_quants(None, None), (bf16(6, 256), bf16(256))
    with mode():
        outputs, kept = compiled(model, inputs, FusionPass(spec()))
    agree(model, inputs, outputs)
    assert kept.after == {"norm_quant": 1}


@pytest.mark.parametrize("second_form", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("shape", [(6, 256), (2, 3, 256)])
def test_mutating_ops_on_both_sides(second_form, dynamic, shape):
    def model(x, residual, weight):
        for dim, size in enumerate(x.shape):
            torch._check(residual.shape[dim] == size)
        x, residual = x.clone(), residual.clone()
        OPS.add_norm_(x, residual, weight, 1e-6)
        q, scale = (
            torch.empty(*x.shape[:-1], n, dtype=t) for n, t in ((256, torch.int8), (4, torch.float32))
        )
        OPS.quant_out(x, q, scale, 64)
        return q, scale, residual

    inputs = (bf16(*shape), bf16(*shape), bf16(256))
    outputs, kept = compiled(
        model, inputs, FusionPass(spec(ADD_NORM_QUANTS)), dynamic=dynamic, second_form=second_form
    )
    agree(model, inputs, outputs)
    assert kept.after["add_norm_quant"] == 1
    assert kept.after["add_norm_"] == kept.after["quant_out"] == 0
    form = "auto_functionalized_v2" if second_form else "auto_functionalized"
    assert kept.targets[form] == 1


def test_dead_results():
    def model(x, residual, weight):
        x, residual = x.clone(), residual.clone()
        OPS.add_norm_(x, residual, weight, 1e-6)
        return OPS.quant(x, 64)[0]

    inputs = (bf16(6, 256), bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, FusionPass(spec(ADD_NORM_QUANTS)))
    agree(model, inputs, outputs)
    assert kept.after["add_norm_quant"] == 1
    assert kept.after["add_norm_"] == 0


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("second_form", [False, True])
@pytest.mark.parametrize(
    "binding",
    [
        pytest.param(BYTES_BINDING, id="bytes"),
        pytest.param(NESTED_BINDING, id="nested"),
        pytest.param(TAGGED_OUT_BINDING, id="out", marks=functionalizes_out),
    ],
)
def test_template_forms(binding, second_form, dynamic):
    model, inputs = norm_quants(None, (-1, 256)), (bf16(2, 3, 256), bf16(256))
    fusion = FusionPass(spec(ops=fused_through(binding)))
    outputs, kept = compiled(model, inputs, fusion, dynamic=dynamic, second_form=second_form)
    agree(model, inputs, outputs)
    assert kept.after[binding.target.split("::")[1].split(".")[0]] == 1
    assert kept.after["norm"] == kept.after["quant"] == 0


def test_first_callable_binding_is_called():
    missing = attrs.evolve(FUSED_BINDING, target="patdsl_test::not_there.default")
    fusion = FusionPass(spec(ops=fused_through(missing, FUSED_BINDING)))
    model, inputs = norm_quants(None), (bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, fusion)
    agree(model, inputs, outputs)
    assert kept.after == {"norm_quant": 1}
    report = str(fusion.report())
    assert "skips patdsl_test::not_there.default, not registered in this process" in report
    assert "calls patdsl_test::norm_quant.default" in report


def test_col_major_scale_is_not_replaced_by_row_major():
    def model(x, weight):
        return OPS.quant_col(OPS.norm(x, weight, 1e-6), 64)

    inputs = (bf16(6, 256), bf16(256))
    fusion = FusionPass(spec())
    outputs, kept = compiled(model, inputs, fusion)
    agree(model, inputs, outputs)
    assert kept.after == kept.before == {"norm": 1, "quant_col": 1}
    assert not fusion.counts
    (refusal,) = fusion.report().refusals
    assert (refusal.rule, refusal.pattern) == ("written", "norm_quants")
    assert refusal.reason == "'scale' would change: its strides are [4, 1], were [1, 6]"


def test_restride_allows_it():
    def model(x, weight):
        return OPS.quant_col(OPS.norm(x, weight, 1e-6), 64)

    inputs = (bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, FusionPass(spec(attrs.evolve(NORM_QUANTS, restride=("scale",)))))
    agree(model, inputs, outputs)
    assert kept.after == {"norm_quant": 1}


def test_out_buffer_takes_the_strides_of_what_it_replaces():
    def model(x, weight):
        return OPS.quant_col(OPS.norm(x, weight, 1e-6), 64)

    plain_outs = attrs.evolve(BYTES_BINDING, target="patdsl_test::norm_quant_out.default")
    args = tuple(
        (key, Out("scale") if isinstance(arg, Out) and arg.view_as else arg) for key, arg in plain_outs.args
    )
    fusion = FusionPass(spec(ops=fused_through(attrs.evolve(plain_outs, args=args))))
    inputs = (bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, fusion)
    agree(model, inputs, outputs)
    assert kept.after["norm_quant_out"] == 1
    assert kept.after["empty_strided"] == 1


@pytest.mark.parametrize(
    ("binding", "dynamic", "reason"),
    [
        ("norm_quant_broken", False, "no fake for you"),
        pytest.param("norm_quant_specialises", True, "failed", marks=tells_of_guards),
    ],
)
def test_failing_fake_leaves_the_graph(binding, dynamic, reason):
    broken = attrs.evolve(FUSED_BINDING, target=f"patdsl_test::{binding}.default")
    fusion = FusionPass(spec(ops=fused_through(broken)))
    model, inputs = norm_quants(None, None), (bf16(2, 3, 256), bf16(256))
    outputs, kept = compiled(model, inputs, fusion, dynamic=dynamic)
    agree(model, inputs, outputs)
    assert kept.after == kept.before
    (refusal,) = fusion.report().refusals
    assert refusal.reason.startswith(f"the fake implementation of patdsl_test.{binding}.default failed: ")
    assert reason in refusal.reason
    assert "\n" not in refusal.reason


def test_chain_of_layers():
    """Each layer reads what the rewrite of the one before put in place."""

    def model(x, residual, weight):
        outputs = []
        for _ in range(4):
            x, residual = x.clone(), residual.clone()
            OPS.add_norm_(x, residual, weight, 1e-6)
            q, scale = OPS.quant(x, 64)
            x = (q.float() * scale.repeat_interleave(64, -1)).to(x.dtype)
            outputs.append(q)
        return *outputs, residual

    inputs = (bf16(6, 256), bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, FusionPass(spec(ADD_NORM_QUANTS)))
    assert kept.after["add_norm_quant"] == 4
    assert kept.after["add_norm_"] == 0
    agree(model, inputs, outputs)


def test_mutation_order_is_kept():
    """The norm's input is overwritten between norm and quant: the fused call must read what the norm read."""

    def model(x, residual, weight):
        y = OPS.norm(x, weight, 1e-6)
        x.add_(1)
        return (*OPS.quant(y, 64), x.clone())

    inputs = (bf16(6, 256), bf16(6, 256), bf16(256))
    outputs, _ = compiled(model, inputs, FusionPass(spec()))
    agree(model, inputs, outputs)


def test_counters_as_torch_keeps_them():
    from torch._dynamo.utils import counters

    counters.clear()
    compiled(norm_quants(None, None), (bf16(6, 256), bf16(256)), FusionPass(spec()))
    assert counters["inductor"]["pattern_matcher_count"] == 1
    assert counters["inductor"]["pattern_matcher_nodes"] == 3
