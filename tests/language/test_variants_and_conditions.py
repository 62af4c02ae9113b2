"""Section 3: optional ops, alternatives, parameters, conditions, and the clauses."""

from __future__ import annotations

import pytest
import torch
from language_cases import LANG, K, bf16, f32, fuses, leaves, load, named

TWICE, PLUS, SPREAD = LANG.twice, LANG.plus_one, LANG.spread


def both(x):
    return PLUS(TWICE(x))


def test_an_optional_op_before_the_fused_one():
    passes = load("optional_op")
    present = fuses(passes, lambda x: SPREAD(-TWICE(x)), f32(4, 8), count={"before[sign]": 1})
    assert present == {"neg": 1, "double_spread": 1}
    absent = fuses(passes, lambda x: SPREAD(TWICE(x)), f32(4, 8), count={"before[no sign]": 1})
    assert absent == {"double_spread": 1}
    leaves(passes, lambda x: SPREAD(torch.exp(TWICE(x))), f32(4, 8))


def test_an_optional_op_after_the_fused_one():
    passes = load("optional_op")
    assert fuses(passes, lambda x: PLUS(x).abs(), f32(4, 8), count={"after[sign]": 1}) == {
        "increase": 1,
        "abs": 1,
    }
    assert fuses(passes, PLUS, f32(4, 8), count={"after[no sign]": 1}) == {"increase": 1}


def test_what_feeds_an_op_on_the_right_replaces_nothing():
    """`neg` is applied again to another value: nobody else may take the one for the other."""

    def model(x):
        y = -TWICE(x)
        return *SPREAD(y), y * 3

    leaves(load("optional_op"), model, f32(4, 8), why="profit")


@pytest.mark.parametrize("increase", [PLUS, lambda x: LANG.increase.by(x, 1.0)])
def test_each_alternative(increase):
    assert fuses(load("alternatives"), lambda x: increase(TWICE(x)), f32(4, 8)) == {"twice_plus_one": 1}


def test_no_alternative():
    leaves(load("alternatives"), lambda x: LANG.increase.by(TWICE(x), 2.0), f32(4, 8))


@pytest.mark.parametrize("total", [lambda a, b: a + b, lambda a, b: b + a])
def test_both_orders_are_one_match(total):
    after = fuses(load("commutative"), lambda x, y: total(TWICE(x), y), f32(4, 8), f32(4, 8))
    assert after == {"combine_twice": 1}


def test_two_operands_that_both_fit_are_one_match():
    after = fuses(load("commutative"), lambda x, y: TWICE(x) + TWICE(y), f32(4, 8), f32(4, 8))
    assert after == {"combine_twice": 1, "twice": 1}


def test_the_same_op_not_declared_commutative():
    leaves(load("commutative"), lambda x, y: TWICE(x) - y, f32(4, 8), f32(4, 8))


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_a_pattern_parameter_takes_each_value(scale):
    model = lambda x: TWICE(LANG.affine(x, None, scale))  # noqa: E731
    assert fuses(load("parameters"), model, f32(4, 8), count={f"scales[s={scale}]": 1}) == {"affine_twice": 1}


def test_a_value_that_is_no_option():
    leaves(load("parameters"), lambda x: TWICE(LANG.affine(x, None, 3.0)), f32(4, 8))


@pytest.mark.parametrize(
    ("model", "fused"),
    [(lambda x: PLUS(TWICE(x)), "twice_plus_one"), (lambda x: SPREAD(TWICE(x)), "double_spread")],
)
def test_zipped_parameters_and_all_results_of_an_op(model, fused):
    assert fuses(load("parameters"), model, f32(4, 8)) == {fused: 1}


def conditions(scale=1.0):
    return lambda x, s: TWICE(LANG.affine(x, s, scale))


def pair(*dims, make=f32):
    return make(*dims), make(*dims)


@pytest.mark.parametrize("scale", [0.75, 0.25, 0.125])
@pytest.mark.parametrize("make", [f32, bf16])
def test_conditions_hold(scale, make):
    assert fuses(load("where_clause"), conditions(scale), *pair(4, 16, make=make)) == {"affine_twice": 1}


REFUSED = {
    "a dim": (conditions(), pair(65, 16)),
    "divisibility": (conditions(), pair(4, 12)),
    "a capture": (conditions(0.5), pair(4, 16)),
    "a dtype": (conditions(), pair(4, 16, make=lambda *dims: f32(*dims).double())),
    "contiguous": (lambda x, s: conditions()(x.t(), s.t()), pair(16, 8)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_condition_does_not_hold(what):
    model, inputs = REFUSED[what]
    leaves(load("where_clause"), model, *inputs, why="where")


def test_a_condition_over_a_host():
    leaves(load("where_clause", hosts={"tp_size": 2}), conditions(), *pair(4, 16), why="tp_size")


def test_a_symbolic_dim_decides_only_what_is_known():
    rows = named(load("where_symbolic"), "of_any_size")
    assert fuses(rows, both, f32(4, 16), symbolic=True) == {"twice_plus_one": 1}
    leaves(
        named(load("where_symbolic"), "of_a_size"),
        both,
        f32(4, 16),
        symbolic=True,
        why="not statically known",
    )
    assert fuses(named(load("where_symbolic"), "of_a_size"), both, f32(4, 16)) == {"twice_plus_one": 1}


@pytest.mark.parametrize(
    ("target", "there"), [("gfx950", 1), ("sm_90", 1), ("sm_100", 1), ("sm_89", 0), ("gfx942", 0), ("cpu", 0)]
)
def test_a_pattern_on_targets(target, there):
    passes = load("on_targets", target=target)
    assert fuses(passes, both, f32(4, 8), count=there) == (
        {"twice_plus_one": 1} if there else {"twice": 1, "plus_one": 1}
    )
    assert there or f"target {target} is not among gfx950, sm_90+" in str(passes.report())


def test_keep():
    def model(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 64), y * 2

    after = fuses(load("keep"), model, bf16(4, 128), bf16(128))
    assert after == {"rms_norm": 1, "rms_norm_group_quant": 1, "mul": 1}
    leaves(load("smallest"), model, bf16(4, 128), bf16(128), why="profit")


def test_prefer():
    assert fuses(load("prefer"), both, f32(4, 8), count={"faster": 1}) == {"twice_plus_one_fast": 1}


def test_rounds():
    def model(x, r, w):
        total = x + r
        return K.rms_norm(total, w, 1e-6), total

    passes = load("rounds")
    assert passes.passes[0].spec.patterns[0].rounds == ("r",)
    after = fuses(passes, model, f32(4, 128), f32(4, 128), f32(128), exact=False)
    assert after == {"fused_add_rms_norm": 1}


def test_strides_are_kept_unless_the_pattern_says_so():
    def model(x):
        return LANG.plus_one_columns(TWICE(x))

    leaves(load("restride_undeclared"), model, f32(4, 8), why="strides")
    from language_cases import ops, traced

    passes = load("restride")
    module = traced(model, f32(4, 8))
    passes(module.graph)
    assert ops(module.graph) == {"twice_plus_one": 1}


def attend(others=None, query=False):
    def model(x, q):
        k = PLUS(TWICE(x))
        o = LANG.combine(k, q) if query else LANG.combine(q, k)
        return (o, others(k)) if others else o

    return model


def test_only():
    assert fuses(load("only"), attend(), f32(4, 8), f32(4, 8))["twice_plus_one"] == 1
    leaves(load("only"), attend(lambda k: k * 2), f32(4, 8), f32(4, 8), why="only attend.key may see")
    leaves(load("only"), attend(lambda k: k.view(32)), f32(4, 8), f32(4, 8), why="only attend.key may see")
    leaves(load("only"), attend(query=True), f32(4, 8), f32(4, 8), why="only attend.key may see")


def test_names_of_a_chain_in_conditions():
    assert fuses(load("clause_names"), both, f32(2, 3, 4)) == {"twice_plus_one": 1}
    leaves(load("clause_names"), both, f32(3, 2, 4), why="size(x, 0) == 2")
    leaves(load("clause_names"), both, f32(2, 4), why="rank")


def test_a_condition_over_the_last_value_of_a_name():
    """`y` is the value behind the view, which has another rank than the one before it."""
    model = lambda x: PLUS(TWICE(x).view(2, 3, 4))  # noqa: E731
    assert fuses(load("clause_last_name"), model, f32(6, 4))["twice_plus_one"] == 1
    leaves(load("clause_last_name"), lambda x: PLUS(TWICE(x).view(6, 4)), f32(2, 3, 4), why="rank")


def test_a_condition_asks_whether_a_value_is_there():
    model = lambda x, s=None: TWICE(LANG.affine(x, s, 3.0))  # noqa: E731
    assert fuses(load("where_none"), model, f32(4, 8)) == {"affine_twice": 1}
    assert fuses(load("where_none"), model, f32(4, 8), f32(4, 8)) == {"affine_twice": 1}
    leaves(load("where_none"), model, f32(2, 4, 8), f32(2, 4, 8), why="where")
