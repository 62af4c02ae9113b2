"""Fusion passes of rms_norm_quant.pat: rms_norm_quant.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rms_norm_quant.pat -o rms_norm_quant.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    FanOut,
    Give,
    Mut,
    On,
    Op,
    Out,
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
W = DtypeVar("W")
H = Ref("H")
M = Ref("M")
T_ = Ref("T")
Bs = Star("B")

# aiter.pat:13
ADD_RMS_NORM_GROUP_QUANT = Op(
    "add_rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (M, H))),
        Result("residual_out", Tensor(T, (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_rmsnorm_with_add_fp8_group_quant.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("residual")),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("group_size")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("not col_major"),
        ),
        TorchCall(
            "_C::rms_norm_per_block_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Give(Ref("weight")),
                3: Out("scale"),
                4: Give(Ref("epsilon")),
                5: Give(Lit(None)),
                6: Mut("residual", "residual_out"),
                7: Give(Ref("group_size")),
                8: Give(Ref("col_major")),
            },
        ),
        TorchCall("patdsl::add_rms_norm_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16}"),),
    ref="patdsl.reference:add_rms_norm_group_quant",
)

# aiter.pat:31
ADD_RMS_NORM_TOKEN_QUANT = Op(
    "add_rms_norm_token_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("residual_out", Tensor(T, (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, Lit(1)))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_rmsnorm_fused_add_dynamic_quant.default",
            targets=(On("gfx942"), On("gfx950")),
        ),
        TorchCall(
            "_C::rms_norm_dynamic_per_token_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Give(Ref("weight")),
                3: Out("scale"),
                4: Give(Ref("epsilon")),
                5: Give(Lit(None)),
                6: Mut("residual", "residual_out"),
            },
        ),
        TorchCall("patdsl::add_rms_norm_token_quant.default"),
    ),
    ref="patdsl.reference:add_rms_norm_token_quant",
)

# vllm_ir.pat:14
FUSED_ADD_RMS_NORM = Op(
    "fused_add_rms_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
    ),
    results=(Result("y", Tensor(T, (Bs, H))), Result("residual_out", Tensor(T, (Bs, H)))),
    bindings=(
        TorchCall("vllm_ir::fused_add_rms_norm.default"),
        TorchCall("patdsl::fused_add_rms_norm.default"),
        TorchCall(
            "patdsl::fused_add_rms_norm_.default",
            args={
                0: Mut("x", "y"),
                1: Mut("residual", "residual_out"),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
            },
            guard=expr("variance_size == none"),
        ),
    ),
    ref="patdsl.reference:fused_add_rms_norm",
)

# vllm_ir.pat:52
GROUP_QUANT = Op(
    "group_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_group_fp8_quant.default",
            args={0: Give(Ref("x")), 1: Give(Ref("group_size")), 2: Give(Lit(False))},
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("rank(x) == 2 and not col_major and not ue8m0 and not tma_aligned"),
        ),
        TorchCall(
            "_C::per_token_group_fp8_quant.default",
            args={
                0: Give(Ref("x")),
                1: Out("q"),
                2: Out("scale"),
                3: Give(Ref("group_size")),
                4: Give(Lit(1e-10)),
                5: Give(expr("-fp8_max")),
                6: Give(Ref("fp8_max")),
                7: Give(Ref("ue8m0")),
                8: Give(Ref("col_major")),
                9: Give(Ref("tma_aligned")),
            },
        ),
        TorchCall("patdsl::group_quant.default"),
    ),
    ref="patdsl.reference:group_quant",
)

# vllm_ir.pat:8
RMS_NORM = Op(
    "rms_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("vllm_ir::rms_norm.default"), TorchCall("patdsl::rms_norm.default")),
    ref="patdsl.reference:rms_norm",
)

# aiter.pat:4
RMS_NORM_GROUP_QUANT = Op(
    "rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_rmsnorm_fp8_group_quant.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("weight")),
                2: Give(Ref("epsilon")),
                3: Give(Ref("group_size")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("not col_major"),
        ),
        TorchCall(
            "_C::rms_norm_per_block_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Give(Ref("weight")),
                3: Out("scale"),
                4: Give(Ref("epsilon")),
                5: Give(Lit(None)),
                6: Give(Lit(None)),
                7: Give(Ref("group_size")),
                8: Give(Ref("col_major")),
            },
        ),
        TorchCall("patdsl::rms_norm_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16}"),),
    ref="patdsl.reference:rms_norm_group_quant",
)

# aiter.pat:24
RMS_NORM_TOKEN_QUANT = Op(
    "rms_norm_token_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, Lit(1)))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_rmsnorm_fused_dynamic_quant.default",
            targets=(On("gfx942"), On("gfx950")),
        ),
        TorchCall(
            "_C::rms_norm_dynamic_per_token_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Give(Ref("weight")),
                3: Out("scale"),
                4: Give(Ref("epsilon")),
                5: Give(Lit(None)),
                6: Give(Lit(None)),
            },
        ),
        TorchCall("patdsl::rms_norm_token_quant.default"),
    ),
    ref="patdsl.reference:rms_norm_token_quant",
)

# vllm_ir.pat:62
TOKEN_QUANT = Op(
    "token_quant",
    params=(Param("x", Tensor(T, (Bs, H))), Param("quant_dtype", Plain("dtype"))),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_per_token_quant.default",
            args={0: Give(Ref("x")), 1: Give(Ref("quant_dtype")), 2: Give(Lit(None))},
            targets=(On("gfx942"), On("gfx950")),
        ),
        TorchCall(
            "_C::dynamic_per_token_scaled_fp8_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Out("scale"), 3: Give(Lit(None))},
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall("patdsl::token_quant.default"),
    ),
    ref="patdsl.reference:token_quant",
)

# rms_norm_quant.pat:6
#     pattern add_rms_norm_group_quant {
#       fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant
#     }
ADD_RMS_NORM_GROUP_QUANT_ = Pattern(
    "add_rms_norm_group_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "group_size", "col_major"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=7,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Const(Lit(False)),
                    "tma_aligned": Const(Lit(False)),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=7,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_group_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            flatten=("x", "residual"),
            line=7,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "group_quant"),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("group_size"),
        Input("col_major"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
        Example("col_major", value=False),
    ),
    place="rms_norm_quant.pat:6",
)

# rms_norm_quant.pat:11
#     pattern add_rms_norm_token_quant {
#       fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant
#     }
ADD_RMS_NORM_TOKEN_QUANT_ = Pattern(
    "add_rms_norm_token_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "quant_dtype"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=12,
            ),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=12,
            ),
        ),
        (FanOut("token_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_token_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            flatten=("x", "residual"),
            line=12,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "token_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "token_quant"),
    ),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("quant_dtype")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:11",
)

# rms_norm_quant.pat:5
#     pattern rms_norm_group_quant { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant }
RMS_NORM_GROUP_QUANT_ = Pattern(
    "rms_norm_group_quant",
    left=Block(
        ("x", "weight", "epsilon", "group_size", "col_major"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                },
                results={"y": "y"},
                line=5,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Const(Lit(False)),
                    "tma_aligned": Const(Lit(False)),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=5,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_group_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=5,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "group_quant"), Replace("scale", "new_scale", True, "group_quant")),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("group_size"), Input("col_major")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
        Example("col_major", value=False),
    ),
    place="rms_norm_quant.pat:5",
)

# rms_norm_quant.pat:10
#     pattern rms_norm_token_quant { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant }
RMS_NORM_TOKEN_QUANT_ = Pattern(
    "rms_norm_token_quant",
    left=Block(
        ("x", "weight", "epsilon", "quant_dtype"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                },
                results={"y": "y"},
                line=10,
            ),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=10,
            ),
        ),
        (FanOut("token_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_token_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=10,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "token_quant"), Replace("scale", "new_scale", True, "token_quant")),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("quant_dtype")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:10",
)

RMS_NORM_QUANT_PASS = PassSpec(
    "rms_norm_quant",
    patterns=(
        ADD_RMS_NORM_GROUP_QUANT_,
        ADD_RMS_NORM_TOKEN_QUANT_,
        RMS_NORM_GROUP_QUANT_,
        RMS_NORM_TOKEN_QUANT_,
    ),
    ops={
        "add_rms_norm_group_quant": ADD_RMS_NORM_GROUP_QUANT,
        "add_rms_norm_token_quant": ADD_RMS_NORM_TOKEN_QUANT,
        "fused_add_rms_norm": FUSED_ADD_RMS_NORM,
        "group_quant": GROUP_QUANT,
        "rms_norm": RMS_NORM,
        "rms_norm_group_quant": RMS_NORM_GROUP_QUANT,
        "rms_norm_token_quant": RMS_NORM_TOKEN_QUANT,
        "token_quant": TOKEN_QUANT,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
)


def register_rms_norm_quant(patterns: FusionPass) -> None:
    """Register the patterns of pass `rms_norm_quant`."""
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_GROUP_QUANT_),
        replace_fn=Right(ADD_RMS_NORM_GROUP_QUANT_),
        example_inputs=examples(ADD_RMS_NORM_GROUP_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_GROUP_QUANT_, patterns),
        pattern_name="add_rms_norm_group_quant",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_TOKEN_QUANT_),
        replace_fn=Right(ADD_RMS_NORM_TOKEN_QUANT_),
        example_inputs=examples(ADD_RMS_NORM_TOKEN_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_TOKEN_QUANT_, patterns),
        pattern_name="add_rms_norm_token_quant",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_GROUP_QUANT_),
        replace_fn=Right(RMS_NORM_GROUP_QUANT_),
        example_inputs=examples(RMS_NORM_GROUP_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_GROUP_QUANT_, patterns),
        pattern_name="rms_norm_group_quant",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_TOKEN_QUANT_),
        replace_fn=Right(RMS_NORM_TOKEN_QUANT_),
        example_inputs=examples(RMS_NORM_TOKEN_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_TOKEN_QUANT_, patterns),
        pattern_name="rms_norm_token_quant",
    )


PASSES = ((RMS_NORM_QUANT_PASS, register_rms_norm_quant),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
