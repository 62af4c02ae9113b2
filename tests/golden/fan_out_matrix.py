"""Fusion passes of fan_out_matrix.pat: fan_out_matrix.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile fan_out_matrix.pat -o fan_out_matrix.py
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
    Through,
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
M = Ref("M")
Bs = Star("B")

# kernels.pat:27
MATRIX_NORM_QUANT = Op(
    "matrix_norm_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_group_quant.default"),),
    ref="patdsl.reference:rms_norm_group_quant",
)

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

# fan_out_matrix.pat:4
#     pattern shared { norm -> view? -> 2x quant => matrix_norm_quant }
SHARED = Pattern(
    "shared",
    left=Block(
        ("x", "weight", "epsilon", "group_size"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=4,
            ),
            Step(
                "quant_2",
                op="quant",
                operands={"x": Through("y"), "group_size": Use("group_size"), "col_major": Const(Lit(False))},
                results={"q": "q", "scale": "scale"},
                fan_out="quant",
                line=4,
            ),
        ),
        (FanOut("quant", 2, 2),),
    ),
    right=(
        RightStep(
            "matrix_norm_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=4,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "quant"), Replace("scale", "new_scale", True, "quant")),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("group_size")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="fan_out_matrix.pat:4",
)

FAN_OUT_MATRIX_PASS = PassSpec(
    "fan_out_matrix",
    patterns=(SHARED,),
    ops={"matrix_norm_quant": MATRIX_NORM_QUANT, "norm": NORM, "quant": QUANT},
)


def register_fan_out_matrix(patterns: FusionPass) -> None:
    """Register the patterns of pass `fan_out_matrix`."""
    register_replacement(
        search_fn=Left(SHARED),
        replace_fn=Right(SHARED),
        example_inputs=examples(SHARED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SHARED, patterns),
        pattern_name="shared",
    )


PASSES = ((FAN_OUT_MATRIX_PASS, register_fan_out_matrix),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
