"""Fusion passes of fan_out_block.pat: fan_out_block.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile fan_out_block.pat -o fan_out_block.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    Const,
    DtypeVar,
    FanOut,
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

# fan_out_block.pat:4
#     pattern fan_out(x: T[*B, H], weight: T[H]) {
#       y        = norm(x, weight, epsilon)
#       q, scale = 2x quant(y, group_size)
#     =>
#       q, scale = 2x norm_quant(x, weight, epsilon, group_size)
#     }
FAN_OUT = Pattern(
    "fan_out",
    left=Block(
        ("x", "weight", "epsilon", "group_size"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=5,
            ),
            Step(
                "quant_2",
                op="quant",
                operands={"x": Use("y"), "group_size": Use("group_size"), "col_major": Const(Lit(False))},
                results={"q": "q", "scale": "scale"},
                fan_out="quant",
                line=6,
            ),
        ),
        (FanOut("quant", 2, 2),),
    ),
    right=(
        RightStep(
            "norm_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            fan_out="quant",
            line=8,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "quant"), Replace("scale", "new_scale", True, "quant")),
    inputs=(
        Input("x", Tensor(T, (Bs, H))),
        Input("weight", Tensor(T, (H,))),
        Input("epsilon"),
        Input("group_size"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="fan_out_block.pat:4",
)

FAN_OUT_BLOCK_PASS = PassSpec(
    "fan_out_block",
    patterns=(FAN_OUT,),
    ops={"norm": NORM, "norm_quant": NORM_QUANT, "quant": QUANT},
)


def register_fan_out_block(patterns: FusionPass) -> None:
    """Register the patterns of pass `fan_out_block`."""
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


PASSES = ((FAN_OUT_BLOCK_PASS, register_fan_out_block),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
