"""Fusion passes of rms_norm_quant.pat: rms_norm_quant.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rms_norm_quant.pat -o rms_norm_quant.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    FanOut,
    Give,
    Mut,
    Native,
    Nested,
    On,
    Op,
    Out,
    Param,
    Plain,
    Result,
    Same,
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
W_ = Ref("W")
Bs = Star("B")
Ss = Star("S")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

# aiter.pat:16
ADD_RMS_NORM_GROUP_QUANT = Op(
    "add_rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
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
            guard=expr(
                "quant_dtype == fp8 and not (col_major or ue8m0 or gemma) and variance_size == none and W == T"
            ),
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
            guard=expr(
                "quant_dtype == fp8 and not (ue8m0 or tma_aligned or gemma) and variance_size == none and W == T"
            ),
        ),
        TorchCall("patdsl::add_rms_norm_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_group_quant",
)

# patdsl.pat:49
ADD_RMS_NORM_GROUP_QUANT_KEEP = Op(
    "add_rms_norm_group_quant_keep",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("residual_out", Tensor(T, (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
        Result("y", Tensor(T, (M, H))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_group_quant_keep.default"),),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_group_quant_keep",
)

# patdsl.pat:74
ADD_RMS_NORM_GROUP_QUANT_LAYOUTS = Op(
    "add_rms_norm_group_quant_layouts",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("residual_out", Tensor(T, (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
        Result("scale_t", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_group_quant_layouts.default"),),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_group_quant_layouts",
)

# patdsl.pat:92
ADD_RMS_NORM_MX_QUANT = Op(
    "add_rms_norm_mx_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("H / 32")))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_mx_quant.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_mx_quant",
)

# patdsl.pat:57
ADD_RMS_NORM_MX_QUANT_KEEP = Op(
    "add_rms_norm_mx_quant_keep",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("H / 32")))),
        Result("y", Tensor(T, (Bs, H))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_mx_quant_keep.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_mx_quant_keep",
)

# aiter.pat:61
ADD_RMS_NORM_STATIC_QUANT = Op(
    "add_rms_norm_static_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
    ),
    bindings=(
        TorchCall(
            "_C::fused_add_rms_norm_static_fp8_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Mut("residual", "residual_out"),
                3: Give(Ref("weight")),
                4: Give(Ref("scale")),
                5: Give(Ref("epsilon")),
            },
            guard=expr("quant_dtype == fp8 and variance_size == none and not gemma and W == T"),
        ),
        TorchCall("patdsl::add_rms_norm_static_quant.default"),
    ),
    where=(expr("numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_static_quant",
)

# patdsl.pat:35
ADD_RMS_NORM_STATIC_QUANT_KEEP = Op(
    "add_rms_norm_static_quant_keep",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("y", Tensor(T, (Bs, H))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_static_quant_keep.default"),),
    where=(expr("numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_static_quant_keep",
)

# aiter.pat:41
ADD_RMS_NORM_TOKEN_QUANT = Op(
    "add_rms_norm_token_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("residual_out", Tensor(T, (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, Lit(1)))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_rmsnorm_fused_add_dynamic_quant.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("residual")),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("quant_dtype")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("variance_size == none and not gemma and W == T"),
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
            guard=expr("variance_size == none and not gemma and W == T"),
        ),
        TorchCall("patdsl::add_rms_norm_token_quant.default"),
    ),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_token_quant",
)

# patdsl.pat:42
ADD_RMS_NORM_TOKEN_QUANT_KEEP = Op(
    "add_rms_norm_token_quant_keep",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
        Result("y", Tensor(T, (Bs, H))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_token_quant_keep.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_token_quant_keep",
)

# aten.pat:102
CLAMP = Op(
    "clamp",
    params=(
        Param("x", Tensor(T, (Bs,))),
        Param("min", Plain("float"), True, Lit(None)),
        Param("max", Plain("float"), True, Lit(None)),
    ),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("aten::clamp.default"),
        TorchCall("aten::clamp_min.default", args={0: Give(Ref("x")), 1: Give(Ref("min"))}),
        TorchCall("aten::clamp_max.default", args={0: Give(Ref("x")), 1: Give(Ref("max"))}),
    ),
)

# vllm_ir.pat:16
FUSED_ADD_RMS_NORM = Op(
    "fused_add_rms_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("y", Tensor(T, (Bs, H))), Result("residual_out", Tensor(T, (Bs, H)))),
    bindings=(
        TorchCall(
            "vllm_ir::fused_add_rms_norm.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("residual")),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("variance_size")),
            },
            guard=expr("not gemma"),
        ),
        TorchCall(
            "vllm_ir::fused_add_rms_norm.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("residual")),
                2: Nested(
                    "add",
                    {
                        "x": Nested("to", {"x": Give(Ref("weight")), "to_dtype": Give(Lit(Dtype("f32")))}),
                        "other": Give(Lit(1.0)),
                    },
                ),
                3: Give(Ref("epsilon")),
                4: Give(Ref("variance_size")),
            },
            guard=Ref("gemma"),
        ),
        TorchCall("patdsl::fused_add_rms_norm.default"),
        TorchCall(
            "patdsl::fused_add_rms_norm_.default",
            args={
                0: Mut("x", "y"),
                1: Mut("residual", "residual_out"),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
            },
            guard=expr("variance_size == none and not gemma"),
        ),
    ),
    ref="patdsl.reference:fused_add_rms_norm",
)

# vllm_ir.pat:59
GROUP_QUANT = Op(
    "group_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_group_fp8_quant.default",
            args={0: Give(Ref("x")), 1: Give(Ref("group_size")), 2: Give(Lit(False))},
            targets=(On("gfx942"), On("gfx950")),
            guard=expr(
                "rank(x) == 2 and not col_major and not ue8m0 and not tma_aligned and quant_dtype == fp8"
            ),
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
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall(
            "patdsl::group_quant.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("group_size")),
                2: Give(Ref("col_major")),
                3: Give(Ref("ue8m0")),
                4: Give(Ref("tma_aligned")),
            },
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall("patdsl::group_quant.default"),
    ),
    ref="patdsl.reference:group_quant",
)

# aten.pat:60
MUL = Op(
    "mul",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::mul.Tensor"), TorchCall("aten::mul.Scalar")),
    commutative=True,
)

# vllm_ir.pat:98
MX_QUANT = Op(
    "mx_quant",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("H / 32")))),
    ),
    bindings=(TorchCall("patdsl::mx_quant.default"),),
    ref="patdsl.reference:mx_quant",
)

# aten.pat:84
RECIPROCAL = Op(
    "reciprocal",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::reciprocal.default"),),
)

# vllm_ir.pat:8
RMS_NORM = Op(
    "rms_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(
        TorchCall(
            "vllm_ir::rms_norm.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("weight")),
                2: Give(Ref("epsilon")),
                3: Give(Ref("variance_size")),
            },
            guard=expr("not gemma"),
        ),
        TorchCall(
            "vllm_ir::rms_norm.default",
            args={
                0: Give(Ref("x")),
                1: Nested(
                    "add",
                    {
                        "x": Nested("to", {"x": Give(Ref("weight")), "to_dtype": Give(Lit(Dtype("f32")))}),
                        "other": Give(Lit(1.0)),
                    },
                ),
                2: Give(Ref("epsilon")),
                3: Give(Ref("variance_size")),
            },
            guard=Ref("gemma"),
        ),
        TorchCall("patdsl::rms_norm.default"),
    ),
    ref="patdsl.reference:rms_norm",
)

# aiter.pat:4
RMS_NORM_GROUP_QUANT = Op(
    "rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
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
            guard=expr(
                "quant_dtype == fp8 and not (col_major or ue8m0 or gemma) and variance_size == none and W == T"
            ),
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
            guard=expr(
                "quant_dtype == fp8 and not (ue8m0 or tma_aligned or gemma) and variance_size == none and W == T"
            ),
        ),
        TorchCall("patdsl::rms_norm_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_group_quant",
)

# patdsl.pat:20
RMS_NORM_GROUP_QUANT_KEEP = Op(
    "rms_norm_group_quant_keep",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
        Result("y", Tensor(T, (M, H))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_group_quant_keep.default"),),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_group_quant_keep",
)

# patdsl.pat:66
RMS_NORM_GROUP_QUANT_LAYOUTS = Op(
    "rms_norm_group_quant_layouts",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
        Result("scale_t", Tensor(Dtype("f32"), (M, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_group_quant_layouts.default"),),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_group_quant_layouts",
)

# patdsl.pat:85
RMS_NORM_MX_QUANT = Op(
    "rms_norm_mx_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("H / 32")))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_mx_quant.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_mx_quant",
)

# patdsl.pat:28
RMS_NORM_MX_QUANT_KEEP = Op(
    "rms_norm_mx_quant_keep",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("H / 32")))),
        Result("y", Tensor(T, (Bs, H))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_mx_quant_keep.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_mx_quant_keep",
)

# aiter.pat:52
RMS_NORM_STATIC_QUANT = Op(
    "rms_norm_static_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),),
    bindings=(
        TorchCall(
            "_C::rms_norm_static_fp8_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Give(Ref("weight")),
                3: Give(Ref("scale")),
                4: Give(Ref("epsilon")),
            },
            guard=expr("quant_dtype == fp8 and variance_size == none and not gemma and W == T"),
        ),
        TorchCall("patdsl::rms_norm_static_quant.default"),
    ),
    where=(expr("numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_static_quant",
)

# patdsl.pat:6
RMS_NORM_STATIC_QUANT_KEEP = Op(
    "rms_norm_static_quant_keep",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))), Result("y", Tensor(T, (Bs, H)))),
    bindings=(TorchCall("patdsl::rms_norm_static_quant_keep.default"),),
    where=(expr("numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_static_quant_keep",
)

# aiter.pat:30
RMS_NORM_TOKEN_QUANT = Op(
    "rms_norm_token_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, H))),
        Result("scale", Tensor(Dtype("f32"), (M, Lit(1)))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_rmsnorm_fused_dynamic_quant.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("weight")),
                2: Give(Ref("epsilon")),
                3: Give(Ref("quant_dtype")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("variance_size == none and not gemma and W == T"),
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
            guard=expr("variance_size == none and not gemma and W == T"),
        ),
        TorchCall("patdsl::rms_norm_token_quant.default"),
    ),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_token_quant",
)

# patdsl.pat:13
RMS_NORM_TOKEN_QUANT_KEEP = Op(
    "rms_norm_token_quant_keep",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
        Result("y", Tensor(T, (Bs, H))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_token_quant_keep.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_token_quant_keep",
)

# vllm_ir.pat:55
SATURATED = Op(
    "saturated",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        Native(
            Block(
                (),
                (
                    Step(
                        "clamp",
                        op="clamp",
                        operands={
                            "x": Use("x"),
                            "min": Const(expr("-fp8_max")),
                            "max": Const(Ref("fp8_max")),
                        },
                        results={"y": "y"},
                        line=56,
                    ),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "clamp",
                        op="clamp",
                        operands={"x": Use("x"), "min": Const(expr("-fp8_max")), "max": Const(Lit(None))},
                        results={"y": "y_2"},
                        line=57,
                    ),
                    Step(
                        "clamp_2",
                        op="clamp",
                        operands={"x": Use("y_2"), "min": Const(Lit(None)), "max": Const(Ref("fp8_max"))},
                        results={"y": "y"},
                        line=57,
                    ),
                ),
            ),
        ),
    ),
)

# vllm_ir.pat:86
STATIC_QUANT = Op(
    "static_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
    ),
    results=(Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),),
    bindings=(
        TorchCall(
            "_C::static_scaled_fp8_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Give(Ref("scale")), 3: Give(expr("[-1, -1]"))},
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall(
            "_C::static_scaled_fp8_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Give(Ref("scale"))},
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall(
            "vllm::rocm_aiter_per_tensor_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Same("scale"), 3: Give(Lit(False))},
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall(
            "_C::static_scaled_int8_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Give(Ref("scale")), 3: Give(Lit(None))},
            guard=expr("quant_dtype == i8"),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "to",
                        op="to",
                        operands={"x": Use("x"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "y"},
                        line=91,
                    ),
                    Step(
                        "reciprocal",
                        op="reciprocal",
                        operands={"x": Use("scale")},
                        results={"y": "y_2"},
                        line=91,
                    ),
                    Step(
                        "mul",
                        op="mul",
                        operands={"x": Use("y"), "other": Use("y_2")},
                        results={"y": "y_3"},
                        line=91,
                    ),
                    Step(
                        "saturated",
                        op="saturated",
                        operands={"x": Use("y_3")},
                        results={"y": "y_4"},
                        line=91,
                    ),
                    Step(
                        "to_2",
                        op="to",
                        operands={"x": Use("y_4"), "to_dtype": Use("quant_dtype")},
                        results={"y": "q"},
                        line=91,
                    ),
                ),
            ),
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall(
            "patdsl::static_quant.default",
            args={0: Give(Ref("x")), 1: Give(Ref("scale"))},
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall("patdsl::static_quant.default"),
    ),
    where=(expr("numel(scale) == 1"),),
    ref="patdsl.reference:static_quant",
)

# aten.pat:46
TO = Op(
    "to",
    params=(Param("x", Tensor(T, (Bs,))), Param("to_dtype", Plain("dtype"))),
    results=(Result("y", Tensor(DtypeOf("to_dtype"), (Bs,))),),
    bindings=(
        TorchCall("prims::convert_element_type.default"),
        TorchCall("aten::_to_copy.default", args={0: Give(Ref("x")), "dtype": Give(Ref("to_dtype"))}),
        TorchCall("aten::to.dtype"),
    ),
)

# vllm_ir.pat:79
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
        TorchCall(
            "_C::dynamic_scaled_int8_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Out("scale"), 3: Give(Lit(None))},
            guard=expr("quant_dtype == i8"),
        ),
        TorchCall("patdsl::token_quant.default"),
    ),
    ref="patdsl.reference:token_quant",
)

# rms_norm_quant.pat:35
#     pattern add_rms_norm_group_quant_layouts {
#       y, residual_out = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
#       q, scale        = 1..x group_quant(view?(y), group_size, false, ue8m0, quant_dtype=quant_dtype)
#       p, scale_t      = 1..x group_quant(view?(y), group_size, true, ue8m0, tma_aligned, quant_dtype)
#     =>
#       q, residual_out, scale, scale_t = add_rms_norm_group_quant_layouts(x, residual, weight, epsilon, group
#                                           ue8m0, tma_aligned, quant_dtype, variance_size, gemma)
#       p                               = q
#     }
ADD_RMS_NORM_GROUP_QUANT_LAYOUTS_ = Pattern(
    "add_rms_norm_group_quant_layouts",
    left=Block(
        (
            "x",
            "residual",
            "weight",
            "epsilon",
            "variance_size",
            "gemma",
            "group_size",
            "ue8m0",
            "quant_dtype",
            "tma_aligned",
        ),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=36,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(False)),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Const(Lit(False)),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=37,
            ),
            Step(
                "group_quant_4",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(True)),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "p", "scale": "scale_t"},
                fan_out="group_quant_3",
                line=38,
            ),
        ),
        (FanOut("group_quant", 1, None), FanOut("group_quant_3", 1, None)),
    ),
    right=(
        RightStep(
            "add_rms_norm_group_quant_layouts",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={
                "q": "new_q",
                "residual_out": "new_residual_out",
                "scale": "new_scale",
                "scale_t": "new_scale_t",
            },
            flatten=("x", "residual"),
            line=40,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "group_quant"),
        Replace("scale_t", "new_scale_t", True, "group_quant_3"),
        Replace("p", "new_q", True, "group_quant_3"),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("group_size"),
        Input("ue8m0"),
        Input("quant_dtype"),
        Input("tma_aligned"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("group_size", value=128),
        Example("ue8m0", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
        Example("tma_aligned", value=False),
    ),
    place="rms_norm_quant.pat:35",
)

# rms_norm_quant.pat:25
#     pattern rms_norm_group_quant_layouts {
#       y          = rms_norm(x, weight, epsilon, variance_size, gemma)
#       q, scale   = 1..x group_quant(view?(y), group_size, false, ue8m0, quant_dtype=quant_dtype)
#       p, scale_t = 1..x group_quant(view?(y), group_size, true, ue8m0, tma_aligned, quant_dtype)
#     =>
#       q, scale, scale_t = rms_norm_group_quant_layouts(x, weight, epsilon, group_size, ue8m0, tma_aligned,
#                             quant_dtype, variance_size, gemma)
#       p                 = q
#     }
RMS_NORM_GROUP_QUANT_LAYOUTS_ = Pattern(
    "rms_norm_group_quant_layouts",
    left=Block(
        (
            "x",
            "weight",
            "epsilon",
            "variance_size",
            "gemma",
            "group_size",
            "ue8m0",
            "quant_dtype",
            "tma_aligned",
        ),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=26,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(False)),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Const(Lit(False)),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=27,
            ),
            Step(
                "group_quant_4",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(True)),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "p", "scale": "scale_t"},
                fan_out="group_quant_3",
                line=28,
            ),
        ),
        (FanOut("group_quant", 1, None), FanOut("group_quant_3", 1, None)),
    ),
    right=(
        RightStep(
            "rms_norm_group_quant_layouts",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale", "scale_t": "new_scale_t"},
            flatten=("x",),
            line=30,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("scale", "new_scale", True, "group_quant"),
        Replace("scale_t", "new_scale_t", True, "group_quant_3"),
        Replace("p", "new_q", True, "group_quant_3"),
    ),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("group_size"),
        Input("ue8m0"),
        Input("quant_dtype"),
        Input("tma_aligned"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
        Example("group_size", value=128),
        Example("ue8m0", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
        Example("tma_aligned", value=False),
    ),
    place="rms_norm_quant.pat:25",
)

# rms_norm_quant.pat:18
#     pattern add_rms_norm_group_quant {
#       fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant
#     }
ADD_RMS_NORM_GROUP_QUANT_ = Pattern(
    "add_rms_norm_group_quant",
    left=Block(
        (
            "x",
            "residual",
            "weight",
            "epsilon",
            "variance_size",
            "gemma",
            "group_size",
            "col_major",
            "ue8m0",
            "tma_aligned",
            "quant_dtype",
        ),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=19,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=19,
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
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            flatten=("x", "residual"),
            line=19,
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
        Input("variance_size"),
        Input("gemma"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:18",
)

# rms_norm_quant.pat:56
#     pattern add_rms_norm_group_quant_keep {
#       fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant_keep
#     }
ADD_RMS_NORM_GROUP_QUANT_KEEP_ = Pattern(
    "add_rms_norm_group_quant_keep",
    left=Block(
        (
            "x",
            "residual",
            "weight",
            "epsilon",
            "variance_size",
            "gemma",
            "group_size",
            "col_major",
            "ue8m0",
            "tma_aligned",
            "quant_dtype",
        ),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=57,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=57,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_group_quant_keep",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale", "y": "new_y"},
            flatten=("x", "residual"),
            line=57,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "group_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:56",
)

# rms_norm_quant.pat:21
#     pattern add_rms_norm_mx_quant { fused_add_rms_norm -> view? -> 1..x mx_quant => add_rms_norm_mx_quant }
ADD_RMS_NORM_MX_QUANT_ = Pattern(
    "add_rms_norm_mx_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=21,
            ),
            Step(
                "mx_quant_2",
                op="mx_quant",
                operands={"x": Through("y")},
                results={"q": "q", "scale": "scale"},
                fan_out="mx_quant",
                line=21,
            ),
        ),
        (FanOut("mx_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_mx_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            line=21,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "mx_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "mx_quant"),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
    ),
    place="rms_norm_quant.pat:21",
)

# rms_norm_quant.pat:59
#     pattern add_rms_norm_mx_quant_keep {
#       fused_add_rms_norm -> view? -> 1..x mx_quant => add_rms_norm_mx_quant_keep
#     }
ADD_RMS_NORM_MX_QUANT_KEEP_ = Pattern(
    "add_rms_norm_mx_quant_keep",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=60,
            ),
            Step(
                "mx_quant_2",
                op="mx_quant",
                operands={"x": Through("y")},
                results={"q": "q", "scale": "scale"},
                fan_out="mx_quant",
                line=60,
            ),
        ),
        (FanOut("mx_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_mx_quant_keep",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale", "y": "new_y"},
            line=60,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "mx_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "mx_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
    ),
    place="rms_norm_quant.pat:59",
)

# rms_norm_quant.pat:12
#     pattern add_rms_norm_static_quant {
#       fused_add_rms_norm -> view? -> 1..x static_quant => add_rms_norm_static_quant
#     }
ADD_RMS_NORM_STATIC_QUANT_ = Pattern(
    "add_rms_norm_static_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma", "scale", "quant_dtype"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=13,
            ),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q"},
                fan_out="static_quant",
                line=13,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_static_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "scale": Use("scale"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out"},
            line=13,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"), Replace("residual_out", "new_residual_out", True)),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("scale"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=37),
        Example("gemma", value=False),
        Example("scale", (29, 7936), Dtype("f32")),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:12",
)

# rms_norm_quant.pat:50
#     pattern add_rms_norm_static_quant_keep {
#       fused_add_rms_norm -> view? -> 1..x static_quant => add_rms_norm_static_quant_keep
#     }
ADD_RMS_NORM_STATIC_QUANT_KEEP_ = Pattern(
    "add_rms_norm_static_quant_keep",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma", "scale", "quant_dtype"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=51,
            ),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q"},
                fan_out="static_quant",
                line=51,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_static_quant_keep",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "scale": Use("scale"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "y": "new_y"},
            line=51,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "static_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("y", "new_y", True),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("scale"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=37),
        Example("gemma", value=False),
        Example("scale", (29, 7936), Dtype("f32")),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:50",
)

# rms_norm_quant.pat:15
#     pattern add_rms_norm_token_quant {
#       fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant
#     }
ADD_RMS_NORM_TOKEN_QUANT_ = Pattern(
    "add_rms_norm_token_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma", "quant_dtype"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=16,
            ),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=16,
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
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            flatten=("x", "residual"),
            line=16,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "token_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "token_quant"),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:15",
)

# rms_norm_quant.pat:53
#     pattern add_rms_norm_token_quant_keep {
#       fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant_keep
#     }
ADD_RMS_NORM_TOKEN_QUANT_KEEP_ = Pattern(
    "add_rms_norm_token_quant_keep",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma", "quant_dtype"),
        (
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=54,
            ),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=54,
            ),
        ),
        (FanOut("token_quant", 1, None),),
    ),
    right=(
        RightStep(
            "add_rms_norm_token_quant_keep",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale", "y": "new_y"},
            line=54,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "token_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "token_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(
        Input("x"),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:53",
)

# rms_norm_quant.pat:9
#     pattern rms_norm_group_quant { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant }
RMS_NORM_GROUP_QUANT_ = Pattern(
    "rms_norm_group_quant",
    left=Block(
        (
            "x",
            "weight",
            "epsilon",
            "variance_size",
            "gemma",
            "group_size",
            "col_major",
            "ue8m0",
            "tma_aligned",
            "quant_dtype",
        ),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=9,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=9,
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
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=9,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "group_quant"), Replace("scale", "new_scale", True, "group_quant")),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:9",
)

# rms_norm_quant.pat:47
#     pattern rms_norm_group_quant_keep { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant_keep }
RMS_NORM_GROUP_QUANT_KEEP_ = Pattern(
    "rms_norm_group_quant_keep",
    left=Block(
        (
            "x",
            "weight",
            "epsilon",
            "variance_size",
            "gemma",
            "group_size",
            "col_major",
            "ue8m0",
            "tma_aligned",
            "quant_dtype",
        ),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=47,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Use("quant_dtype"),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=47,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_group_quant_keep",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale", "y": "new_y"},
            flatten=("x",),
            line=47,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("scale", "new_scale", True, "group_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:47",
)

# rms_norm_quant.pat:10
#     pattern rms_norm_mx_quant { rms_norm -> view? -> 1..x mx_quant => rms_norm_mx_quant }
RMS_NORM_MX_QUANT_ = Pattern(
    "rms_norm_mx_quant",
    left=Block(
        ("x", "weight", "epsilon", "variance_size", "gemma"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=10,
            ),
            Step(
                "mx_quant_2",
                op="mx_quant",
                operands={"x": Through("y")},
                results={"q": "q", "scale": "scale"},
                fan_out="mx_quant",
                line=10,
            ),
        ),
        (FanOut("mx_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_mx_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            line=10,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "mx_quant"), Replace("scale", "new_scale", True, "mx_quant")),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("variance_size"), Input("gemma")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
    ),
    place="rms_norm_quant.pat:10",
)

# rms_norm_quant.pat:48
#     pattern rms_norm_mx_quant_keep { rms_norm -> view? -> 1..x mx_quant => rms_norm_mx_quant_keep }
RMS_NORM_MX_QUANT_KEEP_ = Pattern(
    "rms_norm_mx_quant_keep",
    left=Block(
        ("x", "weight", "epsilon", "variance_size", "gemma"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=48,
            ),
            Step(
                "mx_quant_2",
                op="mx_quant",
                operands={"x": Through("y")},
                results={"q": "q", "scale": "scale"},
                fan_out="mx_quant",
                line=48,
            ),
        ),
        (FanOut("mx_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_mx_quant_keep",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale", "y": "new_y"},
            line=48,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "mx_quant"),
        Replace("scale", "new_scale", True, "mx_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("variance_size"), Input("gemma")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
    ),
    place="rms_norm_quant.pat:48",
)

# rms_norm_quant.pat:7
#     pattern rms_norm_static_quant { rms_norm -> view? -> 1..x static_quant => rms_norm_static_quant }
RMS_NORM_STATIC_QUANT_ = Pattern(
    "rms_norm_static_quant",
    left=Block(
        ("x", "weight", "epsilon", "variance_size", "gemma", "scale", "quant_dtype"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=7,
            ),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q"},
                fan_out="static_quant",
                line=7,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_static_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "scale": Use("scale"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q"},
            line=7,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"),),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("scale"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("scale", (19, 5888), Dtype("f32")),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:7",
)

# rms_norm_quant.pat:45
#     pattern rms_norm_static_quant_keep { rms_norm -> view? -> 1..x static_quant => rms_norm_static_quant_kee
RMS_NORM_STATIC_QUANT_KEEP_ = Pattern(
    "rms_norm_static_quant_keep",
    left=Block(
        ("x", "weight", "epsilon", "variance_size", "gemma", "scale", "quant_dtype"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=45,
            ),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q"},
                fan_out="static_quant",
                line=45,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_static_quant_keep",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "scale": Use("scale"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "y": "new_y"},
            line=45,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"), Replace("y", "new_y", True)),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("scale"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("scale", (19, 5888), Dtype("f32")),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:45",
)

# rms_norm_quant.pat:8
#     pattern rms_norm_token_quant { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant }
RMS_NORM_TOKEN_QUANT_ = Pattern(
    "rms_norm_token_quant",
    left=Block(
        ("x", "weight", "epsilon", "variance_size", "gemma", "quant_dtype"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=8,
            ),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=8,
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
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=8,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "token_quant"), Replace("scale", "new_scale", True, "token_quant")),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:8",
)

# rms_norm_quant.pat:46
#     pattern rms_norm_token_quant_keep { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant_keep }
RMS_NORM_TOKEN_QUANT_KEEP_ = Pattern(
    "rms_norm_token_quant_keep",
    left=Block(
        ("x", "weight", "epsilon", "variance_size", "gemma", "quant_dtype"),
        (
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("x"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=46,
            ),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=46,
            ),
        ),
        (FanOut("token_quant", 1, None),),
    ),
    right=(
        RightStep(
            "rms_norm_token_quant_keep",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"q": "new_q", "scale": "new_scale", "y": "new_y"},
            line=46,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "token_quant"),
        Replace("scale", "new_scale", True, "token_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(
        Input("x"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=19),
        Example("gemma", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="rms_norm_quant.pat:46",
)

RMS_NORM_QUANT_PASS = PassSpec(
    "rms_norm_quant",
    patterns=(
        ADD_RMS_NORM_GROUP_QUANT_LAYOUTS_,
        RMS_NORM_GROUP_QUANT_LAYOUTS_,
        ADD_RMS_NORM_GROUP_QUANT_,
        ADD_RMS_NORM_GROUP_QUANT_KEEP_,
        ADD_RMS_NORM_MX_QUANT_,
        ADD_RMS_NORM_MX_QUANT_KEEP_,
        ADD_RMS_NORM_STATIC_QUANT_,
        ADD_RMS_NORM_STATIC_QUANT_KEEP_,
        ADD_RMS_NORM_TOKEN_QUANT_,
        ADD_RMS_NORM_TOKEN_QUANT_KEEP_,
        RMS_NORM_GROUP_QUANT_,
        RMS_NORM_GROUP_QUANT_KEEP_,
        RMS_NORM_MX_QUANT_,
        RMS_NORM_MX_QUANT_KEEP_,
        RMS_NORM_STATIC_QUANT_,
        RMS_NORM_STATIC_QUANT_KEEP_,
        RMS_NORM_TOKEN_QUANT_,
        RMS_NORM_TOKEN_QUANT_KEEP_,
    ),
    ops={
        "add": ADD,
        "add_rms_norm_group_quant": ADD_RMS_NORM_GROUP_QUANT,
        "add_rms_norm_group_quant_keep": ADD_RMS_NORM_GROUP_QUANT_KEEP,
        "add_rms_norm_group_quant_layouts": ADD_RMS_NORM_GROUP_QUANT_LAYOUTS,
        "add_rms_norm_mx_quant": ADD_RMS_NORM_MX_QUANT,
        "add_rms_norm_mx_quant_keep": ADD_RMS_NORM_MX_QUANT_KEEP,
        "add_rms_norm_static_quant": ADD_RMS_NORM_STATIC_QUANT,
        "add_rms_norm_static_quant_keep": ADD_RMS_NORM_STATIC_QUANT_KEEP,
        "add_rms_norm_token_quant": ADD_RMS_NORM_TOKEN_QUANT,
        "add_rms_norm_token_quant_keep": ADD_RMS_NORM_TOKEN_QUANT_KEEP,
        "clamp": CLAMP,
        "fused_add_rms_norm": FUSED_ADD_RMS_NORM,
        "group_quant": GROUP_QUANT,
        "mul": MUL,
        "mx_quant": MX_QUANT,
        "reciprocal": RECIPROCAL,
        "rms_norm": RMS_NORM,
        "rms_norm_group_quant": RMS_NORM_GROUP_QUANT,
        "rms_norm_group_quant_keep": RMS_NORM_GROUP_QUANT_KEEP,
        "rms_norm_group_quant_layouts": RMS_NORM_GROUP_QUANT_LAYOUTS,
        "rms_norm_mx_quant": RMS_NORM_MX_QUANT,
        "rms_norm_mx_quant_keep": RMS_NORM_MX_QUANT_KEEP,
        "rms_norm_static_quant": RMS_NORM_STATIC_QUANT,
        "rms_norm_static_quant_keep": RMS_NORM_STATIC_QUANT_KEEP,
        "rms_norm_token_quant": RMS_NORM_TOKEN_QUANT,
        "rms_norm_token_quant_keep": RMS_NORM_TOKEN_QUANT_KEEP,
        "saturated": SATURATED,
        "static_quant": STATIC_QUANT,
        "to": TO,
        "token_quant": TOKEN_QUANT,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
)


def register_rms_norm_quant(patterns: FusionPass) -> None:
    """Register the patterns of pass `rms_norm_quant`."""
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_GROUP_QUANT_LAYOUTS_),
        replace_fn=Right(ADD_RMS_NORM_GROUP_QUANT_LAYOUTS_),
        example_inputs=examples(ADD_RMS_NORM_GROUP_QUANT_LAYOUTS_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_GROUP_QUANT_LAYOUTS_, patterns),
        pattern_name="add_rms_norm_group_quant_layouts",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_GROUP_QUANT_LAYOUTS_),
        replace_fn=Right(RMS_NORM_GROUP_QUANT_LAYOUTS_),
        example_inputs=examples(RMS_NORM_GROUP_QUANT_LAYOUTS_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_GROUP_QUANT_LAYOUTS_, patterns),
        pattern_name="rms_norm_group_quant_layouts",
    )
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
        search_fn=Left(ADD_RMS_NORM_GROUP_QUANT_KEEP_),
        replace_fn=Right(ADD_RMS_NORM_GROUP_QUANT_KEEP_),
        example_inputs=examples(ADD_RMS_NORM_GROUP_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_GROUP_QUANT_KEEP_, patterns),
        pattern_name="add_rms_norm_group_quant_keep",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_MX_QUANT_),
        replace_fn=Right(ADD_RMS_NORM_MX_QUANT_),
        example_inputs=examples(ADD_RMS_NORM_MX_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_MX_QUANT_, patterns),
        pattern_name="add_rms_norm_mx_quant",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_MX_QUANT_KEEP_),
        replace_fn=Right(ADD_RMS_NORM_MX_QUANT_KEEP_),
        example_inputs=examples(ADD_RMS_NORM_MX_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_MX_QUANT_KEEP_, patterns),
        pattern_name="add_rms_norm_mx_quant_keep",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_STATIC_QUANT_),
        replace_fn=Right(ADD_RMS_NORM_STATIC_QUANT_),
        example_inputs=examples(ADD_RMS_NORM_STATIC_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_STATIC_QUANT_, patterns),
        pattern_name="add_rms_norm_static_quant",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_STATIC_QUANT_KEEP_),
        replace_fn=Right(ADD_RMS_NORM_STATIC_QUANT_KEEP_),
        example_inputs=examples(ADD_RMS_NORM_STATIC_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_STATIC_QUANT_KEEP_, patterns),
        pattern_name="add_rms_norm_static_quant_keep",
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
        search_fn=Left(ADD_RMS_NORM_TOKEN_QUANT_KEEP_),
        replace_fn=Right(ADD_RMS_NORM_TOKEN_QUANT_KEEP_),
        example_inputs=examples(ADD_RMS_NORM_TOKEN_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_TOKEN_QUANT_KEEP_, patterns),
        pattern_name="add_rms_norm_token_quant_keep",
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
        search_fn=Left(RMS_NORM_GROUP_QUANT_KEEP_),
        replace_fn=Right(RMS_NORM_GROUP_QUANT_KEEP_),
        example_inputs=examples(RMS_NORM_GROUP_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_GROUP_QUANT_KEEP_, patterns),
        pattern_name="rms_norm_group_quant_keep",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_MX_QUANT_),
        replace_fn=Right(RMS_NORM_MX_QUANT_),
        example_inputs=examples(RMS_NORM_MX_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_MX_QUANT_, patterns),
        pattern_name="rms_norm_mx_quant",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_MX_QUANT_KEEP_),
        replace_fn=Right(RMS_NORM_MX_QUANT_KEEP_),
        example_inputs=examples(RMS_NORM_MX_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_MX_QUANT_KEEP_, patterns),
        pattern_name="rms_norm_mx_quant_keep",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_STATIC_QUANT_),
        replace_fn=Right(RMS_NORM_STATIC_QUANT_),
        example_inputs=examples(RMS_NORM_STATIC_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_STATIC_QUANT_, patterns),
        pattern_name="rms_norm_static_quant",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_STATIC_QUANT_KEEP_),
        replace_fn=Right(RMS_NORM_STATIC_QUANT_KEEP_),
        example_inputs=examples(RMS_NORM_STATIC_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_STATIC_QUANT_KEEP_, patterns),
        pattern_name="rms_norm_static_quant_keep",
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
    register_replacement(
        search_fn=Left(RMS_NORM_TOKEN_QUANT_KEEP_),
        replace_fn=Right(RMS_NORM_TOKEN_QUANT_KEEP_),
        example_inputs=examples(RMS_NORM_TOKEN_QUANT_KEEP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_TOKEN_QUANT_KEEP_, patterns),
        pattern_name="rms_norm_token_quant_keep",
    )


PASSES = ((RMS_NORM_QUANT_PASS, register_rms_norm_quant),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
