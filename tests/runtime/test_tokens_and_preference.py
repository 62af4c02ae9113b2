"""What a server says of a pass: the range of tokens that a graph is for, and whose kernels come first."""

from __future__ import annotations

import operator

import pytest
from runtime_models import bf16, norm_quants, traced
from runtime_specs import NORM_QUANTS, spec

from patdsl.expr import Binary, Lit, Ref
from patdsl.op_table import Op, TorchCall
from patdsl.runtime import FusionPass
from patdsl.runtime.preference import current_preference, preferred, use_preference
from patdsl.runtime.tokens import TokenRange

FEW = Binary("<=", Ref("tokens"), Lit(256))


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(1, 256, True), (257, 512, False), (1, 512, None), (256, 256, True)]
)
def test_a_comparison_holds_for_every_count_or_for_none(low, high, expected):
    tokens = TokenRange(low, high)
    assert (tokens <= 256) is expected
    assert operator.ge(256, tokens) is expected
    assert (tokens > 256) is (None if expected is None else not expected)
    assert [tokens < high + 1, tokens >= low] == [True, True]


@pytest.mark.parametrize(("low", "high", "on"), [(1, 256, True), (257, 512, False), (1, 512, False)])
def test_a_pass_is_on_for_the_tokens_that_its_when_allows(low, high, on):
    fusion = FusionPass(spec(NORM_QUANTS, when=FEW), target="cpu")
    assert not fusion.report().enabled  # not known without a server
    assert fusion.compile_for(low, high) is on
    assert fusion.apply(traced(norm_quants(None), bf16(6, 256), bf16(256)).graph) == int(on)
    assert f"tokens = {low}..{high}" in str(fusion.report()) or on


def test_the_range_and_the_order_are_part_of_the_identity():
    fusion = FusionPass(spec(NORM_QUANTS, when=FEW), target="cpu")
    fusion.compile_for(1, 8)
    first = fusion.uuid()
    fusion.compile_for(1, 9)
    assert fusion.uuid() != first
    fusion.compile_for(1, 8)
    assert fusion.uuid() == first
    with use_preference("_C"):
        other = FusionPass(spec(NORM_QUANTS, when=FEW), target="cpu")
    other.compile_for(1, 8)
    assert other.uuid() != first


def test_bindings_stand_in_the_order_that_is_preferred():
    op = Op("f", (), (), tuple(TorchCall(f"{name}::f.default", ()) for name in ("a", "b", "c")))
    assert [each.target[0] for each in preferred(op, ("c", "b")).bindings] == ["c", "b", "a"]
    assert preferred(op, ()) is op


def test_the_order_comes_from_the_environment_or_the_block(monkeypatch):
    monkeypatch.setenv("PATDSL_PREFER", " _C , patdsl ")
    assert current_preference() == ("_C", "patdsl")
    with use_preference():
        assert current_preference() == ()
