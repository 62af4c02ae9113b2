"""The passes for vLLM on graph shapes of our own devising: matches, and the numbers that come out, bit by bit."""

from __future__ import annotations

import os

import pytest
from corpus_results import fits, with_vllm, without_vllm
from graph_shapes import SHAPES

PYTHON, LAB = os.environ.get("PATDSL_VLLM_PYTHON", ""), os.environ.get("VLLM_LAB", "")
#: Shapes that less is done for than could be.
SHORT = {
    "norm_static_aiter_twice": "aiter's op says that it writes the scale, so that the two seem to have different ones",
}
NAMES = [
    pytest.param(
        each, id=each.name, marks=[pytest.mark.xfail(reason=SHORT[each.name])] if each.name in SHORT else []
    )
    for each in SHAPES
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone():
    return without_vllm()


@pytest.fixture(scope="module")
def beside():
    if not (PYTHON and LAB):
        pytest.skip("PATDSL_VLLM_PYTHON and VLLM_LAB name no vLLM with stand-ins for a ROCm machine")
    return with_vllm(PYTHON, LAB)


@pytest.mark.parametrize("shape", NAMES)
def test_it_matches_where_it_should(shape, alone):
    row = alone[shape.name]
    assert not row["error"]
    assert fits(row["ours"], shape.expected), row["ours"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.name)
def test_the_numbers_stay(shape, alone):
    assert not alone[shape.name]["differs"]


@pytest.mark.parametrize("shape", NAMES)
def test_it_matches_in_vllm_as_without(shape, beside):
    row = beside[shape.name]
    assert not row["error"]
    assert fits(row["ours"], shape.expected), row["ours"]


def test_nothing_legal_is_left_to_vllm(beside):
    fewer = [
        each.name
        for each in SHAPES
        if each.expected
        and sum((beside[each.name]["theirs"] or {}).values()) > sum(beside[each.name]["ours"].values())
    ]
    assert not fewer


def test_the_corpus_is_large_and_has_both_kinds():
    assert len({each.name for each in SHAPES}) == len(SHAPES) >= 200
    assert len([each for each in SHAPES if not each.expected]) >= 40
