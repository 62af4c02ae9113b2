"""Ways to spell a declared op: native blocks, other declared ops, scratch buffers, nested calls, guards, open
parameters.
"""

from __future__ import annotations

import attrs
import pytest
import torch
from match_cases import (
    F32,
    FP8,
    OPS,
    SILU_FUSED,
    TB,
    TWO_D,
    B,
    H,
    K,
    T,
    bf16,
    context,
    graph_of,
    norm_step,
    par,
    post_grad_graph,
    quant_step,
    step,
    torch_op,
)

from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Func, Items, Lit, Ref, Unary
from patdsl.graph import Input, Pattern, Replace, RightStep, RightView
from patdsl.match import blocks
from patdsl.match.blocks import places
from patdsl.match.engine import find
from patdsl.match.fx_view import FxView
from patdsl.match.native import find_native
from patdsl.match.sites import Sites
from patdsl.op_table import (
    Block,
    Const,
    DeclaredCall,
    DtypeOf,
    Give,
    Nested,
    Op,
    Plain,
    Result,
    Tensor,
    Through,
    TorchCall,
    Use,
    ViewStep,
)


def sites_of(graph, op, ops=None, **names):
    return list(
        Sites(FxView(graph), context({**OPS, **(ops or {}), op.name: op}, **names), find_native).all(op.name)
    )


def silu_mul(x):
    return torch.ops.aten.silu(x[:, :128]) * x[:, 128:]


def silu_quant() -> Pattern:
    left = Block(
        ("x", "group_size", "col_major"),
        (step("m", "silu_and_mul", {"x": Use("x")}, y="y"), quant_step("g", Through("y"))),
    )
    args = tuple((param.name, Use(param.name)) for param in SILU_FUSED.params)
    right = RightStep("silu_mul_group_quant", args, (("q", "qg"), ("scale", "sg")), ("x",))
    return Pattern(
        "silu",
        left,
        (right,),
        (Replace("qg", "qg", True), Replace("sg", "sg", True)),
        tuple(map(Input, left.inputs)),
    )


@pytest.mark.parametrize(
    "spelled", [K.silu_and_mul, silu_mul, lambda x: x[:, 128:] * torch.ops.aten.silu(x[:, :128])]
)
def test_custom_op_and_native_block_are_one_op(spelled):
    graph = graph_of(lambda x: K.group_quant(spelled(x), 64), bf16(4, 256))
    found = find(FxView(graph), [silu_quant()], context())
    assert len(found.matches) == 1, found.refusals
    match = found.matches[0]
    assert match.names["x"].producer.op == "placeholder"
    assert len(match.dying) == (2 if spelled is K.silu_and_mul else 3)
    assert match.right[0].names["D"] == 128


def test_native_block_in_a_compiled_graph():
    def function(x):
        return K.group_quant(torch.nn.functional.silu(x[:, :128].float()).bfloat16() * x[:, 128:], 64)

    graph = post_grad_graph(lambda x: K.group_quant(silu_mul(x), 64), bf16(4, 256))
    decomposed = not FxView(graph).by_target("aten::silu.default")
    assert len(find(FxView(graph), [silu_quant()], context()).matches) == (not decomposed)
    assert not find(FxView(post_grad_graph(function, bf16(4, 256))), [silu_quant()], context()).matches


@pytest.mark.parametrize("kept", ["silu", "slice"])
def test_inner_costly_ops_of_a_native_block_must_die(kept):
    def function(x):
        a = x[:, :128]
        s = torch.ops.aten.silu(a)
        return K.group_quant(s * x[:, 128:], 64), (s if kept == "silu" else a)

    found = find(FxView(graph_of(function, bf16(4, 256))), [silu_quant()], context())
    assert len(found.matches) == (kept == "slice")


@pytest.mark.parametrize("bad", [
    lambda x: torch.ops.aten.silu(x[:, 128:]) * x[:, :128],
    lambda x: torch.ops.aten.silu(x[:, :64]) * x[:, 64:128],
    lambda x: torch.ops.aten.silu(x[:128, :]) * x[:128, :],
    lambda x: torch.ops.aten.silu(x[:, :128]) * (x + 1)[:, 128:],
])  # fmt: skip
def test_near_misses_of_a_native_block(bad):
    assert not find(
        FxView(graph_of(lambda x: K.group_quant(bad(x), 64), bf16(256, 256))), [silu_quant()], context()
    ).matches


def test_declared_by_another_op():
    """`quant(x) = group_quant(x, 128)`, on both sides."""
    quant = Op(
        "quant",
        (par("x", TB),),
        (Result("f", Tensor(FP8, (B, H))), Result("t", Tensor(F32, (B, Binary("/", H, Lit(128)))))),
        (
            DeclaredCall(
                "group_quant",
                (("x", Give(Ref("x"))), ("group_size", Give(Lit(128)))),
                (("q", "f"), ("scale", "t")),
            ),
        ),
    )
    graph = graph_of(
        lambda x: (K.group_quant(x, 128), K.group_quant(x, 64), K.group_quant(x, 128, ue8m0=True)),
        bf16(4, 256),
    )
    (site,) = sites_of(graph, quant)
    assert site.results["t"].meta.dims == (4, 2)
    assert site.op.name == "quant"
    pattern = Pattern(
        "again",
        Block(("x",), (step("1", "quant", {"x": Use("x")}, f="f", t="t"),)),
        (RightStep("quant", (("x", Use("x")),), (("f", "f"), ("t", "t"))),),
        (Replace("f", "f"), Replace("t", "t")),
        (Input("x"),),
    )
    (match,) = find(FxView(graph), [pattern], context({**OPS, "quant": quant})).matches
    call = match.right[0]
    assert call.op.name == "group_quant"
    assert call.args["group_size"] == 128
    assert dict(call.step.results) == {"q": "f", "scale": "t"}
    assert call.results["q"].dims == (4, 256)


def test_nested_call_as_an_argument():
    zeros = torch_op("aten::zeros_like.default", (par("x", TB),), (Result("y", TB),), free=True, name="zeros")
    op = Op(
        "twice",
        (par("x", TB),),
        (Result("y", TB),),
        (
            TorchCall(
                "aten::add.Tensor",
                ((0, Give(Ref("x"))), (1, Nested("zeros", (("x", Give(Ref("x"))),)))),
                ("y",),
            ),
        ),
    )
    graph = graph_of(
        lambda x, z: (x + torch.zeros_like(x), x + torch.zeros_like(z), x + z), bf16(4), bf16(8)[:4]
    )
    assert len(sites_of(graph, op, {"zeros": zeros})) == 1


def test_guards_pin_what_a_template_leaves_open():
    """`wide: bool`, not in the schema: a guard `not wide` makes it false; two bindings, one for each."""
    call = TorchCall("aten::relu.default", ((0, Give(Ref("x"))),), ("y",))
    op = Op(
        "act",
        (par("x", TB), par("wide", "bool")),
        (Result("y", TB),),
        (
            attrs.evolve(call, guard=Unary("not", Ref("wide"))),
            attrs.evolve(call, target="aten::tanh.default", guard=Ref("wide")),
        ),
    )
    graph = graph_of(lambda x: (torch.relu(x), torch.tanh(x)), bf16(4))
    assert [site.args["wide"] for site in sites_of(graph, op)] == [False, True]
    assert not sites_of(graph, attrs.evolve(op, bindings=(call,)))


def test_a_dtype_parameter_is_read_off_the_result():
    op = Op(
        "to",
        (par("x", TB), par("kind", "dtype")),
        (Result("y", Tensor(DtypeOf("kind"), (B, H))),),
        (
            TorchCall(
                "aten::relu.default",
                ((0, Give(Ref("x"))),),
                ("y",),
                guard=Binary("==", Ref("kind"), Lit(Dtype("bf16"))),
            ),
        ),
    )
    graph = graph_of(lambda x, y: (torch.relu(x), torch.relu(y)), bf16(4), torch.randn(4))
    (site,) = sites_of(graph, op)
    assert site.args["kind"] == Dtype("bf16")


@pytest.mark.parametrize("rank", [2, 3])
def test_guard_over_ranks(rank):
    call = TorchCall(
        "aten::relu.default",
        ((0, Give(Ref("x"))),),
        ("y",),
        guard=Binary("==", Func("rank", (Ref("x"),)), Lit(2)),
    )
    op = Op("act", (par("x", TB),), (Result("y", TB),), (call,))
    graph = graph_of(torch.relu, bf16(*(4,) * rank))
    assert len(sites_of(graph, op)) == (rank == 2)


def test_expressions_in_a_template_are_compared_or_solved():
    call = TorchCall(
        "aten::mul.Tensor", ((0, Give(Ref("x"))), (1, Give(Binary("*", Lit(2.0), Ref("half"))))), ("y",)
    )
    op = Op("scale", (par("x", TB), par("half", "float")), (Result("y", TB),), (call,))
    graph = graph_of(lambda x: x * 3.0, bf16(4))
    (site,) = sites_of(graph, op)
    assert site.args["half"] == 1.5
    fixed = attrs.evolve(op, params=op.params[:1])
    assert sites_of(graph, fixed, half=1.5)
    assert not sites_of(graph, fixed, half=1.0)


# views of a shape in a block


def reshaped() -> Pattern:
    """`y = rms_norm(x); f = view(y, [M, H])  =>  f = rms_norm(view(x, [M, H]))`."""
    operands = {"x": Use("x"), "weight": Use("w"), "epsilon": Use("e"), "variance_size": Const(Lit(None))}
    left = Block(
        ("x", "w", "e"), (step("n", "rms_norm", operands, y="y"), ViewStep("f", "y", (Ref("M"), Ref("H"))))
    )
    right = (
        RightView("v", "x", Items((Ref("M"), Ref("H")))),
        RightStep("rms_norm", (("x", Use("v")), ("weight", Use("w")), ("epsilon", Use("e"))), (("y", "f"),)),
    )
    where = (Binary(">", Func("rank", (Ref("x"),)), Lit(2)),)
    return Pattern(
        "reshaped", left, right, (Replace("f", "f"),), (Input("x", TB), Input("w"), Input("e")), where=where
    )


@pytest.mark.parametrize("chain", [
    lambda y: y.view(8, 256),
    lambda y: y.unsqueeze(1).reshape(4, 512).view(8, 256),
])  # fmt: skip
def test_view_of_a_shape_matches_any_chain(chain):
    graph = graph_of(lambda x, w: chain(K.rms_norm(x, w, 1e-6)) + 1, bf16(2, 4, 256), bf16(256))
    (match,) = find(FxView(graph), [reshaped()], context()).matches
    assert match.names["M"] == 8
    assert match.right[0].dims == (8, 256)
    assert match.replaced[0].old.meta.dims == (8, 256)


def test_view_of_a_shape_may_be_no_view_at_all():
    graph = graph_of(lambda x, w: K.rms_norm(x, w, 1e-6) + 1, bf16(8, 256), bf16(256))
    assert find(FxView(graph), [attrs.evolve(reshaped(), where=())], context()).matches
    assert not find(FxView(graph), [reshaped()], context()).matches


def test_view_of_a_shape_before_the_op_and_the_dim_that_is_left_over():
    left = Block(
        ("x", "w", "e"),
        (
            ViewStep("h", "x", (Ref("N"), Ref("G"), Ref("D"))),
            norm_step("w", "e", Use("h")),
        ),
    )  # fmt: skip
    right = (
        RightView("v", "x", Items((Ref("_"), Ref("D")))),
        RightStep("rms_norm", (("x", Use("v")), ("weight", Use("w")), ("epsilon", Use("e"))), (("y", "z"),)),
        RightView("y2", "z", Items((Ref("N"), Ref("G"), Ref("D")))),
    )
    pattern = Pattern("heads", left, right, (Replace("y", "y2"),), (Input("x"), Input("w"), Input("e")))
    graph = graph_of(lambda x, w: K.rms_norm(x.view(4, 2, 128), w, 1e-6), bf16(4, 256), bf16(128))
    (match,) = find(FxView(graph), [pattern], context()).matches
    assert match.names["x"].producer.op == "placeholder"
    assert [match.right[0].dims, match.right[2].dims] == [(8, 128), (4, 2, 128)]


def test_a_budget_ends_a_search_that_would_not(monkeypatch):
    """Eight unrelated adds over forty: 40 * 39 * ... ways to bind."""
    monkeypatch.setattr(blocks, "BUDGET", 500)
    graph = graph_of(lambda *xs: [x + x for x in xs], *[bf16(4) for _ in range(40)])
    names = [f"x{at}" for at in range(8)]
    steps = tuple(step(n, "add", {"a": Use(n), "b": Use(n)}, y=f"y{n}") for n in names)
    told = []
    sites = Sites(FxView(graph), context(), find_native)
    found = sum(1 for _ in places(sites, Block(tuple(names), steps), {}, lambda *what: told.append(what)))
    assert 0 < found < 40 * 500
    assert {rule for _, rule, _ in told} == {"budget"}


def test_types_of_inputs_bind_dims():
    block = Block(("x",), (step("s", "silu", {"x": Use("x")}, y="y"),))
    graph = graph_of(
        lambda x, y: (torch.ops.aten.silu(x), torch.ops.aten.silu(y)), bf16(4, 256), bf16(2, 4, 255)
    )
    sites = Sites(FxView(graph), context(), find_native)
    (place,) = places(sites, block, {"x": TWO_D})
    assert place.names["D"] == 128
    assert not list(places(sites, block, {"x": Tensor(Dtype("f32"), (B, H))}))
    assert not list(places(sites, block, {"x": Plain("int")}))
    assert place.names["T"] == Dtype("bf16")
    assert T.name == "T"
