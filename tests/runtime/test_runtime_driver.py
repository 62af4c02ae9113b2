"""torch's own driver with our patterns, and what `register_replacement` is given."""

from __future__ import annotations

import inspect

import attrs
import pytest
import torch
from runtime_lib import OPS
from runtime_models import agree, bf16, check, compiled, norm_quants, ops_in, traced
from runtime_specs import ADD_NORM_QUANTS, FUSED_BINDING, NORM_QUANTS, fused_through, spec
from torch._inductor.pattern_matcher import PatternMatcherPass

from patdsl.runtime import (
    FusionPass,
    Left,
    Matcher,
    Right,
    examples,
    register_replacement,
    rewrite,
    trace,
)


def torch_driver(fusion, *patterns):
    """A PatternMatcherPass of torch's with these patterns."""
    driver = PatternMatcherPass()
    for pattern in patterns or fusion.spec.patterns:
        register_replacement(
            search_fn=Left(pattern),
            replace_fn=Right(pattern),
            example_inputs=examples(pattern),
            trace_fn=trace,
            pass_dicts=driver,
            extra_check=rewrite,
            search_fn_pattern=Matcher(pattern, fusion),
            pattern_name=pattern.full_name,
        )
    return driver


@pytest.mark.parametrize("branches", [1, 2, 3, 7])
@pytest.mark.parametrize("dynamic", [False, True])
def test_torch_driver_rewrites_whole_fan_outs(branches, dynamic):
    fusion = FusionPass(spec())
    driver = torch_driver(fusion)
    counted = []
    model, inputs = norm_quants(*[None] * branches), (bf16(6, 256), bf16(256))
    outputs, kept = compiled(
        model, inputs, lambda graph: counted.append(driver.apply(graph)), dynamic=dynamic
    )
    agree(model, inputs, outputs)
    assert kept.after == {"norm_quant": 1}
    assert counted == [1]
    assert fusion.counts == {"norm_quants": 1}


@pytest.mark.parametrize("second_form", [False, True])
def test_torch_driver_on_a_chain_of_mutating_layers(second_form):
    def model(x, residual, weight):
        found = []
        for _ in range(3):
            x, residual = x.clone(), residual.clone()
            OPS.add_norm_(x, residual, weight, 1e-6)
            q, scale = OPS.quant(x, 64)
            x = (q.float() * scale.repeat_interleave(64, -1)).to(x.dtype)
            found.append(q)
        return *found, residual

    driver = torch_driver(FusionPass(spec(ADD_NORM_QUANTS)))
    inputs = (bf16(6, 256), bf16(6, 256), bf16(256))
    outputs, kept = compiled(model, inputs, driver.apply, second_form=second_form)
    agree(model, inputs, outputs)
    assert kept.after["add_norm_quant"] == 3
    assert kept.after["add_norm_"] == 0


def late_input(x, weight, other):
    """An input of the second branch's replacement is computed after the first output."""
    y = OPS.norm(x, weight, 1e-6)
    first = OPS.quant(y, 64)
    late = other.sin()
    second = OPS.quant(y, 64)
    return *first, *second, late


@pytest.mark.parametrize("apply", ["torch", "own"])
def test_nothing_is_used_before_it_is_defined(apply):
    graph = traced(late_input, bf16(6, 256), bf16(256), bf16(4)).graph
    fusion = FusionPass(spec())
    (torch_driver(fusion) if apply == "torch" else fusion).apply(graph)
    check(graph)
    assert ops_in(graph) == {"norm_quant": 1, "sin": 1}


def test_refused_match_leaves_torch_nothing_to_replace():
    missing = attrs.evolve(FUSED_BINDING, target="patdsl_test::norm_quant_broken.default")
    fusion = FusionPass(spec(ops=fused_through(missing)))
    graph = traced(norm_quants(None, None), bf16(6, 256), bf16(256)).graph
    before = str(graph)
    assert torch_driver(fusion).apply(graph) == 0
    assert str(graph) == before


def test_sides_have_the_inputs_for_their_signature():
    for side in (Left(NORM_QUANTS), Right(NORM_QUANTS)):
        assert list(inspect.signature(side).parameters) == ["x", "weight", "epsilon", "group"]
        with pytest.raises(TypeError, match="only carries a signature"):
            side(1, 2, 3, 4)
    x, weight, epsilon, group = examples(NORM_QUANTS)
    assert (tuple(x.shape), x.dtype, x.device.type) == ((10, 256), torch.bfloat16, "meta")
    assert tuple(weight.shape) == (256,)
    assert (epsilon, group) == (1e-6, 64)


def test_one_name_cannot_be_two_patterns():
    fusion = FusionPass(spec())
    torch_driver(fusion, NORM_QUANTS, NORM_QUANTS)
    with pytest.raises(RuntimeError, match="Duplicate pattern"):
        torch_driver(fusion, NORM_QUANTS, attrs.evolve(NORM_QUANTS, restride=("scale",)))


def test_registered_patterns_are_what_the_pass_looks_for():
    fusion = FusionPass(spec(), register=lambda patterns: None)
    graph = traced(norm_quants(None), bf16(6, 256), bf16(256)).graph
    assert fusion.apply(graph) == 0
    assert ops_in(graph) == {"norm": 1, "quant": 1}
