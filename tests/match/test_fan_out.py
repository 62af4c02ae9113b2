"""Fan-outs: how many consumers a pattern takes, and that it never takes a part of what it could."""

from __future__ import annotations

import pytest
from match_cases import K, bf16, graph_of, norm_quant, rules, search


def norm_with(consumers: int, sizes: tuple[int, ...] = (), **flags: object):
    sizes = sizes or (128,) * consumers

    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return tuple(K.group_quant(y, size, **flags) for size in sizes)

    return graph_of(function, bf16(4, 256), bf16(256))


@pytest.mark.parametrize("consumers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(("low", "high"), [(1, None), (2, 2), (2, 4)])
def test_takes_all_consumers_or_none(consumers, low, high):
    found = search(norm_with(consumers), norm_quant(low, high))
    takes = low <= consumers and (high is None or consumers <= high)
    assert len(found.matches) == takes
    if takes:
        match = found.matches[0]
        assert len(match.branches["F"]) == len(match.right) == consumers
        assert len(match.dying) == consumers + 1
    else:
        assert rules(found) <= {"injective", "profit"}
        assert found.refusals


def test_names_and_types_of_a_match():
    (match,) = search(norm_with(2), norm_quant()).matches
    assert match.names["epsilon"] == 1e-6
    assert match.names["group_size"] == 128
    assert match.names["col_major"] is False
    call = match.right[0]
    assert call.binding.target == "patdsl::rms_norm_group_quant.default"
    assert call.names["H"] == 256
    assert call.results["scale"].dims == (4, 2)
    assert [each.old.meta.dims for each in match.replaced] == [(4, 256), (4, 256), (4, 2), (4, 2)]


def test_unlike_consumers_are_two_groups():
    assert not search(norm_with(2, (64, 128)), norm_quant()).matches
    assert not search(norm_with(3, (64, 64, 128)), norm_quant(1, None)).matches
    assert rules(search(norm_with(3, (64, 64, 128)), norm_quant(1, None))) == {"profit"}
