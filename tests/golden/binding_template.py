"""Fusion passes of binding_template.pat: binding_template.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_template.pat -o binding_template.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Give, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
from patdsl.text_to_expr import expr

T = DtypeVar("T")
Bs = Star("B")

# binding_template.pat:3
AFFINE = Op(
    "affine",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float")), Param("shift", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall(
            "lang::affine_reordered.default",
            args={
                0: Give(Ref("shift")),
                1: Give(Ref("x")),
                "scale": Give(Ref("scale")),
                "mode": Give(Lit("plain")),
            },
            results=(None, "y"),
        ),
    ),
)

# binding_template.pat:9
AFFINE_TWICE = Op(
    "affine_twice",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float")), Param("shift", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall(
            "lang::affine_reordered.default",
            args={
                0: Give(expr("2 * shift")),
                1: Give(Ref("x")),
                "scale": Give(expr("2 * scale")),
                "mode": Give(Lit("plain")),
            },
            results=(None, "y"),
        ),
    ),
)

# binding_template.pat:6
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# binding_template.pat:12
#     pattern affine_twice { affine -> double => affine_twice }
AFFINE_TWICE_ = Pattern(
    "affine_twice",
    left=Block(
        ("x", "scale", "shift"),
        (
            Step(
                "affine",
                op="affine",
                operands={"x": Use("x"), "scale": Use("scale"), "shift": Use("shift")},
                results={"y": "y"},
                line=12,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=12),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "scale": Use("scale"), "shift": Use("shift")},
            results={"y": "new_y"},
            line=12,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("scale"), Input("shift")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("scale", value=1e-06),
        Example("shift", value=3e-06),
    ),
    place="binding_template.pat:12",
)

BINDING_TEMPLATE_PASS = PassSpec(
    "binding_template",
    patterns=(AFFINE_TWICE_,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_binding_template(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_template`."""
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


PASSES = ((BINDING_TEMPLATE_PASS, register_binding_template),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
