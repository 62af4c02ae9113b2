"""Section 3, "When a match counts": the five rules, on the golden files."""

from __future__ import annotations

import pytest
import torch
from language_cases import GOLDEN, LANG, K, bf16, f32, fuses, leaves, load, post_grad, traced

from patdsl.pipeline import run

TWICE, PLUS = LANG.twice, LANG.plus_one


def codes(name):
    (outcome,) = run([GOLDEN / f"{name}.pat"])
    return [item.code for item in outcome.diagnostics]


# 1. Injective


def test_distinct_nodes_of_the_pattern_are_distinct_nodes_of_the_graph():
    """Two branches of one quantisation are not two quantisations."""

    def model(x, w):
        q, scale = K.group_quant(K.rms_norm(x, w, 1e-6), 64)
        return q, scale, q.float() + 1

    leaves(load("fan_out_two"), model, bf16(4, 128), bf16(128), why="injective")


def test_captures_may_coincide():
    after = fuses(load("commutative"), lambda x: TWICE(x) + x, f32(4, 8))
    assert after == {"combine_twice": 1}


def test_all_ways_to_bind_are_considered():
    """Both operands of the sum are doubled; only the second one's doubling may go."""

    def model(x, y):
        a, b = TWICE(x), TWICE(y)
        return a + b, a * 3

    assert fuses(load("commutative"), model, f32(4, 8), f32(4, 8)) == {
        "combine_twice": 1,
        "twice": 1,
        "mul": 1,
    }


# 2. Profit


@pytest.mark.parametrize(
    "other", [lambda y: y, lambda y: y * 2, lambda y: y.view(8, 4) + 1], ids=["output", "op", "view"]
)
def test_a_costly_value_used_elsewhere(other):
    def model(x):
        y = TWICE(x)
        return PLUS(y), other(y)

    leaves(load("view_optional"), model, f32(4, 8), why="profit")


def test_unless_the_right_side_redefines_it():
    def model(x):
        a = TWICE(x)
        b = PLUS(a)
        return b * 3, LANG.combine(a, b)

    after = fuses(load("block_dag"), model, f32(4, 8))
    assert after == {"dag": 1, "twice_plus_one": 1, "mul": 1}


def test_free_ops_may_stay():
    """The split that one part is taken from stays for the other part."""

    def model(x):
        parts = x.split((8, 8), -1)
        c, _ = parts[1].split([4, 4], -1)
        return parts[0] + 1, -c

    assert fuses(load("block_solves_dims"), model, f32(4, 16))["negated_part"] == 1


# 3. Maximal


def test_the_larger_match_wins_and_the_smaller_one_takes_what_is_left():
    def model(x):
        large = TWICE(PLUS(TWICE(x)))
        return large, PLUS(TWICE(x + 3))

    after = fuses(load("rule_maximal"), model, f32(4, 8), count={"large": 1, "small": 1})
    assert after == {"twice_plus_one_twice": 1, "twice_plus_one": 1, "add": 1}


def test_of_equal_matches_the_one_that_redefines_fewer_values():
    def model(x):
        return PLUS(TWICE(x))

    assert fuses(load("rule_maximal"), model, f32(4, 8), count={"small": 1}) == {"twice_plus_one": 1}


def test_the_other_one_where_the_smaller_cannot():
    def model(x):
        d = TWICE(x)
        return PLUS(d), d * 3

    assert fuses(load("rule_maximal"), model, f32(4, 8), count={"also_shifts": 1})["twice_plus_one"] == 1


def test_without_a_preference_it_is_an_error():
    assert codes("refused/ambiguous") == ["PAT404"]
    assert codes("prefer") == ["PAT403"]


# 4. Sound


def test_inputs_of_the_replacement_are_computed_before_it():
    def model(x):
        d = TWICE(x)
        late = torch.neg(x + 1)
        return LANG.combine(d, late)

    assert fuses(load("rule_sound"), model, f32(4, 8)) == {"twice_combine": 1, "add": 1, "neg": 1}


def test_a_value_that_is_needed_before_the_inputs_are_there():
    """`d` is read on the way to `late`: there is no place for the replacement."""

    def model(x):
        d = TWICE(x)
        late = d + 1
        return LANG.combine(d, late)

    leaves(load("rule_sound"), model, f32(4, 8))


@pytest.mark.parametrize("between", [True, False])
def test_nothing_between_writes_what_is_read(between):
    def model(x, y):
        d = TWICE(x)
        if between:
            x.neg_()
        r = PLUS(d)
        if not between:
            x.neg_()
        return r, x * y

    module = traced(model, f32(4, 8), f32(4, 8))
    passes = load("view_optional")
    if between:
        # The replacement reads x: it can only stand above the write.
        module_before = [node.name for node in module.graph.nodes]
        passes(module.graph)
        order = [node.target for node in module.graph.nodes]
        if passes.last_counts:
            assert order.index(LANG.twice_plus_one.default) < order.index(torch.ops.aten.neg_.default)
        else:
            assert [node.name for node in module.graph.nodes] == module_before
    else:
        assert fuses(passes, module, f32(4, 8), f32(4, 8))["twice_plus_one"] == 1


def test_dead_results_do_not_prevent_a_match():
    def model(x, w):
        return K.group_quant(K.rms_norm(x, w, 1e-6), 64)[1]

    assert fuses(load("smallest"), model, bf16(4, 128), bf16(128)) == {"rms_norm_group_quant": 1}


def test_a_rewrite_never_matches_its_own_output():
    passes = load("rule_own_output")
    module = traced(lambda x: PLUS(TWICE(x)), f32(4, 8))
    assert fuses(passes, module, f32(4, 8)) == {"twice": 1, "plus_one": 1}
    leaves(passes, module, f32(4, 8))


# 5. Typed


def norm_twice(x, w):
    return TWICE(K.rms_norm(x, w, 1e-6))


def test_what_the_right_side_demands_is_a_guard():
    assert fuses(load("rule_typed"), norm_twice, bf16(4, 128), bf16(128)) == {"norm_twice": 1}
    leaves(load("rule_typed"), norm_twice, bf16(4, 128), f32(128), why="typed")
    leaves(load("rule_typed"), lambda x: norm_twice(x, None), bf16(4, 128), why="typed")


@pytest.mark.parametrize("name", ["proof_of_dtype", "proof_of_shape"])
def test_what_would_change_a_type_is_rejected(name):
    assert codes(f"refused/{name}") == ["PAT401"]


def test_what_the_declarations_leave_open_is_checked_at_each_match():
    assert codes("proof_open") == ["PAT402"]
    assert fuses(load("proof_open"), lambda x: PLUS(TWICE(x)), f32(4, 8)) == {"twice_plus_one": 1}


def test_strides_of_a_replaced_value_are_kept():
    """The input's layout is no longer the result's: `twice` keeps it, `twice_plus_one` does too."""
    assert fuses(load("view_optional"), lambda x: PLUS(TWICE(x.t())), f32(4, 8))["twice_plus_one"] == 1
    leaves(load("restride_undeclared"), lambda x: LANG.plus_one_columns(TWICE(x)), f32(4, 8), why="strides")


def test_a_write_in_the_graph_that_torch_compile_hands_over():
    def model(x):
        y = TWICE(x)
        z = x.clone()
        LANG.negate_(z)
        return PLUS(y), z

    assert fuses(load("view_optional"), post_grad(model, f32(4, 8)), f32(4, 8))["twice_plus_one"] == 1


def test_predeclared_ops():
    def model(x, up):
        return torch.nn.functional.silu(x) * up

    assert fuses(load("predeclared"), model, f32(4, 8), f32(4, 8)) == {"silu_mul": 1}
    assert fuses(load("predeclared"), lambda x, up: model(up, x), f32(4, 8), f32(4, 8)) == {"silu_mul": 1}
    leaves(load("predeclared"), model, f32(4, 8), f32(1, 8))
