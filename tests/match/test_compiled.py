"""Graphs as Inductor really hands them to a post-grad pass: functionalized ops of both versions, dynamic
shapes, splits.
"""

from __future__ import annotations

import pytest
import torch
from match_cases import (
    F32,
    FP8,
    OPS,
    SILU_MUL,
    TB,
    B,
    H,
    K,
    T,
    W,
    bf16,
    context,
    fused_step,
    norm_quant,
    norm_step,
    par,
    post_grad_graph,
    quant_step,
    scaled,
    search,
    step,
    torch_op,
)
from runtime_lib import OUT_TAGS
from torch_marks import functionalizes_out

from patdsl.expr import Binary, Items, Lit, Ref
from patdsl.graph import Input, Pattern, Replace, RightStep
from patdsl.match.engine import find
from patdsl.match.fx_view import FxView
from patdsl.match.native import find_native
from patdsl.match.sites import Sites
from patdsl.op_table import (
    Block,
    Const,
    Give,
    Mut,
    Op,
    Out,
    Result,
    Same,
    Tensor,
    Through,
    TorchCall,
    Use,
)

LIB = torch.library.Library("patdsl_match_test", "FRAGMENT")
NS = torch.ops.patdsl_match_test


def define(schema: str, function, *tags) -> None:
    name = schema.split("(")[0]
    LIB.define(schema, tags=tags)
    LIB.impl(name, function, "CompositeExplicitAutograd")


def _silu(out, x):
    half = x.shape[-1] // 2
    out.copy_(torch.nn.functional.silu(x[..., :half]) * x[..., half:])


def _add_norm(x, residual, weight, epsilon, scale=None):
    residual.add_(x)
    x.copy_(residual * weight)


def _quant(x, q, s, group_size, eps, scale, flag=False):
    q.copy_(x.to(q.dtype))
    s.fill_(1.0)


define("silu(Tensor(a!) out, Tensor x) -> ()", _silu)
define(
    "add_norm(Tensor(a!) x, Tensor(b!) residual, Tensor weight, float epsilon, Tensor(c!)? scale=None) -> ()",
    _add_norm,
)
define(
    "quant(Tensor x, Tensor(a!) q, Tensor(b!) s, int group_size, float eps, Tensor(c!) scale, bool flag=False) -> ()",
    _quant,
)
define(
    "gelu.out(Tensor x, *, Tensor(a!) out) -> Tensor(a!)",
    lambda x, *, out: out.copy_(torch.relu(x)),
    *OUT_TAGS,
)
define("many(Tensor(a!)[] xs, Tensor y) -> Tensor", lambda xs, y: y.clone())
torch.library.register_fake("patdsl_match_test::many", lambda xs, y: torch.empty_like(y), lib=LIB)

SILU_OUT = Op(
    "silu_out",
    SILU_MUL.params,
    SILU_MUL.results,
    (TorchCall("patdsl_match_test::silu.default", ((0, Out("y")), (1, Give(Ref("x")))), ()),),
)
ADD_NORM = Op(
    "add_norm",
    (
        par("x", TB),
        par("residual", TB),
        par("weight", Tensor(W, (H,)), optional=True),
        par("epsilon", "float"),
    ),
    (Result("y", TB), Result("residual_out", TB)),
    (
        TorchCall(
            "patdsl_match_test::add_norm.default",
            (
                (0, Mut("x", "y")),
                (1, Mut("residual", "residual_out")),
                (2, Give(Ref("weight"))),
                (3, Give(Ref("epsilon"))),
            ),
            (),
        ),
    ),
)
SCALED_QUANT = Op(
    "scaled_quant",
    (par("x", TB), par("group_size", "int"), par("fixed", Tensor(F32, (Lit(1),)))),
    (Result("q", Tensor(FP8, (B, H))), Result("scale", Tensor(F32, (B, scaled())))),
    (
        TorchCall(
            "patdsl_match_test::quant.default",
            (
                ("x", Give(Ref("x"))),
                ("q", Out("q")),
                ("s", Out("scale")),
                ("group_size", Give(Ref("group_size"))),
                ("eps", Give(Binary("/", Lit(1.0), Ref("limit")))),
                ("scale", Same("fixed")),
            ),
            (),
        ),
    ),
)
GELU_OUT = Op(
    "gelu_out",
    (par("x", TB),),
    (Result("y", TB),),
    (TorchCall("patdsl_match_test::gelu.out", (("x", Give(Ref("x"))), ("out", Out("y"))), ()),),
)


def uses(*names: str) -> dict[str, Use]:
    return {name: Use(name) for name in names}


ALL = {**OPS, **{op.name: op for op in (SILU_OUT, ADD_NORM, SCALED_QUANT, GELU_OUT)}}
both = pytest.mark.parametrize("v2", [True, False])


def sites_of(graph, name):
    sites = Sites(FxView(graph), context(ALL, limit=1e10), find_native)
    return list(sites.all(name))


@both
def test_out_buffers(v2):
    def function(x):
        out = torch.empty(x.shape[0], x.shape[1] // 2, dtype=x.dtype)
        NS.silu(out, x)
        return out * 2

    (site,) = sites_of(post_grad_graph(function, bf16(4, 256), v2=v2), "silu_out")
    assert site.args["x"].meta.dims == (4, 256)
    assert site.results["y"].meta.dims == (4, 128)
    assert len(site.results["y"].holders) == 1


@both
def test_a_part_of_a_buffer_is_no_value_in_version_2(v2):
    def function(x):
        out = torch.empty(8, x.shape[1] // 2, dtype=x.dtype)
        NS.silu(out[2:6], x)
        return out * 2

    graph = post_grad_graph(function, bf16(4, 256), v2=v2)
    assert len(sites_of(graph, "silu_out")) == (not v2)


@both
def test_in_place_operands_and_optional_none(v2):
    def function(x, r, w):
        y, s = x + 1, r + 1
        NS.add_norm(y, s, w, 1e-6)
        return y * 2, s * 3

    (site,) = sites_of(post_grad_graph(function, bf16(4, 256), bf16(4, 256), bf16(256), v2=v2), "add_norm")
    assert {site.args["x"].producer.target, site.args["residual"].producer.target} == {
        torch.ops.aten.add.Tensor
    }
    assert site.args["epsilon"] == 1e-6
    assert site.results["y"].index != site.results["residual_out"].index


@both
def test_a_written_optional_argument_that_the_template_does_not_reach(v2):
    def function(x, r, w, s):
        y, z, s = x + 1, r + 1, s + 1
        NS.add_norm(y, z, w, 1e-6, s)
        return y, z, s

    graph = post_grad_graph(function, bf16(4, 256), bf16(4, 256), bf16(256), bf16(4), v2=v2)
    assert not sites_of(graph, "add_norm")


def add_norm_quant() -> Pattern:
    norm = step(
        "n",
        "add_norm",
        {name: Use(name) for name in ("x", "residual", "weight", "epsilon")},
        y="y",
        residual_out="r",
    )
    inputs = ("x", "residual", "weight", "epsilon", "group_size", "col_major")
    return Pattern(
        "in_place",
        Block(inputs, (norm, quant_step("g", Through("y")))),
        (fused_step(None, "add_rms_norm_group_quant", residual_out="r2"),),
        (Replace("qg", "qg", True), Replace("r", "r2", True), Replace("sg", "sg", True)),
        tuple(map(Input, inputs)),
    )


@both
@pytest.mark.parametrize("view", [None, (8, 256)])
def test_an_in_place_op_fuses_also_where_it_works_on_views(v2, view):
    """With views, version 2 passes the 3-D bases and returns them; users see only those."""

    def function(x, r, w):
        y, s = x + 1, r + 1
        NS.add_norm(y if view is None else y.view(view), s if view is None else s.view(view), w, 1e-6)
        q, scale = K.group_quant(y, 128)
        return q, scale, s * 3

    graph = post_grad_graph(function, bf16(2, 4, 256), bf16(2, 4, 256), bf16(256), v2=v2)
    found = find(FxView(graph), [add_norm_quant()], context(ALL))
    assert len(found.matches) == 1, found.refusals
    match = found.matches[0]
    call = match.right[0]
    residual = next(each for each in match.replaced if each.replace.left == "r")
    assert call.results["residual_out"].dims == (8, 256)
    if view is None:
        assert call.flatten == {"x": (8, 256), "residual": (8, 256)}
        assert residual.view_as == (2, 4, 256)
    elif v2:
        assert call.args["x"].viewed
        assert call.args["x"].meta.dims == (8, 256)
        assert residual.old.meta.dims == residual.view_as == (2, 4, 256)
    else:
        assert residual.old.meta.dims == (8, 256)
        assert residual.view_as is None


@both
def test_same_operand_is_left_alone(v2):
    """The schema says that `scale` is written; its value afterwards is replaced by what it was."""

    def function(x, w, s):
        y = K.rms_norm(x, w, 1e-6)
        q = torch.empty(4, 256, dtype=torch.float8_e4m3fn)
        scale = torch.empty(4, 2, dtype=torch.float32)
        NS.quant(y, q, scale, 128, 1e-10, s)
        return q, scale

    graph = post_grad_graph(function, bf16(4, 256), bf16(256), torch.ones(1), v2=v2)
    (site,) = sites_of(graph, "scaled_quant")
    assert site.args["fixed"].producer.op == "placeholder"
    left = Block(
        ("x", "weight", "epsilon", "group_size", "fixed"),
        (
            norm_step(),
            step("g", "scaled_quant", {"x": Use("y"), **uses("group_size", "fixed")}, q="q", scale="s"),
        ),
    )  # fmt: skip
    right = RightStep(
        "rms_norm_group_quant",
        tuple((name, Use(name)) for name in ("x", "weight", "epsilon", "group_size")),
        (("q", "q"), ("scale", "s")),
    )
    pattern = Pattern(
        "same", left, (right,), (Replace("q", "q"), Replace("s", "s")), tuple(map(Input, left.inputs))
    )
    found = find(FxView(graph), [pattern], context(ALL, limit=1e10))
    assert len(found.matches) == 1, found.refusals
    kept = [each for each in found.matches[0].replaced if not each.replace.left]
    assert [each.new for each in kept] == [site.args["fixed"]]
    assert not find(FxView(graph), [pattern], context(ALL, limit=1e9)).matches


@both
@functionalizes_out
def test_out_overload(v2):
    def function(x):
        return NS.gelu.out(x, out=torch.empty_like(x)) * 2

    graph = post_grad_graph(function, bf16(4, 256), v2=v2)
    (site,) = sites_of(graph, "gelu_out")
    assert site.results["y"].holders


@both
def test_lists_of_written_tensors_are_read_without_a_match(v2):
    def function(x, y):
        z = torch.empty_like(y)
        return NS.many([x + 1, z], y) + z

    graph = post_grad_graph(function, bf16(4), bf16(4), v2=v2)
    view = FxView(graph)
    (node,) = view.by_target("patdsl_match_test::many.default")
    call = view.call(node)
    assert [len(call.argument("xs").value), call.argument("y").is_default] == [2, False]


def test_dynamic_rows():
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y.view(-1, 256), 128), K.group_quant(y.reshape(-1, 256), 128)

    x = bf16(3, 5, 256)
    torch._dynamo.mark_dynamic(x, 0)
    (match,) = search(post_grad_graph(function, x, bf16(256)), norm_quant()).matches
    assert isinstance(match.right[0].flatten["x"][0], torch.SymInt)


def mla() -> Pattern:
    def norm(label: str, x: str, weight: str, epsilon: str, y: str):
        operands = {
            "x": Use(x),
            "weight": Use(weight),
            "epsilon": Use(epsilon),
            "variance_size": Const(Lit(None)),
        }
        return step(label, "rms_norm", operands, y=y)

    def split(label: str, x: str, sizes: Items, **results: str):
        operands = {"x": Use(x), "sizes": Const(sizes), "dim": Const(Lit(-1))}
        return step(
            label, "split", operands, **{key.replace("_", "."): name for key, name in results.items()}
        )

    inputs = ("qkv", "q_weight", "q_eps", "kv_weight", "kv_eps")
    left = Block(
        inputs,
        (
            split(
                "1", "qkv", Items((Ref("Q"), Binary("+", Ref("C"), Ref("R")))), parts_0="q_c", parts_1="kv"
            ),
            split("2", "kv", Items((Ref("C"), Ref("R"))), parts_0="kv_c", parts_1="k_pe"),
            norm("3", "q_c", "q_weight", "q_eps", "q_n"),
            norm("4", "kv_c", "kv_weight", "kv_eps", "kv_n"),
        ),
    )
    tensor = Tensor(T, (Ref("M"), Ref("Q")))
    other = Tensor(T, (Ref("M"), Ref("C")))
    dual = torch_op(
        "patdsl::mla_dual_rms_norm.default",
        (
            par("q", tensor),
            par("q_weight", Tensor(T, (Ref("Q"),))),
            par("kv", other),
            par("kv_weight", Tensor(T, (Ref("C"),))),
            par("q_epsilon", "float"),
            par("kv_epsilon", "float"),
        ),
        (Result("q_n", tensor), Result("kv_n", other)),
    )
    ALL["mla_dual_rms_norm"] = dual
    given = ("q_c", "q_weight", "kv_c", "kv_weight", "q_eps", "kv_eps")
    args = tuple((param.name, Use(name)) for param, name in zip(dual.params, given, strict=True))
    right = RightStep("mla_dual_rms_norm", args, (("q_n", "q_n"), ("kv_n", "kv_n")))
    return Pattern(
        "mla", left, (right,), (Replace("q_n", "q_n"), Replace("kv_n", "kv_n")), tuple(map(Input, inputs))
    )


@pytest.mark.parametrize("twins", [False, True])
def test_dual_norm_of_mla(twins):
    """Two splits and two norms; with `twins` each norm has a split of its own, equal to the other's."""

    def function(qkv, a, b):
        q_c, kv = qkv.split([1536, 576], -1)
        again = qkv.split([1536, 576], -1)[1] if twins else kv
        kv_c, k_pe = again.split([512, 64], -1)
        return K.rms_norm(q_c, a, 1e-6), K.rms_norm(kv_c, b, 1e-5), k_pe

    pattern = mla()
    graph = post_grad_graph(function, bf16(4, 2112), bf16(1536), bf16(512))
    found = find(FxView(graph), [pattern], context(ALL))
    assert len(found.matches) == 1, found.refusals
    match = found.matches[0]
    assert [match.names[name] for name in "QCR"] == [1536, 512, 64]
    assert [match.names["q_eps"], match.names["kv_eps"]] == [1e-6, 1e-5]


def test_three_equal_splits_are_one_value():
    def function(x):
        parts = [torch.ops.aten.split_with_sizes.default(x, [64, 64], -1) for _ in range(3)]
        return [part[0] + 1 for part in parts], parts[0][1]

    from match_cases import graph_of

    graph = graph_of(function, bf16(4, 128))
    values = Sites(FxView(graph), context(ALL), find_native).values
    firsts = [node.args[0] for node in graph.nodes if node.target is torch.ops.aten.add.Tensor]
    assert len(set(firsts)) == 3
    assert len({values.of(node) for node in firsts}) == 1
    assert values.of(firsts[0]).holders == tuple(firsts)
