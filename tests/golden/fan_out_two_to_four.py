"""Fusion passes of fan_out_two_to_four.pat: fan_out_two_to_four.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile fan_out_two_to_four.pat -o fan_out_two_to_four.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, FanOut, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
H = Ref("H")
Bs = Star("B")

# kernels.pat:2
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
    ref="patdsl.reference:rms_norm",
)

# kernels.pat:16
NORM_QUANT = Op(
    "norm_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_group_quant.default"),),
    ref="patdsl.reference:rms_norm_group_quant",
)

# kernels.pat:11
QUANT = Op(
    "quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::group_quant.default"),),
    ref="patdsl.reference:group_quant",
)

# fan_out_two_to_four.pat:3
#     pattern fan_out { norm -> 2..4x quant => 2..4x norm_quant }
FAN_OUT = Pattern(
    "fan_out",
    left=Block(
        ("x", "weight", "epsilon", "group_size", "col_major"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=3,
            ),
            Step(
                "quant_2",
                op="quant",
                operands={"x": Use("y"), "group_size": Use("group_size"), "col_major": Use("col_major")},
                results={"q": "q", "scale": "scale"},
                fan_out="quant",
                line=3,
            ),
        ),
        (FanOut("quant", 2, 4),),
    ),
    right=(
        RightStep(
            "norm_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            fan_out="quant",
            line=3,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "quant"), Replace("scale", "new_scale", True, "quant")),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("group_size"), Input("col_major")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
        Example("col_major", value=False),
    ),
    place="fan_out_two_to_four.pat:3",
)

FAN_OUT_TWO_TO_FOUR_PASS = PassSpec(
    "fan_out_two_to_four",
    patterns=(FAN_OUT,),
    ops={"norm": NORM, "norm_quant": NORM_QUANT, "quant": QUANT},
)


def register_fan_out_two_to_four(patterns: FusionPass) -> None:
    """Register the patterns of pass `fan_out_two_to_four`."""
    register_replacement(
        search_fn=Left(FAN_OUT),
        replace_fn=Right(FAN_OUT),
        example_inputs=examples(FAN_OUT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FAN_OUT, patterns),
        pattern_name="fan_out",
    )


PASSES = ((FAN_OUT_TWO_TO_FOUR_PASS, register_fan_out_two_to_four),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
