"""Fusion passes of unwritten.pat: unwritten.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile unwritten.pat -o unwritten.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, Const, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
from patdsl.runtime import (
    Chain,
    FusionPass,
    Left,
    Matcher,
    Right,
    examples,
    register_replacement,
    rewrite,
    trace,
)

T = DtypeVar("T")
H = Ref("H")
Bs = Star("B")

# lang.pat:11
AFFINE = Op(
    "affine",
    params=(
        Param("x", Tensor(T, (Bs,))),
        Param("shift", Tensor(T, (Bs,)), True),
        Param("scale", Plain("float"), default=Lit(1.0)),
        Param("relu", Plain("bool"), default=Lit(False)),
        Param("mode", Plain("str"), default=Lit("plain")),
    ),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::affine.default"),),
)

# lang.pat:14
AFFINE_TWICE = Op(
    "affine_twice",
    params=(
        Param("x", Tensor(T, (Bs,))),
        Param("shift", Tensor(T, (Bs,)), True),
        Param("scale", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::affine_twice.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# unwritten.pat:4
#     pattern unwritten { affine -> double => affine_twice }
UNWRITTEN = Pattern(
    "unwritten",
    left=Block(
        ("x", "shift", "scale"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Use("scale"),
                    "relu": Const(Lit(False)),
                    "mode": Const(Lit("plain")),
                },
                results={"y": "y"},
                line=4,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("scale")},
            results={"y": "new_y"},
            line=4,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift"), Input("scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
        Example("scale", value=1e-06),
    ),
    place="unwritten.pat:4",
)

UNWRITTEN_PASS = PassSpec(
    "unwritten",
    patterns=(UNWRITTEN,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_unwritten(patterns: FusionPass) -> None:
    """Register the patterns of pass `unwritten`."""
    register_replacement(
        search_fn=Left(UNWRITTEN),
        replace_fn=Right(UNWRITTEN),
        example_inputs=examples(UNWRITTEN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(UNWRITTEN, patterns),
        pattern_name="unwritten",
    )


PASSES = ((UNWRITTEN_PASS, register_unwritten),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
