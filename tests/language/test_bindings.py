"""Section 2, bindings: how a declared op is spelled in a graph, and which spelling a rewrite calls."""

from __future__ import annotations

import pytest
import torch
from language_cases import LANG, f32, fuses, leaves, load, named, post_grad, traced

PLUS = LANG.plus_one


def affine(x, scale=3.0, shift=0.5, mode="plain", which=1):
    return LANG.affine_reordered(shift, x, scale=scale, mode=mode)[which]


def test_a_template_says_where_parameters_stand():
    passes = load("binding_template")
    module = traced(lambda x: LANG.twice(affine(x)), f32(4, 8))
    assert fuses(passes, module, f32(4, 8)) == {"affine_reordered": 1}
    (call,) = [
        node for node in module.graph.nodes if node.op == "call_function" and node.name == "affine_reordered"
    ] or [node for node in module.graph.nodes if "affine_reordered" in str(node.target)]
    assert call.args[0] == 1.0
    assert call.kwargs == {"scale": 6.0, "mode": "plain"}


@pytest.mark.parametrize("other", [{"mode": "fast"}, {"which": 0}], ids=str)
def test_a_literal_and_the_named_result_decide(other):
    leaves(load("binding_template"), lambda x: LANG.twice(affine(x, **other)), f32(4, 8))


@pytest.mark.parametrize("double", [LANG.twice, lambda x: x + x], ids=["its op", "aten"])
@pytest.mark.parametrize(
    "increment", [LANG.plus_one, lambda x: torch.ops.aten.add.Scalar(x, 1)], ids=["its op", "aten"]
)
def test_every_spelling_matches_and_the_first_that_exists_is_called(double, increment):
    after = fuses(load("binding_several"), lambda x: increment(double(x)), f32(4, 8))
    assert after == {"twice_plus_one": 1}


def test_a_template_parameter_given_twice_is_one_value():
    leaves(load("binding_several"), lambda x, y: PLUS(x + y), f32(4, 8), f32(4, 8))


def test_a_missing_binding_is_reported():
    passes = load("binding_several")
    report = str(passes.report())
    assert "both: skips lang::missing_twice_plus_one.default, not registered in this process" in report
    assert "both: calls lang::twice_plus_one.default" in report


def test_an_overload_is_named():
    passes = load("binding_overload")
    module = traced(lambda x: LANG.increase.by(LANG.twice(x), 0.5), f32(4, 8))
    fuses(passes, module, f32(4, 8))
    assert [str(node.target) for node in module.graph.nodes if node.op == "call_function"] == [
        "lang.increase.twice_by"
    ]


def test_another_overload_is_another_op():
    leaves(load("binding_overload"), lambda x: LANG.increase.twice_by(LANG.twice(x), 0.5), f32(4, 8))


def doubled(x, empty=torch.empty_like):
    out = empty(x)
    LANG.twice_out(out, x)
    return out


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("empty", [torch.empty_like, torch.ones_like])
def test_an_out_buffer_is_not_read(v2, empty):
    module = post_grad(lambda x: PLUS(doubled(x, empty)), f32(4, 8), v2=v2)
    after = fuses(load("binding_out"), module, f32(4, 8))
    assert after["twice_plus_one_out"] == 1
    assert not {"twice_out", "plus_one"} & set(after)


def test_an_out_buffer_whose_result_is_used_elsewhere():
    def model(x):
        y = doubled(x)
        return PLUS(y), y * 3

    leaves(load("binding_out"), post_grad(model, f32(4, 8)), f32(4, 8), why="profit")


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("alive", [False, True])
def test_operands_that_are_written(v2, alive):
    def model(x, r):
        x, r = x.clone(), r.clone()
        LANG.add_twice_(x, r)
        return (PLUS(x), r * 3) if alive else PLUS(x)

    after = fuses(load("binding_mut"), post_grad(model, f32(4, 8), f32(4, 8), v2=v2), f32(4, 8), f32(4, 8))
    assert after["add_twice_plus_one_"] == 1
    assert not {"add_twice_", "plus_one"} & set(after)


def test_a_written_operand_used_elsewhere():
    def model(x, r):
        x, r = x.clone(), r.clone()
        LANG.add_twice_(x, r)
        return PLUS(x), x * 3

    leaves(load("binding_mut"), post_grad(model, f32(4, 8), f32(4, 8)), f32(4, 8), f32(4, 8), why="profit")


@pytest.mark.parametrize("read", [False, True])
def test_a_written_operand_that_nobody_reads(read):
    def model(x, r):
        x, r = x.clone(), r.clone()
        LANG.add_twice_(x, r)
        return (PLUS(r), x * 3) if read else PLUS(r)

    module = post_grad(model, f32(4, 8), f32(4, 8))
    if read:
        leaves(load("binding_mut_unread"), module, f32(4, 8), f32(4, 8))
    else:
        assert fuses(load("binding_mut_unread"), module, f32(4, 8), f32(4, 8))["add_plus_one"] == 1


@pytest.mark.parametrize("v2", [False, True])
def test_a_mutable_operand_that_stays_the_same(v2):
    def model(x):
        x = x.clone()
        y = LANG.twice_or_store(x, False)
        return PLUS(y), x * 3

    assert fuses(load("binding_same"), post_grad(model, f32(4, 8), v2=v2), f32(4, 8))["twice_plus_one"] == 1


def test_scratch_memory():
    after = fuses(load("binding_temp"), lambda x: PLUS(LANG.twice(x)), f32(4, 10))
    assert after["twice_plus_one_scratch"] == 1


def test_a_nested_call_matches_and_is_made():
    passes = load("binding_nested")
    after = fuses(passes, lambda x: PLUS(LANG.twice_plus_base(x, torch.zeros_like(x))), f32(4, 8))
    assert after["twice_plus_base_plus_one"] == 1
    assert not {"twice_plus_base", "plus_one"} & set(after)


@pytest.mark.parametrize("base", [torch.ones_like, lambda x: x, lambda x: torch.zeros_like(x[:1])])
def test_another_base_is_another_call(base):
    leaves(load("binding_nested"), lambda x: PLUS(LANG.twice_plus_base(x, base(x))), f32(4, 8))


@pytest.mark.parametrize("double", [LANG.twice, lambda x: LANG.affine(x, None, 2.0)])
def test_a_declared_op_as_binding(double):
    passes = load("binding_declared")
    module = traced(lambda x: PLUS(double(x)), f32(4, 8))
    assert fuses(passes, module, f32(4, 8)) == {"affine": 1}


@pytest.mark.parametrize("double", [lambda x: LANG.affine(x, None, 3.0), lambda x: LANG.affine(x, x, 2.0)])
def test_the_arguments_of_the_declared_op_decide(double):
    leaves(load("binding_declared"), lambda x: PLUS(double(x)), f32(4, 8))


def native(x, other):
    s = x + other
    return PLUS(s + s)


def test_native_code():
    assert fuses(load("binding_native"), native, f32(4, 8), f32(4, 8)) == {"twice_sum_plus_one": 1}


def test_the_ops_of_native_code_must_go():
    def model(x, other):
        s = x + other
        return PLUS(s + s), s

    leaves(load("binding_native"), model, f32(4, 8), f32(4, 8), why="profit")


TARGETS = {
    "gfx942": "twice_plus_one",
    "gfx950": "twice_plus_one",
    "sm_90": "twice_plus_one_fast",
    "sm_103": "twice_plus_one_fast",
}


@pytest.mark.parametrize("target", TARGETS)
def test_the_target_chooses_the_binding(target):
    passes = load("binding_targets", target=target)
    assert fuses(passes, lambda x: PLUS(LANG.twice(x)), f32(4, 8)) == {TARGETS[target]: 1}


@pytest.mark.parametrize("target", ["cpu", "sm_89"])
def test_no_binding_for_the_target(target):
    passes = load("binding_targets", target=target)
    leaves(passes, lambda x: PLUS(LANG.twice(x)), f32(4, 8))
    assert f"for gfx942, gfx950, not {target}" in str(passes.report())


def test_the_target_of_the_process():
    from patdsl.runtime import use_target

    with use_target("gfx950"):
        passes = load("binding_targets")
    assert fuses(passes, lambda x: PLUS(LANG.twice(x)), f32(4, 8)) == {"twice_plus_one": 1}


@pytest.mark.parametrize(
    ("scale", "shift", "shape", "called"),
    [
        (2.0, 0.0, (4, 8), "twice_plus_one"),
        (2.0, 0.0, (2, 2, 8), "affine_reordered"),
        (3.0, 0.5, (4, 8), "affine_reordered"),
        (0.5, 0.0, (4, 8), "affine_reordered"),
    ],
)
def test_a_guard_decides_what_is_called(scale, shift, shape, called):
    assert fuses(load("binding_guard"), lambda x: PLUS(affine(x, scale, shift)), f32(*shape)) == {called: 1}


def test_a_guard_decides_what_matches():
    leaves(load("binding_guard"), lambda x: PLUS(affine(x, 0.5, 0.5)), f32(4, 8))


@pytest.mark.parametrize(
    "form",
    [
        lambda x, s: LANG.affine(x, s, 3.0),
        lambda x, s: LANG.affine(x, s, scale=3.0),
        lambda x, s: LANG.affine(x, shift=s, scale=3.0),
        lambda x, s: LANG.affine(x, s, 3.0, False, "plain"),
        lambda x, s: LANG.affine(x, s, 3.0, mode="plain"),
    ],
)
def test_call_forms(form):
    after = fuses(load("call_forms"), lambda x, s: LANG.twice(form(x, s)), f32(4, 8), f32(4, 8))
    assert after == {"affine_twice": 1}


@pytest.mark.parametrize(
    "form",
    [
        lambda x, s: LANG.affine(x, s),
        lambda x, s: LANG.affine(x, s, 1.0),
        lambda x, s: LANG.affine(x, s, 3.0, True),
    ],
)
def test_other_values_in_any_form(form):
    leaves(load("call_forms"), lambda x, s: LANG.twice(form(x, s)), f32(4, 8), f32(4, 8))


def scale_twice(x, s):
    return LANG.mul(LANG.twice(x), s)


@pytest.mark.parametrize("size", [(1,), (1, 1)])
def test_the_limits_of_a_kernel_are_met(size):
    assert fuses(load("op_where"), scale_twice, f32(4, 32), f32(*size)) == {"mul_twice": 1}


@pytest.mark.parametrize(("x", "s"), [((4, 40), (1,)), ((4, 16), (1,)), ((4, 32), (32,))])
def test_a_limit_of_the_kernel_is_a_guard(x, s):
    leaves(load("op_where"), scale_twice, f32(*x), f32(*s), why="where")


def test_contiguous_is_a_guard():
    leaves(load("op_where"), lambda x, s: scale_twice(x.t(), s), f32(32, 4), f32(1), why="contiguous")


def test_effects_keep_their_order():
    passes = named(load("effect"), "stores")
    assert fuses(passes, lambda x: LANG.store(LANG.twice(x), "a"), f32(4, 8)) == {"store_twice": 1}
    passes = named(load("effect"), "loads")
    assert fuses(passes, lambda x: LANG.twice(LANG.load(x, "a")), f32(4, 8)) == {"load_twice": 1}


@pytest.mark.parametrize("own", [True, False])
def test_a_read_does_not_move_past_a_write(own):
    def model(x, between):
        y = LANG.load(x, "a")
        dep = between(x)
        return LANG.twice(y), dep

    passes = named(load("effect"), "loads") if own else load("effect_imported")
    leaves(passes, lambda x: model(x, lambda x: LANG.store(x, "a")), f32(4, 8), why="effect 'cache'")
    fuses(passes, lambda x: model(x, lambda x: LANG.load(x, "b")), f32(4, 8))


def test_an_effect_is_not_dropped():
    leaves(load("effect_lost"), lambda x: LANG.store(LANG.twice(x), "a"), f32(4, 8), why="effect")


@pytest.mark.parametrize(("target", "value"), [("cpu", 448.0), ("gfx950", 448.0), ("gfx942", 224.0)])
def test_a_constant_has_a_value_for_each_target(target, value):
    passes = load("const_per_target", target=target)
    fuses(passes, lambda x: PLUS(affine(x, value, 0.0)), f32(4, 8))
    leaves(passes, lambda x: PLUS(affine(x, 672.0 - value, 0.0)), f32(4, 8))


def load_twice(x, layer="a"):
    return LANG.twice(LANG.load(x, layer))


def test_host_values_that_are_supplied():
    asked = []

    def supports(layer, what):
        asked.append((layer, what))
        return layer == "a"

    passes = load("host_values", hosts={"width": 2, "supports": supports})
    assert fuses(passes, load_twice, f32(4, 16)) == {"load_twice": 1}
    assert ("a", "twice") in asked
    leaves(passes, lambda x: load_twice(x, "b"), f32(4, 16), why="supports")
    leaves(passes, load_twice, f32(4, 8), why="width")


def test_host_values_have_test_values():
    """An int is 1 where nobody supplies it, a function answers its declared value."""
    leaves(load("host_values"), load_twice, f32(4, 8), why="supports")
    assert fuses(load("host_values", hosts={"supports": lambda *args: True}), load_twice, f32(4, 8)) == {
        "load_twice": 1
    }
