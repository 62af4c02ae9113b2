"""Norm and quantisation are fused whole, whatever the graph looks like.

Results are compared bit for bit with the model run as it is, and every op of the graph is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from fusing import BF16, OPS, assert_fuses, assert_same, bf16, compiled, library

H = 256
EPSILON = 1e-6
CONSUMERS = (1, 2, 3, 4, 7)
NORM_QUANT = "rms_norm_quant"


def flat(y: torch.Tensor) -> torch.Tensor:
    return y.view(-1, H)


def quants(views: list[Callable[[torch.Tensor], torch.Tensor]], shared: bool = False) -> Callable[..., Any]:
    """A norm, and a quant for each of `views` of it; `shared`: of one view."""

    def model(x, weight):
        y = OPS.rms_norm(torch.relu(x), weight, EPSILON)
        if shared:
            y = flat(y)
        return [OPS.group_quant(view(y), 128) for view in views]

    return model


def as_is(y: torch.Tensor) -> torch.Tensor:
    return y


SHAPES = {
    # dims of x, the model of n consumers, the layout ops that must be left: a kernel takes two dims
    "2-D": ((4, H), lambda n: quants([as_is] * n), lambda n: 0),
    "3-D, one view": ((2, 3, H), lambda n: quants([as_is] * n, shared=True), lambda n: 1),
    "3-D, a view each": ((2, 3, H), lambda n: quants([flat] * n), lambda n: 1),
    "3-D, no view": ((2, 3, H), lambda n: quants([as_is] * n), lambda n: 1 + 2),
    "3-D, a view on one branch": (
        (2, 3, H),
        lambda n: quants([flat] + [as_is] * (n - 1)),
        lambda n: 1 + 2 * (n > 1),
    ),
}


@pytest.mark.parametrize("n", CONSUMERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_consumers(shape, n):
    dims, build, views = SHAPES[shape]
    after = {"relu": 1, "rms_norm_group_quant": 1, "reshape": views(n)}
    made = assert_fuses(
        build(n),
        bf16(*dims),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        after={name: count for name, count in after.items() if count},
    )
    assert made.before["group_quant"] == n
    assert made.matches == {"rms_norm_group_quant": 1}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [2, 3])
def test_consumers_in_inductor(shape, n):
    dims, build, views = SHAPES[shape]
    after = {"relu": 1, "rms_norm_group_quant": 1, "reshape": views(n)}
    assert_fuses(
        build(n),
        bf16(*dims),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        inductor=True,
        after={name: count for name, count in after.items() if count},
    )


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y.reshape(-1, H),
        lambda y: y.flatten(0, 1),
        lambda y: y.unsqueeze(0),
        lambda y: y.unsqueeze(1).squeeze(1),
        lambda y: y.view(3, 2, H).view(6, H),
        lambda y: y.contiguous().view(1, -1, H),
        lambda y: torch.ops.aten._unsafe_view(y, [6, H]),
        lambda y: y.to(BF16).flatten(0, 1),
    ],
    ids=["reshape", "flatten", "unsqueeze", "squeeze", "two views", "contiguous", "_unsafe_view", "to"],
)
def test_any_layout_op_that_keeps_the_last_dim(view):
    made = compiled(quants([view, flat]), bf16(2, 3, H), bf16(H, seed=1), passes=library(NORM_QUANT))
    assert made.matches == {"rms_norm_group_quant": 1}
    assert {name: made.after[name] for name in ("rms_norm", "group_quant", "rms_norm_group_quant")} == {
        "rms_norm": 0,
        "group_quant": 0,
        "rms_norm_group_quant": 1,
    }
    assert_same(made.results, quants([view, flat])(bf16(2, 3, H), bf16(H, seed=1)))


@pytest.mark.parametrize("epsilon", [1e-5, 1e-6, 2e-6, 1e-12])
@pytest.mark.parametrize("add", [False, True], ids=["norm", "fused-add norm"])
def test_epsilons_are_passed_on(epsilon, add):
    """Rows are small enough that every epsilon gives another result."""

    def model(x, residual, weight):
        if add:
            y, residual = OPS.fused_add_rms_norm(x, residual, weight, epsilon)
        else:
            y = OPS.rms_norm(x, weight, epsilon)
        return OPS.group_quant(y, 64), OPS.group_quant(y, 64), residual

    small = bf16(4, H) * 1e-3
    name = "add_rms_norm_group_quant" if add else "rms_norm_group_quant"
    made = assert_fuses(model, small, small / 2, bf16(H, seed=1), passes=library(NORM_QUANT), after={name: 1})
    scale = made.results[0][1]
    other = OPS.group_quant(OPS.rms_norm(small, bf16(H, seed=1), 1e-4), 64)[1]
    assert not torch.equal(scale, other)


NORMS = {
    "positional": lambda x, w: OPS.rms_norm(x, w, EPSILON),
    "keyword": lambda x, w: OPS.rms_norm(weight=w, x=x, epsilon=EPSILON),
    "default written": lambda x, w: OPS.rms_norm(x, w, EPSILON, None),
    "default by keyword": lambda x, w: OPS.rms_norm(x, w, EPSILON, variance_size=None),
}
QUANTS = {
    "positional": lambda y: OPS.group_quant(y, 128),
    "keyword": lambda y: OPS.group_quant(group_size=128, x=y),
    "defaults written": lambda y: OPS.group_quant(y, 128, False, False, False),
    "defaults by keyword": lambda y: OPS.group_quant(y, group_size=128, tma_aligned=False, col_major=False),
}


def respell(form: str) -> Callable[[torch.fx.Graph], None]:
    """Rewrites every call of our ops to one form, since torch itself drops what equals a default."""

    def change(graph: torch.fx.Graph) -> None:
        for node in graph.nodes:
            if node.op != "call_function" or getattr(node.target, "namespace", "") != "patdsl":
                continue
            values = {}
            for at, param in enumerate(node.target._schema.arguments):
                given = (
                    node.args[at] if at < len(node.args) else node.kwargs.get(param.name, param.default_value)
                )
                if form != "keyword" or at < len(node.args) or param.name in node.kwargs:
                    values[param.name] = given
            node.args, node.kwargs = (
                (tuple(values.values()), {}) if form == "defaults written" else ((), values)
            )

    return change


@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("norm", NORMS)
def test_call_forms(norm, quant):
    def model(x, weight):
        y = NORMS[norm](x, weight)
        return OPS.group_quant(y, 128), QUANTS[quant](y)

    inputs = bf16(4, H), bf16(H, seed=1)
    assert_fuses(model, *inputs, passes=library(NORM_QUANT), after={"rms_norm_group_quant": 1})


@pytest.mark.parametrize("form", ["keyword", "defaults written", "defaults by keyword"])
def test_call_forms_in_the_graph(form):
    assert_fuses(
        quants([as_is] * 3),
        bf16(4, H),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        change=respell(form),
        after={"relu": 1, "rms_norm_group_quant": 1},
    )


@pytest.mark.parametrize("kept", [(0,), (1,), (0, 2), (1, 3), (0, 3), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("dims", [(4, H), (2, 3, H)], ids=["2-D", "3-D"])
def test_dead_results(kept, dims):
    """0 to 3: values and scales of two quants. What nobody reads is not in the graph that a pass gets."""

    def model(x, weight):
        y = OPS.rms_norm(x, weight, EPSILON)
        results = [*OPS.group_quant(y, 128), *OPS.group_quant(y.view(-1, H), 128)]
        return [results[at] for at in kept]

    made = compiled(model, bf16(*dims), bf16(H, seed=1), passes=library(NORM_QUANT))
    assert made.matches == {"rms_norm_group_quant": 1}
    assert made.after["rms_norm_group_quant"] == 1
    assert made.after["rms_norm"] == made.after["group_quant"] == 0
    assert_same(made.results, model(bf16(*dims), bf16(H, seed=1)))


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("residual_read", [True, False], ids=["residual", "dead residual"])
@pytest.mark.parametrize("dims", [(4, H), (2, 3, H)], ids=["2-D", "3-D"])
def test_fused_add(n, residual_read, dims):
    def model(x, residual, weight):
        y, residual = OPS.fused_add_rms_norm(torch.relu(x), residual, weight, EPSILON)
        found = [OPS.group_quant(flat(y), 128) for _ in range(n)]
        return (*found, residual) if residual_read else tuple(found)

    # x and the residual are flattened, and the residual is viewed back
    views = {"reshape": 2 + residual_read} if len(dims) == 3 else {}
    assert_fuses(
        model,
        bf16(*dims),
        bf16(*dims, seed=2),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        after={"relu": 1, "add_rms_norm_group_quant": 1, **views},
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2])
def test_fused_add_in_inductor(n):
    def model(x, residual, weight):
        y, residual = OPS.fused_add_rms_norm(torch.relu(x), residual, weight, EPSILON)
        return [OPS.group_quant(y, 128) for _ in range(n)], residual

    assert_fuses(
        model,
        bf16(4, H),
        bf16(4, H, seed=2),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        inductor=True,
        after={"relu": 1, "add_rms_norm_group_quant": 1},
    )


@pytest.mark.parametrize("n", [1, 2])
def test_in_place_fused_add(n):
    """The op that writes to its arguments, as a graph holds it: functionalised."""

    def model(x, residual, weight):
        x, residual = x * 2, residual * 2
        OPS.fused_add_rms_norm_(x, residual, weight, EPSILON)
        return [OPS.group_quant(x, 128) for _ in range(n)], residual

    assert_fuses(
        model,
        bf16(4, H),
        bf16(4, H, seed=2),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        after={"mul": 2, "add_rms_norm_group_quant": 1},
    )


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8], ids=str)
@pytest.mark.parametrize("add", [False, True], ids=["norm", "fused-add norm"])
@pytest.mark.parametrize("dims", [(4, H), (2, 3, H)], ids=["2-D", "3-D"])
def test_per_token(n, dtype, add, dims):
    def model(x, residual, weight):
        if add:
            y, residual = OPS.fused_add_rms_norm(x, residual, weight, EPSILON)
        else:
            y = OPS.rms_norm(x, weight, EPSILON)
        return [OPS.token_quant(flat(y), dtype) for _ in range(n)], residual

    name = "add_rms_norm_token_quant" if add else "rms_norm_token_quant"
    views = {"reshape": 3 if add else 1} if len(dims) == 3 else {}
    inputs = bf16(*dims), bf16(*dims, seed=2), bf16(H, seed=1)
    assert_fuses(model, *inputs, passes=library(NORM_QUANT), after={name: 1, **views})


@pytest.mark.slow
def test_per_token_in_inductor():
    def model(x, weight):
        return OPS.token_quant(OPS.rms_norm(torch.relu(x), weight, EPSILON), torch.float8_e4m3fn)

    assert_fuses(
        model,
        bf16(4, H),
        bf16(H, seed=1),
        passes=library(NORM_QUANT),
        inductor=True,
        after={"relu": 1, "rms_norm_token_quant": 1},
    )


@pytest.mark.parametrize("mode", ["grad", "a parameter", "no_grad", "inference"])
@pytest.mark.parametrize(
    "inductor", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "inductor"]
)
def test_modes(mode, inductor):
    weight = bf16(H, seed=1)
    if mode == "a parameter":
        weight = torch.nn.Parameter(weight)
    context = {"no_grad": torch.no_grad, "inference": torch.inference_mode}.get(mode, torch.enable_grad)
    with context():
        assert_fuses(
            quants([as_is] * 2),
            bf16(4, H),
            weight,
            passes=library(NORM_QUANT),
            inductor=inductor,
            after={"relu": 1, "rms_norm_group_quant": 1},
        )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "inductor", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "inductor"]
)
def test_dynamic_batch(shape, inductor):
    """One compilation serves every batch size."""
    dims, build, views = SHAPES[shape]
    model = build(3)
    x, weight = bf16(*dims), bf16(H, seed=1)
    torch._dynamo.mark_dynamic(x, 0)
    made = compiled(model, x, weight, passes=library(NORM_QUANT), dynamic=None, inductor=inductor)
    assert made.matches == {"rms_norm_group_quant": 1}
    for name, count in {"rms_norm": 0, "group_quant": 0, "relu": 1, "rms_norm_group_quant": 1}.items():
        assert made.after[name] == count
    assert made.after["reshape"] == views(3)
    assert_same(made.results, model(x, weight))
    passes = library(NORM_QUANT)
    total = passes.counts.copy()
    for rows in (7, 64):
        other = bf16(rows, *dims[1:], seed=rows)
        assert_same(made.function(other, weight), model(other, weight))
    assert passes.counts == total
    other = bf16(1, *dims[1:])  # for which torch compiles anew
    assert_same(made.function(other, weight), model(other, weight))


def test_two_places_in_one_graph():
    """Both are fused, and what belongs to neither stays."""

    def model(x, weight, other):
        y = OPS.rms_norm(x, weight, EPSILON)
        q, s = OPS.group_quant(y, 128)
        z = OPS.rms_norm(x * 2, other, 1e-5)
        alone = OPS.rms_norm(x * 3, other, 1e-5)
        return q, s, OPS.group_quant(z, 64), OPS.group_quant(z, 64), alone, OPS.group_quant(x, 64)

    made = assert_fuses(
        model,
        bf16(4, H),
        bf16(H, seed=1),
        bf16(H, seed=2),
        passes=library(NORM_QUANT),
        after={"mul": 2, "rms_norm_group_quant": 2, "rms_norm": 1, "group_quant": 1},
    )
    assert made.matches == {"rms_norm_group_quant": 2}


def test_each_group_of_equal_quants_is_not_taken_apart():
    """Column-major scales, as a flag that every consumer has."""

    def model(x, weight):
        y = OPS.rms_norm(x, weight, EPSILON)
        return OPS.group_quant(y, 128, True), OPS.group_quant(y, 128, True)

    inputs = bf16(4, H), bf16(H, seed=1)
    assert_fuses(model, *inputs, passes=library(NORM_QUANT), after={"rms_norm_group_quant": 1})
