"""Calls of aten ops in one form: the same results as torch for every spelling, and one form for equal spellings."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx import Graph
from torch.fx.experimental.proxy_tensor import make_fx

from patdsl.match.aten_forms import DimIndex, canonical
from patdsl.match.fx_known import known
from patdsl.match.fx_view import FxView
from patdsl.match.protocol import Handle

ATEN = torch.ops.aten
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


def form(op, x, *args, **kwargs):
    """The canonical call of a node `op(x, ...)`."""
    graph = Graph()
    held = graph.placeholder("x")
    held.meta["val"] = x
    node = graph.call_function(op, (held, *args), kwargs)
    view = FxView(graph)
    return canonical(view.call(node), tuple(x.shape), known)


def run(call, x):
    """What the call computes, as it is written now."""
    namespace, name = call.target.split("::")
    op, _, overload = name.partition(".")
    first, *rest = call.arguments
    assert isinstance(first.value, Handle)
    named = {argument.name: plain(argument.value) for argument in rest}
    return getattr(getattr(getattr(torch.ops, namespace), op), overload)(x, **named)


def plain(value):
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, DimIndex) else value


def written(call):
    """The arguments but for the tensor."""
    return [(argument.name, argument.value) for argument in call.arguments[1:]]


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    return len(one) == len(other) and all(map(same, one, other))


def check(op, x, *args):
    call = form(op, x, *args)
    assert same(run(call, x), op(x, *args))
    return call


def numbered(shape):
    return torch.arange(torch.Size(shape).numel()).reshape(shape).float()


@given(shapes, st.data())
@settings(max_examples=150)
def test_slices(shape, data):
    x = numbered(shape)
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    bound = st.one_of(st.none(), st.integers(-8, 8), st.sampled_from((2**63 - 1, 2**62)))
    start, end = data.draw(bound), data.draw(bound)
    call = check(ATEN.slice.Tensor, x, dim, start, end)
    low, high = (call.argument(name).value for name in ("start", "end"))
    assert 0 <= low <= high <= shape[dim]
    wanted = range(shape[dim])[slice(start, end)]
    if len(wanted):
        assert (low, high) == (wanted.start, wanted.stop), "one form for one slice"


@given(shapes, st.data())
def test_slices_with_steps(shape, data):
    bounds = st.one_of(st.none(), st.integers(-8, 8))
    dim, step = data.draw(st.integers(0, len(shape) - 1)), data.draw(st.integers(1, 3))
    check(ATEN.slice.Tensor, numbered(shape), dim, data.draw(bounds), data.draw(bounds), step)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=3).map(tuple), st.integers(1, 9), st.data())
def test_splits_by_size(shape, part, data):
    """Torch takes the sizes, written out, for the same split."""
    x = numbered(shape)
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    call = form(ATEN.split.Tensor, x, part, dim)
    sizes = call.argument("split_size").value
    wanted = ATEN.split.Tensor(x, part, dim)
    assert sizes == tuple(each.shape[dim] for each in wanted)
    assert same(ATEN.split_with_sizes(x, list(sizes), dim), wanted)


@pytest.mark.parametrize(
    "op",
    [ATEN.mean.dim, ATEN.amax.default, ATEN.sum.dim_IntList, ATEN.squeeze.dims, ATEN.flip.default],
    ids=str,
)
@settings(max_examples=25)
@given(shapes, st.data())
def test_lists_of_dims(op, shape, data):
    dims = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    spelled = [dim - len(shape) * data.draw(st.booleans()) for dim in dims]
    x = numbered(shape)
    assert written(check(op, x, spelled)) == written(check(op, x, dims))


@pytest.mark.parametrize(
    "op",
    [ATEN.softmax.int, ATEN.squeeze.dim, ATEN.cumsum.default, ATEN.unsqueeze.default, ATEN.max.dim],
    ids=str,
)
@settings(max_examples=25)
@given(shapes, st.data())
def test_one_dim(op, shape, data):
    x = numbered(shape)
    rank = len(shape) + (op is ATEN.unsqueeze.default)
    dim = data.draw(st.integers(0, rank - 1))
    assert check(op, x, dim).argument("dim").value == check(op, x, dim - rank).argument("dim").value
    other = data.draw(st.integers(0, rank - 1))
    assert (form(op, x, dim).argument("dim").value == form(op, x, other - rank).argument("dim").value) == (
        dim == other
    )


@given(shapes, st.data())
def test_permutations(shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    x = numbered(shape)
    check(ATEN.permute.default, x, [dim - len(shape) * data.draw(st.booleans()) for dim in order])


@given(st.integers(1, 4), st.lists(st.integers(1, 4), max_size=2))
def test_sizes_are_no_indices(size, lead):
    """-1 of an expand keeps a size; it is not the last dim."""
    x = numbered((size, 1))
    call = check(ATEN.expand.default, x, [*lead, -1, 3])
    assert not any(isinstance(each, DimIndex) for each in call.argument("size").value)


def test_a_0_d_tensor_stays_as_it_is():
    assert form(ATEN.squeeze.dim, torch.tensor(1.0), 0).argument("dim").value == 0
    check(ATEN.squeeze.dim, torch.tensor(1.0), -1)


def test_an_index_beyond_the_rank_is_left_alone():
    value = form(ATEN.squeeze.dim, numbered((2, 3)), 2).argument("dim").value
    assert value == 2
    assert not isinstance(value, DimIndex)


@given(st.integers(1, 5), st.integers(-5, 4), st.integers(-12, 12))
def test_dim_indices_compare_modulo_the_rank(rank, index, other):
    index %= rank
    one = DimIndex(index, rank)
    assert (one == other) == ((index - other) % rank == 0)
    assert (one != other) == ((index - other) % rank != 0)
    assert hash(DimIndex(index, rank)) == hash(DimIndex(index - rank, rank))
    assert one != True  # noqa: E712  a bool is no index
    assert one != "0"


def test_slices_of_a_symbolic_dim():
    def model(x):
        n = x.shape[1]
        return (
            ATEN.slice(x, 1, 1, n // 2),
            ATEN.slice(x, -1, 0, -1),
            ATEN.slice(x, 1, 2),
            ATEN.slice(x, 1, None, n + 5),
        )

    graph = make_fx(model, tracing_mode="symbolic")(torch.randn(6, 10)).graph
    view = FxView(graph)
    dims = tuple(next(iter(graph.nodes)).meta["val"].shape)
    size = dims[1]
    guards = len(size.node.shape_env.guards)
    calls = [canonical(view.call(node), dims, known) for node in view.by_target("aten::slice.Tensor")]
    assert [call.argument("dim").value for call in calls] == [-1, 1, -1, 1]
    ends = [call.argument("end").value for call in calls]
    wanted = (size // 2, size - 1, size, size)
    assert [known(one == other) for one, other in zip(ends, wanted, strict=True)] == [True] * 4
    assert [call.argument("start").value for call in calls] == [1, 0, 2, 0]
    assert len(size.node.shape_env.guards) == guards, "nothing is specialised"
