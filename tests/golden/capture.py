"""Fusion passes of capture.pat: capture.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile capture.pat -o capture.py
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

# capture.pat:4
TOTAL = Op(
    "total",
    params=(Param("x", Tensor(T, (Bs,))), Param("sizes", Plain("int", True))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::total.default"),),
)

# capture.pat:7
TOTAL_TWICE = Op(
    "total_twice",
    params=(Param("x", Tensor(T, (Bs,))), Param("sizes", Plain("int", True))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::total_twice.default"),),
)

# capture.pat:12
#     pattern lists { total -> double => total_twice }
LISTS = Pattern(
    "lists",
    left=Block(
        ("x", "sizes"),
        (
            Step(
                "total",
                op="total",
                operands={"x": Use("x"), "sizes": Use("sizes")},
                results={"y": "y"},
                line=12,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=12),
        ),
    ),
    right=(
        RightStep(
            "total_twice",
            args={"x": Use("x"), "sizes": Use("sizes")},
            results={"y": "new_y"},
            line=12,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("sizes")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("sizes", value=17)),
    place="capture.pat:12",
)

# capture.pat:10
#     pattern scalar { affine -> double => affine_twice }
SCALAR = Pattern(
    "scalar",
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
                line=10,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=10),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("scale")},
            results={"y": "new_y"},
            line=10,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift"), Input("scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
        Example("scale", value=1e-06),
    ),
    place="capture.pat:10",
)

CAPTURE_PASS = PassSpec(
    "capture",
    patterns=(LISTS, SCALAR),
    ops={
        "affine": AFFINE,
        "affine_twice": AFFINE_TWICE,
        "double": DOUBLE,
        "total": TOTAL,
        "total_twice": TOTAL_TWICE,
    },
)


def register_capture(patterns: FusionPass) -> None:
    """Register the patterns of pass `capture`."""
    register_replacement(
        search_fn=Left(LISTS),
        replace_fn=Right(LISTS),
        example_inputs=examples(LISTS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LISTS, patterns),
        pattern_name="lists",
    )
    register_replacement(
        search_fn=Left(SCALAR),
        replace_fn=Right(SCALAR),
        example_inputs=examples(SCALAR),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SCALAR, patterns),
        pattern_name="scalar",
    )


PASSES = ((CAPTURE_PASS, register_capture),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
