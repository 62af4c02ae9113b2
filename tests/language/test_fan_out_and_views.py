"""Section 3: how many consumers, and which layout ops may stand between."""

from __future__ import annotations

import pytest
import torch
from language_cases import LANG, K, bf16, f32, fuses, leaves, load

TWICE, PLUS = LANG.twice, LANG.plus_one
NORM = (bf16(2, 4, 128), bf16(128))


def quants(*views, sizes=None, other=None):
    """A norm and one quantisation for each of `views`: None, or the dims that it sees."""

    def model(x, w):
        y = K.rms_norm(x, w, 1e-6)
        found = [
            K.group_quant(y if view is None else y.reshape(view), (sizes or [64] * len(views))[at])
            for at, view in enumerate(views)
        ]
        return (*found, other(y)) if other is not None else tuple(found)

    return model


COUNTS = {
    "fan_out_two": {2},
    "fan_out_two_to_four": {2, 3, 4},
    "fan_out_any": {1, 2, 3, 7},
    "fan_out_shared": {1, 2, 5},
}


@pytest.mark.parametrize("consumers", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("name", COUNTS)
def test_so_many_consumers(name, consumers):
    model = quants(*[None] * consumers)
    any_number = name in ("fan_out_any", "fan_out_shared")
    if not any_number and consumers not in COUNTS[name]:
        leaves(load(name), model, *NORM, why="injective")
        return
    calls = 1 if name == "fan_out_shared" else consumers
    assert fuses(load(name), model, *NORM) == {"rms_norm_group_quant": calls}


@pytest.mark.parametrize("name", COUNTS)
def test_branches_have_equal_attributes(name):
    leaves(load(name), quants(None, None, None, sizes=[64, 64, 32]), *NORM)


@pytest.mark.parametrize("name", COUNTS)
def test_nobody_else_reads_the_value(name):
    leaves(load(name), quants(None, None, other=lambda y: y * 2), *NORM, why="profit")


VIEWS = {
    "none": (None, None),
    "shared": ((8, 128), (8, 128)),
    "one": (None, (8, 128)),
    "each another": ((4, 2, 128), (8, 128)),
}


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize(
    ("name", "calls"), [("fan_out_shared", 1), ("fan_out_matrix", 1), ("fan_out_matrix_each", 2)]
)
def test_views_per_branch_or_shared(name, calls, views):
    after = fuses(load(name), quants(*VIEWS[views]), *NORM)
    assert after["rms_norm_group_quant"] == calls
    assert not {"rms_norm", "group_quant"} & set(after)


def test_without_a_view_in_the_pattern_none_may_stand_there():
    leaves(load("fan_out_two"), quants(None, (8, 128)), *NORM)


LAYOUTS = {
    "view": lambda y: y.view(8, 16),
    "reshape": lambda y: y.reshape(8, 16),
    "flatten": lambda y: y.flatten(0, 1),
    "unsqueeze": lambda y: y.unsqueeze(0),
    "squeeze": lambda y: y.unsqueeze(1).squeeze(1),
    "several": lambda y: y.view(8, 16).unsqueeze(0).reshape(4, 2, 16),
    "permute of nothing": lambda y: y.permute(0, 1, 2),
    "contiguous": lambda y: y.contiguous().view(8, 16),
    "to of the same": lambda y: y.view(8, 16).to(y.dtype),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_ops_on_an_edge(layout):
    after = fuses(load("view_optional"), lambda x: PLUS(LAYOUTS[layout](TWICE(x))), f32(2, 4, 16))
    assert after["twice_plus_one"] == 1
    assert not {"twice", "plus_one"} & set(after)


CHANGES = {
    "the last dimension": lambda y: y.view(2, 64),
    "the order": lambda y: y.transpose(0, 1),
    "the order of rows in memory": lambda y: y.transpose(0, 1).contiguous(),
    "a part": lambda y: y[:, :2],
    "the dtype": lambda y: y.bfloat16(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_a_layout_op(change):
    leaves(load("view_optional"), lambda x: PLUS(CHANGES[change](TWICE(x))), f32(2, 4, 16))


def test_a_view_that_is_demanded():
    after = fuses(load("view_required"), lambda x: PLUS(TWICE(x).view(8, 16)), f32(2, 4, 16))
    assert after["twice_plus_one"] == 1
    leaves(load("view_required"), lambda x: PLUS(TWICE(x)), f32(2, 4, 16))


@pytest.mark.parametrize(
    "heads", [lambda y: y.view(4, 3, 16), lambda y: y.unsqueeze(0).reshape(12, 16).view(4, 3, 16)]
)
def test_a_view_of_a_shape(heads):
    after = fuses(load("view_of_shape"), lambda x: PLUS(heads(TWICE(x))), f32(4, 48))
    assert after["twice_plus_one"] == 1


@pytest.mark.parametrize(
    "heads", [lambda y: y.view(4, 6, 8), lambda y: y.view(12, 16), lambda y: y.view(2, 6, 16)]
)
def test_a_view_of_another_shape(heads):
    leaves(load("view_of_shape"), lambda x: PLUS(heads(TWICE(x))), f32(4, 48))


@pytest.mark.parametrize("view", [lambda y: y, lambda y: y.view(8, 16)])
def test_a_view_in_an_argument(view):
    after = fuses(load("view_argument"), lambda x: PLUS(view(TWICE(x))), f32(2, 4, 16), count={"maybe": 1})
    assert after["twice_plus_one"] == 1


def test_a_view_that_an_argument_demands():
    passes = load("view_argument")
    fuses(passes, lambda x: PLUS((-x).view(8, 16)), f32(2, 4, 16), count={"demanded": 1})
    leaves(passes, lambda x: PLUS(-x), f32(2, 4, 16))


def test_a_fan_out_in_a_block():
    assert fuses(load("fan_out_block"), quants(None, None), *NORM) == {"rms_norm_group_quant": 2}
    leaves(load("fan_out_block"), quants(None), *NORM, why="injective")


def test_lists_of_tensors():
    def model(x, swap=False):
        a, b = x.chunk(2, -1)
        parts = [-b, a]
        return torch.cat(parts[::-1] if swap else parts, -1)

    assert fuses(load("list_argument"), model, f32(4, 16)) == {"flip_halves": 1}
    leaves(load("list_argument"), lambda x: model(x, True), f32(4, 16))
