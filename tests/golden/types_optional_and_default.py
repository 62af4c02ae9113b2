"""Fusion passes of types_optional_and_default.pat: types_optional_and_default.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_optional_and_default.pat -o types_optional_and_default.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Star
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
Bs = Star("B")

# types_optional_and_default.pat:2
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

# types_optional_and_default.pat:8
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

# types_optional_and_default.pat:5
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# types_optional_and_default.pat:11
#     pattern affine_twice { affine -> double => affine_twice }
AFFINE_TWICE_ = Pattern(
    "affine_twice",
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
                line=11,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("scale")},
            results={"y": "new_y"},
            line=11,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift"), Input("scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
        Example("scale", value=1e-06),
    ),
    place="types_optional_and_default.pat:11",
)

TYPES_OPTIONAL_AND_DEFAULT_PASS = PassSpec(
    "types_optional_and_default",
    patterns=(AFFINE_TWICE_,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_types_optional_and_default(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_optional_and_default`."""
    register_replacement(
        search_fn=Left(AFFINE_TWICE_),
        replace_fn=Right(AFFINE_TWICE_),
        example_inputs=examples(AFFINE_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AFFINE_TWICE_, patterns),
        pattern_name="affine_twice",
    )


PASSES = ((TYPES_OPTIONAL_AND_DEFAULT_PASS, register_types_optional_and_default),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
