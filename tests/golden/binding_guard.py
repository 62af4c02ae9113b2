"""Fusion passes of binding_guard.pat: binding_guard.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_guard.pat -o binding_guard.py
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

# binding_guard.pat:2
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
            guard=expr("shift == 0.0 or scale > 1.0"),
        ),
    ),
)

# binding_guard.pat:8
AFFINE_PLUS_ONE = Op(
    "affine_plus_one",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float")), Param("shift", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall(
            "lang::twice_plus_one.default",
            args={0: Give(Ref("x"))},
            guard=expr("scale == 2.0 and shift == 0.0 and rank(x) == 2"),
        ),
        TorchCall(
            "lang::affine_reordered.default",
            args={
                0: Give(expr("shift + 1.0")),
                1: Give(Ref("x")),
                "scale": Give(Ref("scale")),
                "mode": Give(Lit("plain")),
            },
            results=(None, "y"),
        ),
    ),
)

# binding_guard.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# binding_guard.pat:12
#     pattern affine_plus_one { affine -> increment => affine_plus_one }
AFFINE_PLUS_ONE_ = Pattern(
    "affine_plus_one",
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
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=12),
        ),
    ),
    right=(
        RightStep(
            "affine_plus_one",
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
    place="binding_guard.pat:12",
)

BINDING_GUARD_PASS = PassSpec(
    "binding_guard",
    patterns=(AFFINE_PLUS_ONE_,),
    ops={"affine": AFFINE, "affine_plus_one": AFFINE_PLUS_ONE, "increment": INCREMENT},
)


def register_binding_guard(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_guard`."""
    register_replacement(
        search_fn=Left(AFFINE_PLUS_ONE_),
        replace_fn=Right(AFFINE_PLUS_ONE_),
        example_inputs=examples(AFFINE_PLUS_ONE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AFFINE_PLUS_ONE_, patterns),
        pattern_name="affine_plus_one",
    )


PASSES = ((BINDING_GUARD_PASS, register_binding_guard),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
