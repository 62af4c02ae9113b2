"""Fusion passes of const_per_target.pat: const_per_target.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile const_per_target.pat -o const_per_target.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    Const,
    DtypeVar,
    Give,
    On,
    Op,
    Param,
    Plain,
    Result,
    Step,
    Tensor,
    TorchCall,
    Use,
)
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

# const_per_target.pat:3
AFFINE = Op(
    "affine",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall(
            "lang::affine_reordered.default",
            args={
                0: Give(Lit(0.0)),
                1: Give(Ref("x")),
                "scale": Give(Ref("scale")),
                "mode": Give(Lit("plain")),
            },
            results=(None, "y"),
        ),
    ),
)

# const_per_target.pat:9
CLAMPED = Op(
    "clamped",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float")), Param("limit", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall(
            "lang::affine_reordered.default",
            args={
                0: Give(Lit(1.0)),
                1: Give(Ref("x")),
                "scale": Give(Ref("scale")),
                "mode": Give(Lit("plain")),
            },
            results=(None, "y"),
        ),
    ),
)

# const_per_target.pat:6
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# const_per_target.pat:12
#     pattern at_the_limit { affine(scale=limit) -> increment => clamped(scale=limit, limit=limit) }
AT_THE_LIMIT = Pattern(
    "at_the_limit",
    left=Block(
        ("x",),
        (
            Step(
                "affine",
                op="affine",
                operands={"x": Use("x"), "scale": Const(Ref("limit"))},
                results={"y": "y"},
                line=12,
            ),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=12),
        ),
    ),
    right=(
        RightStep(
            "clamped",
            args={"x": Use("x"), "scale": Const(Ref("limit")), "limit": Const(Ref("limit"))},
            results={"y": "new_y"},
            line=12,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="const_per_target.pat:12",
)

CONST_PER_TARGET_PASS = PassSpec(
    "const_per_target",
    patterns=(AT_THE_LIMIT,),
    ops={"affine": AFFINE, "clamped": CLAMPED, "increment": INCREMENT},
    consts={"limit": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
)


def register_const_per_target(patterns: FusionPass) -> None:
    """Register the patterns of pass `const_per_target`."""
    register_replacement(
        search_fn=Left(AT_THE_LIMIT),
        replace_fn=Right(AT_THE_LIMIT),
        example_inputs=examples(AT_THE_LIMIT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AT_THE_LIMIT, patterns),
        pattern_name="at_the_limit",
    )


PASSES = ((CONST_PER_TARGET_PASS, register_const_per_target),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
