"""Symbolic dims as nodes: what they compute when the graph runs is what the dim says."""

from __future__ import annotations

import pytest
import torch
from runtime_models import check, traced

from patdsl.runtime.dims import Dims, DimTable, UnreachableDimError
from patdsl.runtime.fake_results import FakeResults
from patdsl.runtime.nodes import NewNodes
from patdsl.runtime.values import tensor_of

CASES = {
    "a symbol": lambda a, b: a,
    "a product": lambda a, b: a * b,
    "a sum": lambda a, b: a * b + 3,
    "a difference": lambda a, b: 2 * a - b,
    "a quotient": lambda a, b: (a * b) // 4,
    "a rest": lambda a, b: (a + b) % 4,
    "a number": lambda a, b: a - a + 7,
}


def symbolic():
    """A graph with one input of two symbolic dims that no node holds, its output, and a `Dims` at its end."""
    module = traced(lambda x: x.abs(), torch.randn(5, 3), symbolic=True)
    graph = module.graph
    for node in reversed(graph.nodes):
        if node.target is torch.ops.aten.sym_size.int and not node.users:
            graph.erase_node(node)
    x = next(node for node in graph.nodes if node.op == "placeholder")
    output = next(node for node in graph.nodes if node.op == "output")
    new = NewNodes(graph, FakeResults(graph), output, (), ("test",))
    dims = Dims(
        DimTable(graph), output, lambda: [x], lambda target, args, value: new.add(target, args, {}, value)
    )
    return module, x, output, new, dims


def run(module, output, argument, *sizes):
    output.args = ((argument,),)
    module.recompile()
    check(module.graph)
    return module(torch.randn(*sizes))[0]


@pytest.mark.parametrize("case", CASES)
def test_computed_dims(case):
    module, x, output, _, dims = symbolic()
    argument = dims.one(CASES[case](*tensor_of(x).shape))
    for a, b in ((5, 3), (7, 11), (64, 2)):
        assert run(module, output, argument, a, b) == CASES[case](a, b)


def test_undo_takes_everything_out():
    module, x, _, new, dims = symbolic()
    before = str(module.graph)
    a, b = tensor_of(x).shape
    dims.one(a * b + 1)
    assert len(new.added) >= 3
    new.undo()
    assert str(module.graph) == before


def test_reshape_works_out_a_single_unknown_dim():
    module, x, output, new, dims = symbolic()
    a, b = tensor_of(x).shape
    shape = dims.shape([a * b, 1])
    assert shape == [-1, 1]
    view = new.call(torch.ops.aten.reshape.default, (x, shape))
    assert run(module, output, view, 4, 6).shape == (24, 1)


def test_nothing_in_reach():
    _, x, output, new, _ = symbolic()
    graph = x.graph
    dims = Dims(DimTable(graph), output, lambda: [], lambda *args: pytest.fail("adds a node"))
    with pytest.raises(UnreachableDimError, match="no node in reach holds"):
        dims.one(tensor_of(x).shape[0])
    assert not new.added


def test_holder_behind_the_place_is_not_used():
    module, x, _, _, _ = symbolic()
    graph = module.graph
    first = next(node for node in graph.nodes if node.target is torch.ops.aten.abs.default)
    with graph.inserting_after(first):
        late = graph.call_function(torch.ops.aten.sym_size.int, (x, 0))
    late.meta["val"] = tensor_of(x).shape[0]
    new = NewNodes(graph, FakeResults(graph), first, (), ("test",))
    dims = Dims(
        DimTable(graph), first, lambda: [x], lambda target, args, value: new.add(target, args, {}, value)
    )
    found = dims.one(tensor_of(x).shape[0])
    assert found is not late
    assert found < first
