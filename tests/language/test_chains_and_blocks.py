"""Section 3, how a pattern is written: chains, blocks, captures, parameters that are not written."""

from __future__ import annotations

import pytest
from language_cases import GOLDEN, LANG, K, bf16, f32, fuses, leaves, load, named, traced

from patdsl.pipeline import run

TWICE, PLUS, SPREAD = LANG.twice, LANG.plus_one, LANG.spread


def add_norm_quant(x, r, w):
    y, total = K.fused_add_rms_norm(x, r, w, 1e-6)
    return K.group_quant(y, 64), total


ADD_NORM = (bf16(4, 128), bf16(4, 128), bf16(128))


def test_a_chain_binds_by_name():
    assert fuses(load("chain_names"), add_norm_quant, *ADD_NORM) == {"add_rms_norm_group_quant": 1}


def test_a_dead_result_does_not_matter():
    def model(x, r, w):
        return add_norm_quant(x, r, w)[0]

    assert fuses(load("chain_names"), model, *ADD_NORM) == {"add_rms_norm_group_quant": 1}


def test_the_arrow_feeds_the_first_result():
    def model(x, r, w):
        y, total = K.fused_add_rms_norm(x, r, w, 1e-6)
        return K.group_quant(total, 64), y

    leaves(load("chain_names"), model, *ADD_NORM)


def group(x):
    d = TWICE(x)
    return PLUS(d), *SPREAD(d)


def test_a_group_is_two_consumers():
    assert fuses(load("chain_group"), group, f32(4, 8)) == {"double_group": 1}


def test_a_group_with_one_consumer_too_few_or_too_many():
    leaves(load("chain_group"), lambda x: PLUS(TWICE(x)), f32(4, 8))

    def more(x):
        d = TWICE(x)
        return PLUS(d), *SPREAD(d), d * 3

    leaves(load("chain_group"), more, f32(4, 8), why="profit")


def test_the_first_of_several_results_is_fed():
    def model(x, which=0):
        low_high = SPREAD(x)
        return PLUS(low_high[which]), low_high[1 - which]

    assert fuses(load("chain_multi_result"), model, f32(4, 8)) == {"spread_plus_one": 1}
    leaves(load("chain_multi_result"), lambda x: model(x, 1), f32(4, 8))


def test_one_result_on_both_sides_corresponds():
    assert fuses(load("chain_one_result"), lambda x: PLUS(TWICE(x)), f32(4, 8)) == {"twice_plus_one": 1}
    leaves(load("chain_one_result"), lambda x: TWICE(PLUS(x)), f32(4, 8))


def dag(x):
    a = TWICE(x)
    b = PLUS(a)
    return b, LANG.combine(a, b)


def test_a_block_is_any_graph():
    assert fuses(load("block_dag"), dag, f32(4, 8)) == {"dag": 1, "twice_plus_one": 1}


def test_the_edges_of_a_block_decide():
    def other(x):
        a = TWICE(x)
        b = PLUS(a)
        return b, LANG.combine(b, a)

    leaves(load("block_dag"), other, f32(4, 8))


def test_an_alias():
    def model(x):
        low, high = LANG.spread_equal(x)
        return low + 1, high + 2

    after = fuses(load("block_alias"), model, f32(4, 8))
    assert after["twice"] == 1
    assert "spread_equal" not in after


def test_calls_as_arguments():
    passes = load("block_nested_calls")
    assert fuses(passes, lambda x: PLUS(TWICE(PLUS(TWICE(x)))), f32(4, 8)) == {"twice_plus_one": 2}
    leaves(passes, lambda x: PLUS(TWICE(TWICE(PLUS(x)))), f32(4, 8))


def split_twice(x, sizes=(8, 8), first=4):
    q, rest = x.split(sizes, -1)
    c, r = rest.split([first, rest.shape[-1] - first], -1)
    return q + 1, -c, r + 1


@pytest.mark.parametrize(("sizes", "first"), [((8, 8), 4), ((6, 10), 3), ((10, 6), 1)])
def test_dims_are_solved_for(sizes, first):
    after = fuses(load("block_solves_dims"), lambda x: split_twice(x, sizes, first), f32(4, 16))
    assert after["negated_part"] == 1
    assert "neg" not in after


def test_parts_that_do_not_fit_are_no_match():
    def model(x):
        _q, rest = x.split([8, 8], -1)
        c, _r = rest.split([4, 4], 0)
        return -c

    leaves(load("block_solves_dims"), model, f32(8, 16))


def test_shapes_on_the_right():
    def model(x, columns=24):
        return PLUS(TWICE(x).view(4, columns))

    after = fuses(load("block_shape"), model, f32(4, 3, 8))
    assert after["twice_plus_one"] == 1
    leaves(load("block_shape"), lambda x: PLUS(TWICE(x).view(12, 8)), f32(4, 3, 8))


def test_all_results_under_one_name():
    assert fuses(load("block_all_results"), lambda x: SPREAD(TWICE(x)), f32(4, 8)) == {"double_spread": 1}
    assert fuses(load("block_all_results"), lambda x: SPREAD(TWICE(x))[1], f32(4, 8)) == {"double_spread": 1}
    leaves(load("block_all_results"), lambda x: SPREAD(PLUS(x)), f32(4, 8))


@pytest.mark.parametrize("scale", [0.5, 1.0, -1e-12, 3.25])
@pytest.mark.parametrize("shifted", [True, False])
def test_a_capture_is_any_value(scale, shifted):
    module = traced(lambda x, s: TWICE(LANG.affine(x, s if shifted else None, scale)), f32(4, 8), f32(4, 8))
    assert fuses(load("capture"), module, f32(4, 8), f32(4, 8), count={"scalar": 1}) == {"affine_twice": 1}


@pytest.mark.parametrize("sizes", [[], [3], [1, 2, 3]])
def test_a_capture_is_any_list(sizes):
    after = fuses(load("capture"), lambda x: TWICE(LANG.total(x, sizes)), f32(4, 8), count={"lists": 1})
    assert after == {"total_twice": 1}


def equal(scales=(3.0, 3.0), same=True):
    def model(x, shift, other):
        a = LANG.affine(x, shift, scales[0])
        y = LANG.affine_reordered(0.0, a, scale=scales[1], mode="plain")[1]
        return LANG.combine(y, shift if same else other)

    return model


def test_the_same_name_twice_is_the_same_value():
    three = f32(4, 8), f32(4, 8), f32(4, 8)
    assert fuses(load("capture_equal"), equal(), *three, exact=False) == {"scaled_twice": 1}
    leaves(load("capture_equal"), equal((3.0, 2.0)), *three)
    leaves(load("capture_equal"), equal(same=False), *three)


def affine_twice(scale, mode="plain"):
    return lambda x: TWICE(LANG.affine(x, None, scale, mode=mode))


def test_a_literal_matches_itself():
    assert fuses(named(load("capture_literal"), "literals"), affine_twice(3.0), f32(4, 8)) == {
        "affine_twice": 1
    }
    leaves(named(load("capture_literal"), "literals"), affine_twice(3.5), f32(4, 8))


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_a_set_matches_its_members(scale):
    passes = named(load("capture_literal"), "sets")
    assert fuses(passes, affine_twice(scale), f32(4, 8)) == {"affine_twice": 1}
    leaves(passes, affine_twice(scale + 1), f32(4, 8))


def test_an_ignored_parameter_may_be_anything():
    """What is ignored is not passed on: that it does not matter is the author's claim."""
    passes = named(load("capture_literal"), "sets")
    module = traced(affine_twice(2.0, "fast"), f32(4, 8))
    passes(module.graph)
    assert passes.last_counts == {"one_of": 1}


def test_a_parameter_that_is_not_written():
    assert fuses(load("unwritten"), affine_twice(3.0), f32(4, 8)) == {"affine_twice": 1}
    leaves(load("unwritten"), affine_twice(3.0, "fast"), f32(4, 8))


REFUSED = {
    "unwritten_in_a_chain": "PAT203",
    "unwritten_in_a_block": "PAT203",
    "captured_by_two_ops": "PAT304",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_left_open_is_an_error(name):
    (outcome,) = run([GOLDEN / "refused" / f"{name}.pat"])
    assert [error.code for error in outcome.errors] == [REFUSED[name]]


def test_free_ops_match_by_value():
    """Of three equal splits any will do."""

    def model(x):
        parts = [x.split((8, 8), -1) for _ in range(3)]
        q, rest = parts[0][0], parts[1][1]
        c, _r = rest.split([4, 4], -1)
        return q + 1, -c, parts[2][1] + 1

    assert fuses(load("block_solves_dims"), model, f32(4, 16))["negated_part"] == 1


def test_inputs_may_coincide():
    def model(x):
        return LANG.combine(LANG.affine_reordered(0.0, LANG.affine(x, x, 3.0), scale=3.0, mode="plain")[1], x)

    assert fuses(load("capture_equal"), model, f32(4, 8), exact=False) == {"scaled_twice": 1}


def test_a_number_in_the_place_of_a_tensor():
    assert fuses(load("number_for_tensor"), lambda x: TWICE(x) * 3.0, f32(4, 8)) == {"mul": 1}
    leaves(load("number_for_tensor"), lambda x: TWICE(x) * 3.5, f32(4, 8))
    leaves(load("number_for_tensor"), lambda x, y: TWICE(x) * y, f32(4, 8), f32(4, 8))
