"""Fusion passes of allreduce_rms_fusion.pat: allreduce_rms.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile allreduce_rms_fusion.pat -o allreduce_rms_fusion.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, HostValue, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    Effect,
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
    Temp,
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
Ss = Star("S")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

# allreduce.pat:10
ALL_REDUCE = Op(
    "all_reduce",
    params=(Param("x", Tensor(T, (Bs, H))), Param("group", Plain("str"))),
    results=(Result("ar", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("vllm::all_reduce.default"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:all_reduce",
)

# allreduce.pat:23
AR_ADD_RMS_NORM = Op(
    "ar_add_rms_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("y", Tensor(T, (Bs, H))), Result("residual_out", Tensor(T, (Bs, H)))),
    bindings=(
        TorchCall(
            "vllm::flashinfer_trtllm_fused_allreduce_norm.default",
            args={
                0: Mut("x", "y"),
                1: Mut("residual", "residual_out"),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("tp_size")),
                5: Give(Lit(True)),
                6: Give(Lit(True)),
                7: Give(Ref("ar_max_tokens")),
                8: Give(Lit(1)),
                9: Give(Lit(None)),
                10: Give(Lit(None)),
                11: Give(Lit(None)),
                12: Give(Lit(None)),
                13: Give(expr("float(gemma)")),
            },
            targets=(On("sm_90", True),),
        ),
        TorchCall("vllm::rocm_aiter_fused_allreduce_rmsnorm.default", targets=(On("gfx942"), On("gfx950"))),
    ),
    where=(expr("T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_add_rms_norm",
)

# allreduce.pat:75
AR_ADD_RMS_NORM_GROUP_QUANT = Op(
    "ar_add_rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group.default",
            targets=(On("gfx942"), On("gfx950")),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("group_size == 128 and T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_add_rms_norm_group_quant",
)

# allreduce.pat:82
AR_ADD_RMS_NORM_GROUP_QUANT_NORM = Op(
    "ar_add_rms_norm_group_quant_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
        Result("y", Tensor(T, (Bs, H))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group_with_bf16_norm.default",
            targets=(On("gfx942"), On("gfx950")),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("group_size == 128 and T == bf16"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_add_rms_norm_group_quant_norm",
)

# allreduce.pat:57
AR_ADD_RMS_NORM_NVFP4_QUANT = Op(
    "ar_add_rms_norm_nvfp4_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("residual", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("global_scale", Tensor(Dtype("f32"), (Ss,))),
    ),
    results=(
        Result("q", Tensor(Dtype("u8"), (M, expr("H / 2")))),
        Result("residual_out", Tensor(T, (M, H))),
        Result("scale", AnyTensor()),
    ),
    bindings=(
        TorchCall(
            "vllm::flashinfer_trtllm_fused_allreduce_norm.default",
            args={
                0: Mut("x", None),
                1: Mut("residual", "residual_out"),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("tp_size")),
                5: Give(Lit(True)),
                6: Give(Lit(True)),
                7: Give(Ref("ar_max_tokens")),
                8: Give(Lit(3)),
                9: Give(Lit(None)),
                10: Out("q"),
                11: Out("scale", Dtype("f8e4m3fn")),
                12: Give(Ref("global_scale")),
                13: Give(Lit(0.0)),
            },
            targets=(On("sm_100", True),),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_add_rms_norm_nvfp4_quant",
)

# allreduce.pat:40
AR_ADD_RMS_NORM_STATIC_QUANT = Op(
    "ar_add_rms_norm_static_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
    ),
    results=(Result("q", Tensor(Dtype("fp8"), (Bs, H))), Result("residual_out", Tensor(T, (Bs, H)))),
    bindings=(
        TorchCall(
            "vllm::flashinfer_trtllm_fused_allreduce_norm.default",
            args={
                0: Mut("x", None),
                1: Mut("residual", "residual_out"),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("tp_size")),
                5: Give(Lit(True)),
                6: Give(Lit(True)),
                7: Give(Ref("ar_max_tokens")),
                8: Give(Lit(2)),
                9: Give(Lit(None)),
                10: Out("q"),
                11: Give(Lit(None)),
                12: Give(Ref("scale")),
                13: Give(Lit(0.0)),
            },
            targets=(On("sm_90", True),),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("numel(scale) == 1 and T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_add_rms_norm_static_quant",
)

# allreduce.pat:15
AR_RMS_NORM = Op(
    "ar_rms_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("y", Tensor(T, (Bs, H))), Result("ar", Tensor(T, (Bs, H)))),
    bindings=(
        TorchCall(
            "vllm::flashinfer_trtllm_fused_allreduce_norm.default",
            args={
                0: Mut("x", "ar"),
                1: Nested("zeros_like", {"x": Give(Ref("x"))}),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("tp_size")),
                5: Give(Lit(True)),
                6: Give(Lit(True)),
                7: Give(Ref("ar_max_tokens")),
                8: Give(Lit(1)),
                9: Out("y"),
                10: Give(Lit(None)),
                11: Give(Lit(None)),
                12: Give(Lit(None)),
                13: Give(expr("float(gemma)")),
            },
            targets=(On("sm_90", True),),
        ),
        TorchCall(
            "vllm::rocm_aiter_fused_allreduce_rmsnorm.default",
            args={
                0: Give(Ref("x")),
                1: Nested("zeros_like", {"x": Give(Ref("x"))}),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("gemma")),
            },
            targets=(On("gfx942"), On("gfx950")),
        ),
    ),
    where=(expr("T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_rms_norm",
)

# allreduce.pat:67
AR_RMS_NORM_GROUP_QUANT = Op(
    "ar_rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("ar", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group.default",
            args={
                0: Give(Ref("x")),
                1: Nested("zeros_like", {"x": Give(Ref("x"))}),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("group_size")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("group_size == 128 and T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_rms_norm_group_quant",
)

# allreduce.pat:48
AR_RMS_NORM_NVFP4_QUANT = Op(
    "ar_rms_norm_nvfp4_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("global_scale", Tensor(Dtype("f32"), (Ss,))),
    ),
    results=(
        Result("q", Tensor(Dtype("u8"), (M, expr("H / 2")))),
        Result("ar", Tensor(T, (M, H))),
        Result("scale", AnyTensor()),
    ),
    bindings=(
        TorchCall(
            "vllm::flashinfer_trtllm_fused_allreduce_norm.default",
            args={
                0: Mut("x", "ar"),
                1: Nested("zeros_like", {"x": Give(Ref("x"))}),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("tp_size")),
                5: Give(Lit(True)),
                6: Give(Lit(True)),
                7: Give(Ref("ar_max_tokens")),
                8: Give(Lit(3)),
                9: Temp(Tensor(T, (M, H))),
                10: Out("q"),
                11: Out("scale", Dtype("f8e4m3fn")),
                12: Give(Ref("global_scale")),
                13: Give(Lit(0.0)),
            },
            targets=(On("sm_100", True),),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_rms_norm_nvfp4_quant",
)

# allreduce.pat:32
AR_RMS_NORM_STATIC_QUANT = Op(
    "ar_rms_norm_static_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
    ),
    results=(Result("q", Tensor(Dtype("fp8"), (Bs, H))), Result("ar", Tensor(T, (Bs, H)))),
    bindings=(
        TorchCall(
            "vllm::flashinfer_trtllm_fused_allreduce_norm.default",
            args={
                0: Mut("x", "ar"),
                1: Nested("zeros_like", {"x": Give(Ref("x"))}),
                2: Give(Ref("weight")),
                3: Give(Ref("epsilon")),
                4: Give(Ref("tp_size")),
                5: Give(Lit(True)),
                6: Give(Lit(True)),
                7: Give(Ref("ar_max_tokens")),
                8: Give(Lit(2)),
                9: Temp(Tensor(T, (Bs, H))),
                10: Out("q"),
                11: Give(Lit(None)),
                12: Give(Ref("scale")),
                13: Give(Lit(0.0)),
            },
            targets=(On("sm_90", True),),
            guard=Ref("ar_quant"),
        ),
    ),
    where=(expr("numel(scale) == 1 and T in {bf16, f16}"),),
    effects=(Effect("collective"),),
    ref="patdsl.reference:ar_rms_norm_static_quant",
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

# nvfp4.pat:4
NVFP4_QUANT = Op(
    "nvfp4_quant",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("global_scale", Tensor(Dtype("f32"), (Ss,))),
        Param("swizzled", Plain("bool")),
    ),
    results=(Result("q", Tensor(Dtype("u8"), (M, expr("H / 2")))), Result("scale", AnyTensor())),
    bindings=(
        TorchCall(
            "_C::scaled_fp4_quant.out",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("global_scale")),
                2: Give(Ref("swizzled")),
                "output": Out("q"),
                "output_scale": Out("scale"),
            },
            targets=(On("sm_100", True),),
        ),
    ),
    ref="patdsl.reference:nvfp4_quant",
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

# aten.pat:39
ZEROS_LIKE = Op(
    "zeros_like",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("aten::zeros_like.default"),
        TorchCall("aten::full_like.default", args={0: Give(Ref("x")), 1: Give(Lit(0))}),
    ),
    free=True,
)

# allreduce_rms_fusion.pat:43
#     pattern ar_add_rms_group_quant {
#       all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> 1..x group_quant => ar_add_rms_norm_group
#     }
AR_ADD_RMS_GROUP_QUANT = Pattern(
    "ar_add_rms_group_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "group_size"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=44,
            ),
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("ar"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=44,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(False)),
                    "ue8m0": Const(Lit(False)),
                    "tma_aligned": Const(Lit(False)),
                    "quant_dtype": Const(Lit(Dtype("fp8"))),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=44,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "ar_add_rms_norm_group_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            line=44,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "group_quant"),
    ),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("group_size")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="allreduce_rms_fusion.pat:43",
)

# allreduce_rms_fusion.pat:48
#     pattern ar_add_rms_group_quant_norm {
#       all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> 1..x group_quant
#     =>
#       ar_add_rms_norm_group_quant_norm
#     }
AR_ADD_RMS_GROUP_QUANT_NORM = Pattern(
    "ar_add_rms_group_quant_norm",
    left=Block(
        ("x", "residual", "weight", "epsilon", "group_size"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=49,
            ),
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("ar"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=49,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(False)),
                    "ue8m0": Const(Lit(False)),
                    "tma_aligned": Const(Lit(False)),
                    "quant_dtype": Const(Lit(Dtype("fp8"))),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=49,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "ar_add_rms_norm_group_quant_norm",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale", "y": "new_y"},
            line=51,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True, "group_quant"),
        Replace("y", "new_y", True),
    ),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("group_size")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="allreduce_rms_fusion.pat:48",
)

# allreduce_rms_fusion.pat:31
#     pattern ar_add_rms_nvfp4_quant {
#       all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> nvfp4_quant(swizzled=true)
#     =>
#       ar_add_rms_norm_nvfp4_quant
#     }
AR_ADD_RMS_NVFP4_QUANT = Pattern(
    "ar_add_rms_nvfp4_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "global_scale"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=32,
            ),
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("ar"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=32,
            ),
            Step(
                "nvfp4_quant",
                op="nvfp4_quant",
                operands={
                    "x": Through("y"),
                    "global_scale": Use("global_scale"),
                    "swizzled": Const(Lit(True)),
                },
                results={"q": "q", "scale": "scale"},
                line=32,
            ),
        ),
    ),
    right=(
        RightStep(
            "ar_add_rms_norm_nvfp4_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "global_scale": Use("global_scale"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            flatten=("x", "residual"),
            line=34,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True),
    ),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("global_scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("residual", (11, 3328), Dtype("bf16")),
        Example("weight", (3328,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("global_scale", (4864,), Dtype("f32")),
    ),
    place="allreduce_rms_fusion.pat:31",
)

# allreduce_rms_fusion.pat:19
#     pattern ar_add_rms_static_quant {
#       all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> 1..x static_quant
#     =>
#       ar_add_rms_norm_static_quant
#     }
AR_ADD_RMS_STATIC_QUANT = Pattern(
    "ar_add_rms_static_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "scale"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=20,
            ),
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("ar"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=20,
            ),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Const(Lit(Dtype("fp8")))},
                results={"q": "q"},
                fan_out="static_quant",
                line=20,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "ar_add_rms_norm_static_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "scale": Use("scale"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out"},
            line=22,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"), Replace("residual_out", "new_residual_out", True)),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("scale")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("scale", (29, 7936), Dtype("f32")),
    ),
    place="allreduce_rms_fusion.pat:19",
)

# allreduce_rms_fusion.pat:38
#     pattern ar_rms_group_quant {
#       all_reduce(group=tp_group) -> rms_norm -> view? -> 1..x group_quant => ar_rms_norm_group_quant
#     }
AR_RMS_GROUP_QUANT = Pattern(
    "ar_rms_group_quant",
    left=Block(
        ("x", "weight", "epsilon", "group_size"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=39,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("ar"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y"},
                line=39,
            ),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Through("y"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(False)),
                    "ue8m0": Const(Lit(False)),
                    "tma_aligned": Const(Lit(False)),
                    "quant_dtype": Const(Lit(Dtype("fp8"))),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=39,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "ar_rms_norm_group_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "ar": "new_ar", "scale": "new_scale"},
            line=39,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True, "group_quant"),
        Replace("ar", "new_ar", True),
        Replace("scale", "new_scale", True, "group_quant"),
    ),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("group_size")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="allreduce_rms_fusion.pat:38",
)

# allreduce_rms_fusion.pat:26
#     pattern ar_rms_nvfp4_quant {
#       all_reduce(group=tp_group) -> rms_norm -> view? -> nvfp4_quant(swizzled=true) => ar_rms_norm_nvfp4_qua
#     }
AR_RMS_NVFP4_QUANT = Pattern(
    "ar_rms_nvfp4_quant",
    left=Block(
        ("x", "weight", "epsilon", "global_scale"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=27,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("ar"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y"},
                line=27,
            ),
            Step(
                "nvfp4_quant",
                op="nvfp4_quant",
                operands={
                    "x": Through("y"),
                    "global_scale": Use("global_scale"),
                    "swizzled": Const(Lit(True)),
                },
                results={"q": "q", "scale": "scale"},
                line=27,
            ),
        ),
    ),
    right=(
        RightStep(
            "ar_rms_norm_nvfp4_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "global_scale": Use("global_scale"),
            },
            results={"q": "new_q", "ar": "new_ar", "scale": "new_scale"},
            flatten=("x",),
            line=27,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True),
        Replace("ar", "new_ar", True),
        Replace("scale", "new_scale", True),
    ),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("global_scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("weight", (3328,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("global_scale", (4352,), Dtype("f32")),
    ),
    place="allreduce_rms_fusion.pat:26",
)

# allreduce_rms_fusion.pat:14
#     pattern ar_rms_static_quant {
#       all_reduce(group=tp_group) -> rms_norm -> view? -> 1..x static_quant => ar_rms_norm_static_quant
#     }
AR_RMS_STATIC_QUANT = Pattern(
    "ar_rms_static_quant",
    left=Block(
        ("x", "weight", "epsilon", "scale"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=15,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("ar"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y"},
                line=15,
            ),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Const(Lit(Dtype("fp8")))},
                results={"q": "q"},
                fan_out="static_quant",
                line=15,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "ar_rms_norm_static_quant",
            args={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon"), "scale": Use("scale")},
            results={"q": "new_q", "ar": "new_ar"},
            line=15,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"), Replace("ar", "new_ar", True)),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("scale")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("scale", (19, 5888), Dtype("f32")),
    ),
    place="allreduce_rms_fusion.pat:14",
)

# allreduce_rms_fusion.pat:11
#     pattern ar_add_rms { all_reduce(group=tp_group) -> fused_add_rms_norm => ar_add_rms_norm }
AR_ADD_RMS = Pattern(
    "ar_add_rms",
    left=Block(
        ("x", "residual", "weight", "epsilon", "gemma"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=11,
            ),
            Step(
                "fused_add_rms_norm",
                op="fused_add_rms_norm",
                operands={
                    "x": Use("ar"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Use("gemma"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=11,
            ),
        ),
    ),
    right=(
        RightStep(
            "ar_add_rms_norm",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "gemma": Use("gemma"),
            },
            results={"y": "new_y", "residual_out": "new_residual_out"},
            line=11,
        ),
    ),
    replaces=(Replace("y", "new_y", True), Replace("residual_out", "new_residual_out", True)),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("gemma")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("gemma", value=False),
    ),
    place="allreduce_rms_fusion.pat:11",
)

# allreduce_rms_fusion.pat:8
#     pattern ar_rms { all_reduce(group=tp_group) -> rms_norm => ar_rms_norm }
AR_RMS = Pattern(
    "ar_rms",
    left=Block(
        ("x", "weight", "epsilon", "gemma"),
        (
            Step(
                "all_reduce",
                op="all_reduce",
                operands={"x": Use("x"), "group": Const(Ref("tp_group"))},
                results={"ar": "ar"},
                line=8,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("ar"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=8,
            ),
        ),
    ),
    right=(
        RightStep(
            "ar_rms_norm",
            args={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon"), "gemma": Use("gemma")},
            results={"y": "new_y", "ar": "new_ar"},
            line=8,
        ),
    ),
    replaces=(Replace("y", "new_y", True), Replace("ar", "new_ar", True)),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("gemma")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("gemma", value=False),
    ),
    place="allreduce_rms_fusion.pat:8",
)

ALLREDUCE_RMS_PASS = PassSpec(
    "allreduce_rms",
    patterns=(
        AR_ADD_RMS_GROUP_QUANT,
        AR_ADD_RMS_GROUP_QUANT_NORM,
        AR_ADD_RMS_NVFP4_QUANT,
        AR_ADD_RMS_STATIC_QUANT,
        AR_RMS_GROUP_QUANT,
        AR_RMS_NVFP4_QUANT,
        AR_RMS_STATIC_QUANT,
        AR_ADD_RMS,
        AR_RMS,
    ),
    ops={
        "add": ADD,
        "all_reduce": ALL_REDUCE,
        "ar_add_rms_norm": AR_ADD_RMS_NORM,
        "ar_add_rms_norm_group_quant": AR_ADD_RMS_NORM_GROUP_QUANT,
        "ar_add_rms_norm_group_quant_norm": AR_ADD_RMS_NORM_GROUP_QUANT_NORM,
        "ar_add_rms_norm_nvfp4_quant": AR_ADD_RMS_NORM_NVFP4_QUANT,
        "ar_add_rms_norm_static_quant": AR_ADD_RMS_NORM_STATIC_QUANT,
        "ar_rms_norm": AR_RMS_NORM,
        "ar_rms_norm_group_quant": AR_RMS_NORM_GROUP_QUANT,
        "ar_rms_norm_nvfp4_quant": AR_RMS_NORM_NVFP4_QUANT,
        "ar_rms_norm_static_quant": AR_RMS_NORM_STATIC_QUANT,
        "clamp": CLAMP,
        "fused_add_rms_norm": FUSED_ADD_RMS_NORM,
        "group_quant": GROUP_QUANT,
        "mul": MUL,
        "nvfp4_quant": NVFP4_QUANT,
        "reciprocal": RECIPROCAL,
        "rms_norm": RMS_NORM,
        "saturated": SATURATED,
        "static_quant": STATIC_QUANT,
        "to": TO,
        "zeros_like": ZEROS_LIKE,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
    hosts=(
        HostValue("ar_max_tokens", "int", default=1),
        HostValue("ar_quant", "bool", default=True),
        HostValue("tp_group", "str", default="test"),
        HostValue("tp_size", "int", default=1),
    ),
    targets=(On("gfx942"), On("gfx950"), On("sm_90", True)),
    when=expr("tp_size > 1 and tokens <= ar_max_tokens"),
)


def register_allreduce_rms(patterns: FusionPass) -> None:
    """Register the patterns of pass `allreduce_rms`."""
    register_replacement(
        search_fn=Left(AR_ADD_RMS_GROUP_QUANT),
        replace_fn=Right(AR_ADD_RMS_GROUP_QUANT),
        example_inputs=examples(AR_ADD_RMS_GROUP_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_ADD_RMS_GROUP_QUANT, patterns),
        pattern_name="ar_add_rms_group_quant",
    )
    register_replacement(
        search_fn=Left(AR_ADD_RMS_GROUP_QUANT_NORM),
        replace_fn=Right(AR_ADD_RMS_GROUP_QUANT_NORM),
        example_inputs=examples(AR_ADD_RMS_GROUP_QUANT_NORM),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_ADD_RMS_GROUP_QUANT_NORM, patterns),
        pattern_name="ar_add_rms_group_quant_norm",
    )
    register_replacement(
        search_fn=Left(AR_ADD_RMS_NVFP4_QUANT),
        replace_fn=Right(AR_ADD_RMS_NVFP4_QUANT),
        example_inputs=examples(AR_ADD_RMS_NVFP4_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_ADD_RMS_NVFP4_QUANT, patterns),
        pattern_name="ar_add_rms_nvfp4_quant",
    )
    register_replacement(
        search_fn=Left(AR_ADD_RMS_STATIC_QUANT),
        replace_fn=Right(AR_ADD_RMS_STATIC_QUANT),
        example_inputs=examples(AR_ADD_RMS_STATIC_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_ADD_RMS_STATIC_QUANT, patterns),
        pattern_name="ar_add_rms_static_quant",
    )
    register_replacement(
        search_fn=Left(AR_RMS_GROUP_QUANT),
        replace_fn=Right(AR_RMS_GROUP_QUANT),
        example_inputs=examples(AR_RMS_GROUP_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_RMS_GROUP_QUANT, patterns),
        pattern_name="ar_rms_group_quant",
    )
    register_replacement(
        search_fn=Left(AR_RMS_NVFP4_QUANT),
        replace_fn=Right(AR_RMS_NVFP4_QUANT),
        example_inputs=examples(AR_RMS_NVFP4_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_RMS_NVFP4_QUANT, patterns),
        pattern_name="ar_rms_nvfp4_quant",
    )
    register_replacement(
        search_fn=Left(AR_RMS_STATIC_QUANT),
        replace_fn=Right(AR_RMS_STATIC_QUANT),
        example_inputs=examples(AR_RMS_STATIC_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_RMS_STATIC_QUANT, patterns),
        pattern_name="ar_rms_static_quant",
    )
    register_replacement(
        search_fn=Left(AR_ADD_RMS),
        replace_fn=Right(AR_ADD_RMS),
        example_inputs=examples(AR_ADD_RMS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_ADD_RMS, patterns),
        pattern_name="ar_add_rms",
    )
    register_replacement(
        search_fn=Left(AR_RMS),
        replace_fn=Right(AR_RMS),
        example_inputs=examples(AR_RMS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AR_RMS, patterns),
        pattern_name="ar_rms",
    )


PASSES = ((ALLREDUCE_RMS_PASS, register_allreduce_rms),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
