"""Places that are alike share what was worked out for one; each is still judged by its own types and arguments."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from match_cases import ADD, K, bf16, context, graph_of, norm_quant, search

from patdsl.expr import Binary, Func, Lit, Ref
from patdsl.match.fx_view import FxView
from patdsl.match.native import find_native
from patdsl.match.sites import Sites
from patdsl.op_table import Op, TorchCall

#: Norms that feed two quantisations: leading dims, width, group size, dtype of the weight, rounded scales, epsilon.
PLACES = {
    "plain": ((4,), 256, 64, torch.bfloat16, False, 1e-6),
    "another epsilon": ((4,), 256, 64, torch.bfloat16, False, 1e-5),
    "wider": ((4,), 512, 64, torch.bfloat16, False, 1e-6),
    "more rows": ((8,), 256, 64, torch.bfloat16, False, 1e-6),
    "more dims": ((2, 4), 256, 64, torch.bfloat16, False, 1e-6),
    "a larger group": ((4,), 256, 128, torch.bfloat16, False, 1e-6),
    "a group that no kernel has": ((4,), 256, 32, torch.bfloat16, False, 1e-6),
    "a weight of another dtype": ((4,), 256, 64, torch.float32, False, 1e-6),
    "other scales": ((4,), 256, 64, torch.bfloat16, True, 1e-6),
}


WIDTH = Func("size", (Ref("x"), Lit(-1)))
PATTERNS = {
    "everywhere": norm_quant(),
    "where": norm_quant(where=(Binary("==", WIDTH, Lit(256)), Binary("==", Ref("group_size"), Lit(64)))),
}


def arguments(place):
    leading, width, _, dtype, _, _ = PLACES[place]
    return bf16(*leading, width), torch.randn(width, dtype=dtype)


def found_in(pattern, *names, symbolic=False):
    """What is found in a graph of these places: matches by what they would emit, and refusals by rule and reason.

    Not those that a graph without any place for the pattern does not even give.
    """

    def function(*inputs):
        made = []
        for name, x, weight in zip(names, inputs[::2], inputs[1::2], strict=True):
            _, _, group, _, rounded, epsilon = PLACES[name]
            y = K.rms_norm(x, weight, epsilon)
            for _ in range(2):
                q, scale = K.group_quant(y, group, ue8m0=rounded)
                made += [q.view(torch.uint8).neg(), scale.neg()]
        return made

    inputs = [each for name in names for each in arguments(name)]
    found = search(graph_of(function, *inputs, symbolic=symbolic), PATTERNS[pattern])
    matches = Counter(str([seen(call) for call in match.right]) for match in found.matches)
    return matches, Counter((each.rule, each.reason) for each in found.refusals if each.rule != "injective")


def seen(call):
    """A call of the right side without the nodes of its graph."""
    plain = {name: arg for name, arg in call.args.items() if isinstance(arg, (int, float))}
    dims = {name: call.names[name] for name in ("M", "H")}
    assert all(call.names[name] is arg for name, arg in call.args.items())
    return call.binding.target, call.branch, call.flatten, call.results, plain, dims, call.args["x"].meta


@pytest.fixture(scope="module")
def alone():
    return {(pattern, name): found_in(pattern, name) for pattern in PATTERNS for name in PLACES}


def test_the_places_differ(alone):
    """Else the test below would show nothing."""
    counts = {pattern: sum(sum(alone[pattern, name][0].values()) for name in PLACES) for pattern in PATTERNS}
    assert counts == {"everywhere": 6, "where": 4}
    assert len({str(found) for found in alone.values()}) >= 10


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("first", PLACES)
@pytest.mark.parametrize("second", PLACES)
def test_two_places_are_found_as_each_alone(pattern, first, second, alone):
    matches, refusals = found_in(pattern, first, second)
    assert matches == alone[pattern, first][0] + alone[pattern, second][0]
    assert refusals == alone[pattern, first][1] + alone[pattern, second][1]


@pytest.mark.parametrize(("pattern", "count"), [("everywhere", 4), ("where", 0)])
def test_symbolic_places_are_told_apart(pattern, count):
    """Of a symbolic width it is not known that it is 256."""
    matches, _ = found_in(pattern, "plain", "wider", "plain", "more rows", symbolic=True)
    assert sum(matches.values()) == count


def test_one_value_twice_is_not_two_values():
    """A guard may ask whether two operands are one."""
    call = TorchCall("aten::add.Tensor", guard=Binary("==", Ref("a"), Ref("b")))
    twice = Op("twice", ADD.params, ADD.results, (call,))

    def function(x, y):
        return x + x, x + y, y + y, y + x

    graph = graph_of(function, bf16(4, 256), bf16(4, 256))
    found = list(Sites(FxView(graph), context({"twice": twice}), find_native).all("twice"))
    assert [site.args["a"].producer.name for site in found] == ["x_1", "y_1"]
