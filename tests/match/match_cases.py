"""Declared ops, patterns and graphs for the matcher's tests, written as values.

`graph_of` traces a function to an fx graph with types; `post_grad_graph` takes the graph that Inductor hands to
a post-grad pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph
from torch.fx.experimental.proxy_tensor import make_fx

import patdsl.reference  # noqa: F401  registers torch.ops.patdsl
from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Expr, Lit, Member, Ref, Star
from patdsl.graph import Input, Pattern, Replace, RightStep
from patdsl.match.context import Context
from patdsl.match.engine import Found, find
from patdsl.match.fx_known import known
from patdsl.match.fx_view import FxView
from patdsl.op_table import (
    NO_DEFAULT,
    Block,
    Const,
    DtypeVar,
    FanOut,
    Give,
    Native,
    Op,
    Param,
    Plain,
    Result,
    Step,
    Tensor,
    Through,
    TorchCall,
    Type,
    Use,
)

T, W = DtypeVar("T"), DtypeVar("W")
B, H = Star("B"), Ref("H")
F32, FP8 = Dtype("f32"), Dtype("fp8")
K = torch.ops.patdsl


def par(name: str, kind: Type | str, default: Any = NO_DEFAULT, optional: bool = False) -> Param:
    default = default if default is NO_DEFAULT else Lit(default)
    return Param(name, Plain(kind) if isinstance(kind, str) else kind, optional, default)


def torch_op(target: str, params: tuple[Param, ...], results: tuple[Result, ...], **more: Any) -> Op:
    """An op bound to one torch op, its parameters in order."""
    args = tuple((at, Give(Ref(param.name))) for at, param in enumerate(params))
    call = TorchCall(target, args, tuple(result.name for result in results))
    bindings = (call, *more.pop("bindings", ()))
    return Op(more.pop("name", target.split("::")[1].split(".")[0]), params, results, bindings, **more)


def scaled(dims: Expr | str = "H") -> Expr:
    return Binary("/", Ref(dims) if isinstance(dims, str) else dims, Ref("group_size"))


TB = Tensor(T, (B, H))
TM = Tensor(T, (Ref("M"), H))
SIZES = (Member(Ref("group_size"), (Lit(64), Lit(128))),)

RMS_NORM = torch_op(
    "patdsl::rms_norm.default",
    (
        par("x", TB),
        par("weight", Tensor(W, (H,)), optional=True),
        par("epsilon", "float"),
        par("variance_size", "int", None, True),
    ),
    (Result("y", TB),),
)
ADD_RMS_NORM = torch_op(
    "patdsl::fused_add_rms_norm.default",
    (
        par("x", TB),
        par("residual", TB),
        par("weight", Tensor(W, (H,)), optional=True),
        par("epsilon", "float"),
        par("variance_size", "int", None, True),
    ),
    (Result("y", TB), Result("residual_out", TB)),
)
FLAGS = (par("col_major", "bool", False), par("ue8m0", "bool", False), par("tma_aligned", "bool", False))
GROUP_QUANT = torch_op(
    "patdsl::group_quant.default",
    (par("x", TB), par("group_size", "int"), *FLAGS),
    (Result("q", Tensor(FP8, (B, H))), Result("scale", Tensor(F32, (B, scaled())))),
)
FUSED = torch_op(
    "patdsl::rms_norm_group_quant.default",
    (
        par("x", TM),
        par("weight", Tensor(T, (H,))),
        par("epsilon", "float"),
        par("group_size", "int"),
        par("col_major", "bool", False),
    ),
    (Result("q", Tensor(FP8, (Ref("M"), H))), Result("scale", Tensor(F32, (Ref("M"), scaled())))),
    where=SIZES,
)
ADD_FUSED = torch_op(
    "patdsl::add_rms_norm_group_quant.default",
    (
        par("x", TM),
        par("residual", TM),
        par("weight", Tensor(T, (H,))),
        par("epsilon", "float"),
        par("group_size", "int"),
        par("col_major", "bool", False),
    ),
    (
        Result("q", Tensor(FP8, (Ref("M"), H))),
        Result("residual_out", TM),
        Result("scale", Tensor(F32, (Ref("M"), scaled()))),
    ),
    where=SIZES,
)
TWO_D = Tensor(T, (B, Binary("*", Lit(2), Ref("D"))))
OF_D = Tensor(T, (B, Ref("D")))
SILU = torch_op("aten::silu.default", (par("x", TB),), (Result("y", TB),))
MUL = torch_op("aten::mul.Tensor", (par("a", TB), par("b", TB)), (Result("y", TB),), commutative=True)
ADD = torch_op("aten::add.Tensor", (par("a", TB), par("b", TB)), (Result("y", TB),), commutative=True)
SLICE = Op(
    "slice",
    (par("x", Tensor(T, (Star("A"),))), par("dim", "int"), par("start", "int"), par("end", "int")),
    (Result("y", Tensor(T, (Star("C"),))),),
    (
        TorchCall(
            "aten::slice.Tensor",
            tuple((i, Give(Ref(n))) for i, n in enumerate(("x", "dim", "start", "end"))),
            ("y",),
        ),
    ),
    free=True,
)
SPLIT = Op(
    "split",
    (par("x", Tensor(T, (Star("A"),))), Param("sizes", Plain("int", True)), par("dim", "int", 0)),
    (Result("parts", Plain("tensor", True)),),
    tuple(
        TorchCall(target, tuple((i, Give(Ref(n))) for i, n in enumerate(("x", "sizes", "dim"))), ("parts",))
        for target in ("aten::split_with_sizes.default",)
    ),
    free=True,
)


def step(label: str, op: str, operands: dict[str, Any], fan_out: str | None = None, **results: str) -> Step:
    return Step(label, op, tuple(operands.items()), tuple(results.items()), fan_out)


def silu_native(dim: int) -> Native:
    """`y = mul(silu(slice(x, dim, 0, D)), slice(x, dim, D, 2 * D))`, the end of the second slice not looked at."""
    from patdsl.op_table import Anything

    return Native(
        Block(
            ("x",),
            (
                step(
                    "a",
                    "slice",
                    {"x": Use("x"), "dim": Const(Lit(dim)), "start": Const(Lit(0)), "end": Const(Ref("D"))},
                    y="a",
                ),
                step(
                    "b",
                    "slice",
                    {"x": Use("x"), "dim": Const(Lit(dim)), "start": Const(Ref("D")), "end": Anything()},
                    y="b",
                ),
                step("s", "silu", {"x": Use("a")}, y="s"),
                step("m", "mul", {"a": Use("s"), "b": Use("b")}, y="y"),
            ),
        )
    )


SILU_MUL = torch_op(
    "patdsl::silu_and_mul.default", (par("x", TWO_D),), (Result("y", OF_D),), bindings=(silu_native(1),)
)
SILU_FUSED = torch_op(
    "patdsl::silu_mul_group_quant.default",
    (
        par("x", Tensor(T, (Ref("M"), Binary("*", Lit(2), Ref("D"))))),
        par("group_size", "int"),
        par("col_major", "bool", False),
    ),
    (Result("q", Tensor(FP8, (Ref("M"), Ref("D")))), Result("scale", Tensor(F32, (Ref("M"), scaled("D"))))),
    where=SIZES,
)
OPS = {
    op.name: op
    for op in (
        RMS_NORM, ADD_RMS_NORM, GROUP_QUANT, FUSED, ADD_FUSED, SILU, MUL, ADD, SLICE, SPLIT, SILU_MUL, SILU_FUSED,
    )
}  # fmt: skip


def quant_step(label: str, source: Any, fan_out: str | None = None, **more: Any) -> Step:
    """A group quant of `source` whose flags other than col_major are at their defaults."""
    operands = {
        "x": source,
        "group_size": Use("group_size"),
        "col_major": Use("col_major"),
        "ue8m0": Const(Lit(False)),
        "tma_aligned": Const(Lit(False)),
        **more,
    }
    return step(label, "group_quant", operands, fan_out, q=f"q{label}", scale=f"s{label}")


def norm_step(weight: str = "weight", epsilon: str = "epsilon", x: Any = None, y: str = "y") -> Step:
    operands = {
        "x": x or Use("x"),
        "weight": Use(weight),
        "epsilon": Use(epsilon),
        "variance_size": Const(Lit(None)),
    }
    return step(f"norm_{y}", "rms_norm", operands, y=y)


def fused_step(fan_out: str | None = "F", op: str = "rms_norm_group_quant", **more: str) -> RightStep:
    params = OPS[op].params
    args = tuple((param.name, Use(param.name)) for param in params)
    results = {"q": "qg", "scale": "sg", **more}
    flat = tuple(param.name for param in params if param.is_tensor and param.name in ("x", "residual"))
    return RightStep(op, args, tuple(results.items()), flat, fan_out)


def norm_quant(
    low: int = 2, high: int | None = 2, at_least: int = 0, view: bool = True, each: bool = True, **more: Any
) -> Pattern:
    """`rms_norm -> view? -> 2x group_quant => 2x rms_norm_group_quant` (`each`: one call for each branch)."""
    source = Through("y", at_least) if view else Use("y")
    left = Block(
        ("x", "weight", "epsilon", "group_size", "col_major"),
        (norm_step(), quant_step("g", source, "F")),
        (FanOut("F", low, high),),
    )
    return Pattern(
        more.pop("name", "norm_quant"),
        left,
        (fused_step("F" if each else None),),
        (Replace("qg", "qg", view, "F"), Replace("sg", "sg", view, "F")),
        tuple(Input(name) for name in left.inputs),
        **more,
    )


def context(ops: dict[str, Op] | None = None, target: str = "cpu", **names: Any) -> Context:
    def exists(name: str) -> bool:
        namespace, rest = name.split("::")
        op, _, overload = rest.partition(".")
        return hasattr(getattr(torch.ops, namespace), op) and hasattr(
            getattr(getattr(torch.ops, namespace), op), overload or "default"
        )

    return Context(target, ops or OPS, names, {}, exists, known, lambda name, or_newer: name == target)


def graph_of(function: Callable[..., Any], *args: Any, symbolic: bool = False) -> Graph:
    mode = "symbolic" if symbolic else "fake"
    graph: Graph = make_fx(function, tracing_mode=mode)(*args).graph
    graph.eliminate_dead_code()
    return graph


def search(graph: Graph, *patterns: Pattern, **more: Any) -> Found:
    return find(FxView(graph), patterns, context(**more))


def rules(found: Found) -> set[str]:
    return {refusal.rule for refusal in found.refusals}


def bf16(*dims: int) -> torch.Tensor:
    return torch.randn(*dims, dtype=torch.bfloat16)


class Captured(BaseException):
    """Ends a compilation once the graph is taken. No `Exception`, so that torch does not wrap it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


def post_grad_graph(
    function: Callable[..., Any], *args: Any, v2: bool = True, dynamic: bool | None = None
) -> Graph:
    """The graph of a function that torch.compile compiles, as a post-grad pass sees it."""
    from torch._inductor import config
    from torch._inductor.custom_graph_pass import CustomGraphPass

    class Capture(CustomGraphPass):
        def __call__(self, graph: Graph) -> None:
            raise Captured(graph)

        def uuid(self) -> None:
            return None

    torch._dynamo.reset()
    with config.patch(
        post_grad_custom_post_pass=Capture(), enable_auto_functionalized_v2=v2, force_disable_caches=True
    ):
        try:
            torch.compile(function, fullgraph=True, dynamic=dynamic)(*args)
        except Captured as captured:
            return captured.graph
    raise AssertionError("no graph was compiled")
