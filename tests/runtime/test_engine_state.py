"""Ops that name state of an engine by an opaque value, in graphs as a serving engine has them."""

from __future__ import annotations

import operator

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.fx import Graph

import patdsl

LIBRARY = torch.library.Library("engine_state", "FRAGMENT")
LIBRARY.define("rotate(Tensor q, Tensor k) -> (Tensor, Tensor)")
LIBRARY.define("update(Tensor k, Tensor v, Any layer) -> Tensor")
LIBRARY.define("rotate_update(Tensor q, Tensor k, Tensor v, Any layer) -> (Tensor, Tensor, Tensor)")
LIBRARY.define("all(Tensor x) -> Tensor")
LIBRARY.impl("rotate", lambda q, k: (q + 1, k + 1), "CompositeExplicitAutograd")
LIBRARY.impl("update", lambda k, v, layer: k.new_empty(0), "CompositeExplicitAutograd")
LIBRARY.impl(
    "rotate_update", lambda q, k, v, layer: (k.new_empty(0), q + 1, k + 1), "CompositeExplicitAutograd"
)
LIBRARY.impl("all", lambda x: x * 2, "CompositeExplicitAutograd")
OPS = torch.ops.engine_state

PATTERNS = """
host supports(layer: opaque): bool

op rotate(q: T[N, Q], k: T[N, K]) -> (q_r: T[N, Q], k_r: T[N, K])
  = engine_state::rotate

op update(k: T[N, K], v: T[N, V], layer: opaque) -> (dep: T[0])
  = engine_state::update
  effect state

op rotate_update(q: T[N, Q], k: T[N, K], v: T[N, V], layer: opaque)
    -> (dep: T[0], q_r: T[N, Q], k_r: T[N, K])
  = engine_state::rotate_update
  where supports(layer)
  effect state

pattern rotate_update {
  q_r, k_r = rotate(q, k)
  dep      = update(k_r, v, layer)
=>
  dep, q_r, k_r = rotate_update(q, k, v, layer)
}

op all(x: T[N, W]) -> (y: T[N, W])
  = engine_state::all

pattern parts(x: T[N, W]) {
  a, b = split(x, [A, B], -1)
  c    = neg(a)
  d    = neg(b)
=>
  y    = all(x)
  c, d = split(y, [A, B], -1)
  restride c
  restride d
}
"""


@pytest.fixture
def passes(tmp_path):
    path = tmp_path / "state.pat"
    path.write_text(PATTERNS)

    def load(**hosts):
        return patdsl.load(path, hosts=hosts, target="cpu")

    return load


def node(graph, target, *args):
    """A call with its example value."""
    made = graph.call_function(target, args)
    made.meta["val"] = target(*(arg.meta["val"] if hasattr(arg, "meta") else arg for arg in args))
    return made


def getitem(graph, source, index):
    made = graph.call_function(operator.getitem, (source, index))
    made.meta["val"] = source.meta["val"][index]
    return made


def rotation(layer):
    """q's user stands before the part of the split that the update reads, as traces have it."""
    graph = Graph()
    with FakeTensorMode():
        x = graph.placeholder("x")
        x.meta["val"] = torch.empty(4, 24)
        if layer is None:
            layer = graph.placeholder("layer")
            layer.meta["val"] = "an object"
        split = node(graph, torch.ops.aten.split_with_sizes.default, x, [8, 8, 8], -1)
        q, k = getitem(graph, split, 0), getitem(graph, split, 1)
        rotated = node(graph, OPS.rotate.default, q, k)
        q_r, k_r = getitem(graph, rotated, 0), getitem(graph, rotated, 1)
        used = node(graph, torch.ops.aten.neg.default, q_r)
        v = getitem(graph, split, 2)
        dep = graph.call_function(OPS.update.default, (k_r, v, layer))
        dep.meta["val"] = torch.empty(0)
    graph.output((used, k_r, dep))
    return graph


@pytest.mark.parametrize("layer", ["layer.0", None], ids=["by name", "as an input"])
def test_the_layer_is_passed_on_whatever_it_is(passes, layer):
    graph = rotation(layer)
    chain = passes(supports=lambda layer: True)
    chain(graph)
    assert chain.last_counts == {"rotate_update": 1}, str(chain.report())
    graph.lint()
    (fused,) = graph.find_nodes(op="call_function", target=OPS.rotate_update.default)
    assert fused.args[3] == (layer or next(each for each in graph.nodes if each.name == "layer"))


@pytest.mark.parametrize(("layer", "given"), [("layer.0", "layer.0"), (None, None)])
def test_a_host_is_asked_by_name_or_with_none(passes, layer, given):
    asked = []
    chain = passes(supports=lambda layer: bool(asked.append(layer)))
    chain(rotation(layer))
    assert not chain.last_counts
    assert set(asked) == {given}


def test_what_an_op_gives_several_of_can_be_what_replaces(passes):
    graph = Graph()
    with FakeTensorMode():
        x = graph.placeholder("x")
        x.meta["val"] = torch.empty(4, 24)
        split = node(graph, torch.ops.aten.split_with_sizes.default, x, [8, 16], -1)
        both = [node(graph, torch.ops.aten.neg.default, getitem(graph, split, at)) for at in (0, 1)]
    graph.output(tuple(both))
    chain = passes()
    chain(graph)
    assert chain.last_counts == {"parts": 1}, str(chain.report())
    graph.lint()
    assert [list(each.meta["val"].shape) for each in graph.output_node().args[0]] == [[4, 8], [4, 16]]
