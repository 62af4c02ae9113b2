"""`may_coincide` and `embeds` against the matcher: what they say of two patterns is so in every graph that is tried."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.fx import Graph

from patdsl.compiler.ast_to_graph import resolve
from patdsl.compiler.embedding import embeds, may_coincide
from patdsl.compiler.imports import Loader
from patdsl.diagnostic import Diagnostics
from patdsl.match.context import Context
from patdsl.match.engine import find
from patdsl.match.fx_known import known
from patdsl.match.fx_view import FxView
from patdsl.runtime.torch_ops import exists

# tanh stands for whatever is fused: an op that the graphs do not have and that takes any tensor.
OPS = """\
op fused(x: T[*B, H]) -> (y: T[*B, H]) = aten::tanh
op scaled(x: T[*B, H], min: float? = none) -> (y: T[*B, H]) = aten::clamp(x, min)
"""
ATEN = torch.ops.aten
TORCH = {
    "relu": ATEN.relu.default,
    "exp": ATEN.exp.default,
    "add": ATEN.add.Tensor,
    "sub": ATEN.sub.Tensor,
    "scaled": ATEN.clamp.default,
}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    path = tmp_path_factory.mktemp("embedding") / "file.pat"

    def of(*bodies):
        """The patterns, in order, and the ops."""
        path.write_text(
            OPS + "".join(f"pattern p{index} {{\n{body}\n}}\n" for index, body in enumerate(bodies))
        )
        loaded = Loader().load(path, Diagnostics())
        unit = resolve(loaded)
        assert not loaded.diagnostics.errors, [item.message for item in loaded.diagnostics.errors]
        return *unit.patterns, unit.table

    return of


R = "\n=>\n y = fused(x)"
SET = "y = scaled(x, m in {{{}}})" + R
#: first, second, may they coincide, does the first hold wherever the second does, and the other way round
PAIRS = {
    "the same": (f"y = exp(relu(x)){R}", f"y = exp(relu(x)){R}", True, True, True),
    "another op": (f"y = exp(relu(x)){R}", f"y = exp(exp(x)){R}", False, False, False),
    "another order of ops": (f"y = exp(relu(x)){R}", f"y = relu(exp(x)){R}", False, False, False),
    "a part": (f"y = relu(x){R}", f"y = exp(relu(x)){R}", False, True, False),
    "a part that leaves nothing": (f"y = exp(x){R}", f"y = exp(relu(x)){R}", False, True, False),
    "a capture and a literal": (f"y = scaled(x, m){R}", f"y = scaled(x, 1.0){R}", True, True, False),
    "two literals": (f"y = scaled(x, 2.0){R}", f"y = scaled(x, 1.0){R}", False, False, False),
    "a literal and none": (f"y = scaled(x, 2.0){R}", f"y = scaled(x, none){R}", False, False, False),
    "a literal in a set": (SET.format("1.0, 2.0"), f"y = scaled(x, 1.0){R}", True, True, False),
    "a literal not in a set": (SET.format("1.0, 2.0"), f"y = scaled(x, 3.0){R}", False, False, False),
    "sets that overlap": (SET.format("1.0, 2.0"), SET.format("2.0, 3.0"), True, False, False),
    "sets apart": (SET.format("1.0"), SET.format("2.0, 3.0"), False, False, False),
    "a set in a set": (SET.format("1.0, 2.0, 3.0"), SET.format("2.0, 3.0"), True, True, False),
    "wheres apart": (f"y = scaled(x, m){R} where m < 1", f"y = scaled(x, m){R} where m > 2", False, False, False),
    "wheres that meet": (f"y = scaled(x, m){R} where m < 2", f"y = scaled(x, m){R} where m > 1", True, False, False),
    "where and literal": (f"y = scaled(x, m){R} where m < 2", f"y = scaled(x, 3.0){R}", False, False, False),
    "one value twice": (f"y = add(exp(x), z){R}", f"y = add(exp(x), x){R}", True, True, False),
    "either order": (f"y = add(exp(x), z){R}", f"y = add(z, exp(x)){R}", True, True, True),
    "an order that counts": (f"y = sub(exp(x), z){R}", f"y = sub(z, exp(x)){R}", True, False, False),
    "an order that counts, apart": (f"y = sub(exp(x), abs(z)){R}", f"y = sub(abs(z), exp(x)){R}", False, False, False),
    "an op on one value or on two": (f"y = add(exp(x), exp(x)){R}", f"y = add(exp(x), exp(z)){R}", True, False, True),
    "with a view and without": ("relu -> view? -> exp => fused", "relu -> exp => fused", True, True, False),
    "with a view that must be": ("relu -> view -> exp => fused", "relu -> exp => fused", False, False, False),
    "ranges apart": ("relu -> 2x exp => 2x fused", "relu -> 3x exp => 3x fused", False, False, False),
    "ranges that meet": ("relu -> 2..3x exp => fused", "relu -> 3..4x exp => fused", True, False, False),
    "a range in a range": ("relu -> 1..x exp => fused", "relu -> 2..3x exp => fused", True, True, False),
    "a split that only one has": (
        "a, b = split(x, [N, M], -1)\n y = exp(a)\n=>\n y = fused(a)",
        f"y = exp(x){R}",
        True,
        False,
        True,
    ),
    "one capture for two numbers": (
        f"y = scaled(scaled(x, m), m){R}",
        f"y = scaled(scaled(x, 1.0), 2.0){R}",
        False,
        False,
        False,
    ),
    "a slice that both have": (
        "y = exp(slice(x, -1, 0, 8))\n=>\n y = fused(slice(x, -1, 0, 8))",
        "y = exp(slice(x, -1, 0, 4))\n=>\n y = fused(slice(x, -1, 0, 4))",
        True,
        False,
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(read, name):
    first, second, coincide, embedded, contains = PAIRS[name]
    one, other, table = read(first, second)
    assert may_coincide(one, other, table) == may_coincide(other, one, table)
    if coincide:
        assert may_coincide(one, other, table)
    assert (embeds(one, other, table), embeds(other, one, table)) == (embedded, contains)
    if not coincide:
        assert not may_coincide(one, other, table)


# Random patterns on random graphs. A body is a list of (op, operands); an operand is the index of a line before, the
# name of an input, or how a number is asked for.

NUMBERS = (1.0, 2.0)
numbers = st.one_of(st.sampled_from(("m", "n")), st.sampled_from(NUMBERS), st.just(NUMBERS))


@st.composite
def bodies(draw):
    """A tree of ops that is connected: each line reads the one before it."""
    lines = []
    for index in range(draw(st.integers(1, 3))):
        before = index - 1 if index else "x"
        op = draw(st.sampled_from(("relu", "exp", "add", "sub", "scaled")))
        if op in ("add", "sub"):
            other = draw(st.sampled_from(("x", "z", *range(index))))
            operands = (before, other) if draw(st.booleans()) else (other, before)
        elif op == "scaled":
            operands = (before, draw(numbers))
        else:
            operands = (before,)
        lines.append((op, operands))
    return lines


def text(body):
    def written(operand, at):
        if isinstance(operand, tuple):
            return f"s{at} in {{{', '.join(map(str, operand))}}}"
        return f"v{operand}" if isinstance(operand, int) else str(operand)

    lines = []
    for index, (op, operands) in enumerate(body):
        name = "y" if index == len(body) - 1 else f"v{index}"
        lines.append(f" {name} = {op}({', '.join(written(operand, index) for operand in operands)})")
    return "\n".join(lines) + "\n=>\n y = fused(x)"


def graph_of(body, draw):
    """A graph that looks like a body: captures at some value, inputs perhaps one, sums perhaps turned round."""
    graph = Graph()
    value = torch.empty(2, 4)

    def held(node):
        node.meta["val"] = value
        return node

    inputs = {"x": held(graph.placeholder("x")), "z": held(graph.placeholder("z"))}
    if draw(st.booleans()):
        inputs["z"] = inputs["x"]
    captures = {name: draw(st.sampled_from(NUMBERS)) for name in ("m", "n")}
    made = []

    def given(operand):
        if isinstance(operand, int):
            return made[operand]
        if isinstance(operand, tuple):
            return draw(st.sampled_from(operand))
        return inputs.get(operand, captures.get(operand, operand))

    for op, operands in body:
        args = tuple(map(given, operands))
        if op == "add" and draw(st.booleans()):
            args = args[::-1]
        if len(made) and draw(st.integers(0, 5)) == 0:
            args = (made[draw(st.integers(0, len(made) - 1))], *args[1:])
        made.append(held(graph.call_function(TORCH[op], args)))
    graph.output((made[-1],))
    return graph


def matches(graph, pattern, table):
    context = Context("cpu", table, {}, {}, exists, known, lambda name, or_newer: False)
    return find(FxView(graph), [pattern], context).matches


@given(bodies(), bodies(), st.data())
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_said_of_two_patterns_holds_in_graphs(read, first, second, data):
    one, other, table = read(text(first), text(second))
    apart = not may_coincide(one, other, table)
    embedded = embeds(one, other, table)
    for body in (first, second):
        graph = graph_of(body, data.draw)
        mine, theirs = matches(graph, one, table), matches(graph, other, table)
        if apart:
            assert not {frozenset(each.dying) for each in mine} & {frozenset(each.dying) for each in theirs}
        if embedded and theirs:
            assert mine, "what holds wherever the other does must hold here"


@given(bodies(), st.data())
@settings(max_examples=50, deadline=None)
def test_a_pattern_is_found_in_its_own_graph_and_coincides_with_itself(read, body, data):
    """Otherwise the test above would try nothing."""
    one, again, table = read(text(body), text(body))
    assert may_coincide(one, again, table)
    assert embeds(one, again, table)
