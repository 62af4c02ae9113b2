"""Declarations and patterns over `runtime_lib`, built by hand: what a compiled module would hold."""

from __future__ import annotations

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    DtypeVar,
    FanOut,
    Give,
    Mut,
    Nested,
    Op,
    Out,
    Param,
    Plain,
    Result,
    Step,
    Temp,
    Tensor,
    Through,
    TorchCall,
    Use,
)

NS = "patdsl_test"
T = DtypeVar("T")
B, M, H = Star("B"), Ref("M"), Ref("H")
GROUPS = Binary("/", H, Ref("group"))
I8, F32 = Dtype("i8"), Dtype("f32")


def given(*names):
    return tuple((at, Give(Ref(name))) for at, name in enumerate(names))


def call(name, args, results=(), **more):
    return TorchCall(f"{NS}::{name}.default", args, results, **more)


WEIGHT, EPSILON, GROUP = (
    Param("weight", Tensor(T, (H,))),
    Param("epsilon", Plain("float")),
    Param("group", Plain("int")),
)

NORM = Op(
    "norm",
    (Param("x", Tensor(T, (B, H))), WEIGHT, EPSILON),
    (Result("y", Tensor(T, (B, H))),),
    (call("norm", given("x", "weight", "epsilon"), ("y",)),),
)
QUANT_BINDING = call("quant", (*given("x", "group"), (2, Give(Lit(False)))), ("q", "scale"))
QUANT_COL_BINDING = call("quant_col", given("x", "group"), ("q", "scale"))
QUANT_OUT_BINDING = call(
    "quant_out", ((0, Give(Ref("x"))), (1, Out("q")), (2, Out("scale")), (3, Give(Ref("group"))))
)
QUANT = Op(
    "quant",
    (Param("x", Tensor(T, (B, H))), GROUP),
    (Result("q", Tensor(I8, (B, H))), Result("scale", Tensor(F32, (B, GROUPS)))),
    (QUANT_BINDING, QUANT_OUT_BINDING, QUANT_COL_BINDING),
)
FUSED_BINDING = call("norm_quant", given("x", "weight", "epsilon", "group"), ("q", "scale"))
FUSED = Op(
    "norm_quant",
    (Param("x", Tensor(T, (M, H))), WEIGHT, EPSILON, GROUP),
    (Result("q", Tensor(I8, (M, H))), Result("scale", Tensor(F32, (M, GROUPS)))),
    (FUSED_BINDING,),
)
ZEROS = Op(
    "zeros_like",
    (Param("x", Tensor(T, (B, H))),),
    (Result("y", Tensor(T, (B, H))),),
    (TorchCall("aten::zeros_like.default", ((0, Give(Ref("x"))),), ("y",)),),
    free=True,
)
ADD_NORM = Op(
    "add_norm",
    (Param("x", Tensor(T, (B, H))), Param("residual", Tensor(T, (B, H))), WEIGHT, EPSILON),
    (Result("y", Tensor(T, (B, H))), Result("residual_out", Tensor(T, (B, H)))),
    (
        call(
            "add_norm_",
            (
                (0, Mut("x", "y")),
                (1, Mut("residual", "residual_out")),
                (2, Give(Ref("weight"))),
                (3, Give(Ref("epsilon"))),
            ),
        ),
    ),
)
ADD_FUSED = Op(
    "add_norm_quant",
    (Param("x", Tensor(T, (M, H))), Param("residual", Tensor(T, (M, H))), WEIGHT, EPSILON, GROUP),
    (
        Result("q", Tensor(I8, (M, H))),
        Result("scale", Tensor(F32, (M, GROUPS))),
        Result("residual_out", Tensor(T, (M, H))),
    ),
    (
        call(
            "add_norm_quant",
            (
                (0, Out("q")),
                (1, Give(Ref("x"))),
                (2, Give(Ref("weight"))),
                (3, Out("scale")),
                (4, Give(Ref("epsilon"))),
                (5, Mut("residual", "residual_out")),
                (6, Temp(Tensor(T, (M, H)))),
                (7, Give(Ref("group"))),
            ),
        ),
    ),
)
#: Bindings of the fused op other than the plain one.
BYTES_BINDING = call(
    "norm_quant_bytes",
    (
        (0, Give(Ref("x"))),
        (1, Out("q")),
        (2, Out("scale", Dtype("u8"))),
        (3, Give(Ref("weight"))),
        (4, Give(Ref("epsilon"))),
        (5, Give(Ref("group"))),
    ),
)
NESTED_BINDING = call(
    "norm_quant_like",
    (
        (0, Give(Ref("x"))),
        (1, Nested("zeros_like", (("x", Give(Ref("x"))),))),
        (2, Give(Ref("weight"))),
        (3, Give(Ref("epsilon"))),
        ("group", Give(Ref("group"))),
    ),
    ("q", "scale"),
)
TAGGED_OUT_BINDING = TorchCall(
    f"{NS}::norm_quant_tagged.out",
    (*given("x", "weight", "epsilon", "group"), ("q", Out("q")), ("scale", Out("scale"))),
    (None, None),
)
OPS = {op.name: op for op in (NORM, QUANT, FUSED, ZEROS, ADD_NORM, ADD_FUSED)}


def quant_step(fan_out="n", source="y"):
    return Step(
        "quants",
        "quant",
        (("x", Through(source)), ("group", Use("group"))),
        (("q", "q"), ("scale", "scale")),
        fan_out,
    )


EXAMPLES = (
    Example("x", (10, 256), Dtype("bf16")),
    Example("weight", (256,), Dtype("bf16")),
    Example("epsilon", value=1e-6),
    Example("group", value=64),
)
INPUTS = (Input("x"), Input("weight"), Input("epsilon"), Input("group"))
ARGS = tuple((name, Use(name)) for name in ("x", "weight", "epsilon", "group"))

#: norm -> view? -> 1..x quant => fused, once and shared.
NORM_QUANTS = Pattern(
    "norm_quants",
    Block(
        ("x", "weight", "epsilon", "group"),
        (
            Step(
                "norm",
                "norm",
                (("x", Use("x")), ("weight", Use("weight")), ("epsilon", Use("epsilon"))),
                (("y", "y"),),
            ),
            quant_step(),
        ),
        (FanOut("n", 1, None),),
    ),
    (RightStep("norm_quant", ARGS, (("q", "q"), ("scale", "scale")), flatten=("x",)),),
    (Replace("q", "q", True, "n"), Replace("scale", "scale", True, "n")),
    INPUTS,
    EXAMPLES,
)
#: The same with a call of its own for each branch.
NORM_QUANTS_EACH = attrs.evolve(
    NORM_QUANTS,
    name="norm_quants_each",
    right=(attrs.evolve(NORM_QUANTS.right[0], fan_out="n"),),
)
#: add_norm -> view? -> 1..x quant => add_norm_quant
ADD_NORM_QUANTS = Pattern(
    "add_norm_quants",
    Block(
        ("x", "residual", "weight", "epsilon", "group"),
        (
            Step(
                "add_norm",
                "add_norm",
                tuple((name, Use(name)) for name in ("x", "residual", "weight", "epsilon")),
                (("y", "y"), ("residual_out", "residual_out")),
            ),
            quant_step(),
        ),
        (FanOut("n", 1, None),),
    ),
    (
        RightStep(
            "add_norm_quant",
            tuple((name, Use(name)) for name in ("x", "residual", "weight", "epsilon", "group")),
            (("q", "q"), ("scale", "scale"), ("residual_out", "residual_out")),
            flatten=("x", "residual"),
        ),
    ),
    (
        Replace("q", "q", True, "n"),
        Replace("scale", "scale", True, "n"),
        Replace("residual_out", "residual_out", True),
    ),
    (Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("group")),
    (EXAMPLES[0], attrs.evolve(EXAMPLES[0], name="residual"), *EXAMPLES[1:]),
)


def spec(*patterns, name="test_pass", ops=None, **more):
    return PassSpec(name, patterns or (NORM_QUANTS,), {**OPS, **(ops or {})}, **more)


def fused_through(*bindings):
    """The ops with these bindings for the fused one."""
    return {"norm_quant": attrs.evolve(FUSED, bindings=bindings)}
