"""Fusion passes of call_forms.pat: call_forms.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile call_forms.pat -o call_forms.py
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

# call_forms.pat:2
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

# call_forms.pat:8
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

# call_forms.pat:5
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# call_forms.pat:11
#     pattern affine_twice(x: T[*B], shift: T[*B]) {
#       a = affine(x, shift, 3.0)
#       y = double(a)
#     =>
#       y = affine_twice(x, shift, 3.0)
#     }
AFFINE_TWICE_ = Pattern(
    "affine_twice",
    left=Block(
        ("x", "shift"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Const(Lit(3.0)),
                    "relu": Const(Lit(False)),
                    "mode": Const(Lit("plain")),
                },
                results={"y": "a"},
                line=12,
            ),
            Step("double", op="double", operands={"x": Use("a")}, results={"y": "y"}, line=13),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Const(Lit(3.0))},
            results={"y": "new_y"},
            line=15,
        ),
    ),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x", Tensor(T, (Bs,))), Input("shift", Tensor(T, (Bs,)))),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("shift", (11, 3328), Dtype("bf16"))),
    place="call_forms.pat:11",
)

CALL_FORMS_PASS = PassSpec(
    "call_forms",
    patterns=(AFFINE_TWICE_,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_call_forms(patterns: FusionPass) -> None:
    """Register the patterns of pass `call_forms`."""
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


PASSES = ((CALL_FORMS_PASS, register_call_forms),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
