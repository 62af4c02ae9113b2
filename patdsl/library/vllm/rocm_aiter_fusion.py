"""Fusion passes of rocm_aiter_fusion.pat: act_padding, mla_dual_norm.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rocm_aiter_fusion.pat -o rocm_aiter_fusion.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    Give,
    Mut,
    Nested,
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
C = Ref("C")
H = Ref("H")
K = Ref("K")
M = Ref("M")
N = Ref("N")
P = Ref("P")
Q = Ref("Q")
R = Ref("R")
T_ = Ref("T")
W_ = Ref("W")
Bs = Star("B")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

# aiter.pat:130
ADD_RMS_NORM_PAD = Op(
    "add_rms_norm_pad",
    params=(
        Param("x", Tensor(T, (M, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("residual", Tensor(T, (M, H))),
        Param("multiple", Plain("int")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("padded", Tensor(T, (M, expr("ceil(H / multiple) * multiple")))),
        Result("residual_out", Tensor(T, (M, H))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_triton_add_rmsnorm_pad.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("weight")),
                2: Give(Ref("epsilon")),
                3: Give(Ref("residual")),
                4: Give(Ref("multiple")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("variance_size == none and not gemma and W == T"),
        ),
        TorchCall("patdsl::add_rms_norm_pad.default"),
    ),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:add_rms_norm_pad",
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

# aten.pat:125
MM = Op(
    "mm",
    params=(Param("x", Tensor(T, (M, K))), Param("other", Tensor(T, (K, N)))),
    results=(Result("y", Tensor(T, (M, N))),),
    bindings=(TorchCall("aten::mm.default"),),
)

# aten.pat:122
PAD = Op(
    "pad",
    params=(
        Param("x", AnyTensor()),
        Param("pads", Plain("int", True)),
        Param("value", Plain("float"), True, Lit(None)),
    ),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::constant_pad_nd.default"),),
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

# patdsl.pat:135
RMS_NORM_PAD = Op(
    "rms_norm_pad",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
        Param("multiple", Plain("int")),
        Param("variance_size", Plain("int"), True, Lit(None)),
        Param("gemma", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("padded", Tensor(T, (Bs, expr("ceil(H / multiple) * multiple")))),),
    bindings=(TorchCall("patdsl::rms_norm_pad.default"),),
    where=(expr("T in {bf16, f16} and (weight == none or W in {T, f32})"),),
    ref="patdsl.reference:rms_norm_pad",
)

# vllm_ir.pat:104
ROCM_GEMM = Op(
    "rocm_gemm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (N, H))),
        Param("bias", Tensor(T, (N,)), True, Lit(None)),
    ),
    results=(Result("y", Tensor(T, (Bs, N))),),
    bindings=(TorchCall("vllm::rocm_unquantized_gemm.default"),),
    ref="patdsl.reference:linear",
)

# aten.pat:15
SLICE = Op(
    "slice",
    params=(
        Param("x", AnyTensor()),
        Param("dim", Plain("int")),
        Param("start", Plain("int")),
        Param("end", Plain("int")),
    ),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::slice.Tensor"),),
    free=True,
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

# aiter.pat:104
MLA_DUAL_RMS_NORM = Op(
    "mla_dual_rms_norm",
    params=(
        Param("q", Tensor(T, (M, Q))),
        Param("q_weight", Tensor(T, (Q,))),
        Param("kv", Tensor(T, (M, C))),
        Param("kv_weight", Tensor(T, (C,))),
        Param("q_epsilon", Plain("float")),
        Param("kv_epsilon", Plain("float")),
    ),
    results=(Result("q_n", Tensor(T, (M, Q))), Result("kv_n", Tensor(T, (M, C)))),
    bindings=(
        TorchCall("vllm::fused_mla_dual_rms_norm.default", targets=(On("gfx942"), On("gfx950"))),
        TorchCall("patdsl::mla_dual_rms_norm.default"),
    ),
    where=(expr("T in {bf16, f16}"),),
    ref="patdsl.reference:mla_dual_rms_norm",
)

# aiter.pat:120
MLA_DUAL_RMS_NORM_GROUP_QUANT = Op(
    "mla_dual_rms_norm_group_quant",
    params=(
        Param("q", Tensor(T, (M, Q))),
        Param("q_weight", Tensor(T, (Q,))),
        Param("kv", Tensor(T, (M, C))),
        Param("kv_weight", Tensor(T, (C,))),
        Param("q_epsilon", Plain("float")),
        Param("kv_epsilon", Plain("float")),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q_q", Tensor(Dtype("fp8"), (M, Q))),
        Result("q_scale", Tensor(Dtype("f32"), (M, expr("Q / group_size")))),
        Result("kv_n", Tensor(T, (M, C))),
    ),
    bindings=(
        TorchCall(
            "vllm::fused_mla_dual_rms_norm_group_quant.default",
            args={
                0: Give(Ref("q")),
                1: Give(Ref("q_weight")),
                2: Give(Ref("kv")),
                3: Give(Ref("kv_weight")),
                4: Give(Ref("q_epsilon")),
                5: Give(Ref("kv_epsilon")),
                6: Give(Ref("group_size")),
                7: Give(Lit(False)),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("not (col_major or ue8m0)"),
        ),
        TorchCall("patdsl::mla_dual_rms_norm_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16}"),),
    ref="patdsl.reference:mla_dual_rms_norm_group_quant",
)

# aiter.pat:112
MLA_DUAL_RMS_NORM_TOKEN_QUANT = Op(
    "mla_dual_rms_norm_token_quant",
    params=(
        Param("q", Tensor(T, (M, Q))),
        Param("q_weight", Tensor(T, (Q,))),
        Param("kv", Tensor(T, (M, C))),
        Param("kv_weight", Tensor(T, (C,))),
        Param("q_epsilon", Plain("float")),
        Param("kv_epsilon", Plain("float")),
    ),
    results=(
        Result("q_q", Tensor(Dtype("fp8"), (M, Q))),
        Result("q_scale", Tensor(Dtype("f32"), (M, Lit(1)))),
        Result("kv_n", Tensor(T, (M, C))),
    ),
    bindings=(
        TorchCall(
            "vllm::fused_mla_dual_rms_norm_per_token_quant.default",
            targets=(On("gfx942"), On("gfx950")),
        ),
        TorchCall("patdsl::mla_dual_rms_norm_token_quant.default"),
    ),
    where=(expr("T in {bf16, f16}"),),
    ref="patdsl.reference:mla_dual_rms_norm_token_quant",
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

# aten.pat:6
SPLIT = Op(
    "split",
    params=(
        Param("x", AnyTensor()),
        Param("sizes", Plain("int", True)),
        Param("dim", Plain("int"), default=Lit(0)),
    ),
    results=(Result("parts", Plain("tensor", True)),),
    bindings=(TorchCall("aten::split_with_sizes.default"), TorchCall("aten::split.Tensor")),
    free=True,
)

# add_rms_norm_pad.pat:7
#     pattern add_rms_norm_pad(x: T[M, H]) {
#       y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
#       p    = pad(y, [0, P], 0.0)
#       l    = rocm_gemm(y, router, bias)
#     =>
#       p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
#       l    = rocm_gemm(slice(p, -1, 0, H), router, bias)
#       where P > 0
#     }
ADD_RMS_NORM_PAD_ = Pattern(
    "add_rms_norm_pad",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma", "router", "bias"),
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
                results={"y": "y", "residual_out": "r"},
                line=8,
            ),
            Step(
                "pad",
                op="pad",
                operands={"x": Use("y"), "pads": Const(expr("[0, P]")), "value": Const(Lit(0.0))},
                results={"y": "p"},
                line=9,
            ),
            Step(
                "rocm_gemm",
                op="rocm_gemm",
                operands={"x": Use("y"), "weight": Use("router"), "bias": Use("bias")},
                results={"y": "l"},
                line=10,
            ),
        ),
    ),
    right=(
        RightStep(
            "add_rms_norm_pad",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "residual": Use("residual"),
                "multiple": Const(expr("H + P")),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"padded": "new_p", "residual_out": "new_r"},
            line=12,
        ),
        RightStep(
            "slice",
            args={"x": Use("new_p"), "dim": Const(Lit(-1)), "start": Const(Lit(0)), "end": Use("H")},
            results={"y": "new_y"},
            line=13,
        ),
        RightStep(
            "rocm_gemm",
            args={"x": Use("new_y"), "weight": Use("router"), "bias": Use("bias")},
            results={"y": "new_l"},
            line=13,
        ),
    ),
    replaces=(Replace("p", "new_p"), Replace("r", "new_r"), Replace("l", "new_l")),
    inputs=(
        Input("x", Tensor(T, (M, H))),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("router"),
        Input("bias"),
    ),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("residual", (11, 3328), Dtype("bf16")),
        Example("weight", (3328,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
        Example("router", (19, 3328), Dtype("bf16")),
        Example("bias", (19,), Dtype("bf16")),
    ),
    where=(expr("P > 0"),),
    place="add_rms_norm_pad.pat:7",
)

# add_rms_norm_pad.pat:18
#     pattern add_rms_norm_pad_mm(x: T[M, H]) {
#       y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
#       p    = pad(y, [0, P], 0.0)
#       l    = mm(y, router)
#     =>
#       p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
#       l    = mm(slice(p, -1, 0, H), router)
#       where P > 0
#     }
ADD_RMS_NORM_PAD_MM = Pattern(
    "add_rms_norm_pad_mm",
    left=Block(
        ("x", "residual", "weight", "epsilon", "variance_size", "gemma", "router"),
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
                results={"y": "y", "residual_out": "r"},
                line=19,
            ),
            Step(
                "pad",
                op="pad",
                operands={"x": Use("y"), "pads": Const(expr("[0, P]")), "value": Const(Lit(0.0))},
                results={"y": "p"},
                line=20,
            ),
            Step(
                "mm",
                op="mm",
                operands={"x": Use("y"), "other": Use("router")},
                results={"y": "l"},
                line=21,
            ),
        ),
    ),
    right=(
        RightStep(
            "add_rms_norm_pad",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "residual": Use("residual"),
                "multiple": Const(expr("H + P")),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"padded": "new_p", "residual_out": "new_r"},
            line=23,
        ),
        RightStep(
            "slice",
            args={"x": Use("new_p"), "dim": Const(Lit(-1)), "start": Const(Lit(0)), "end": Use("H")},
            results={"y": "new_y"},
            line=24,
        ),
        RightStep("mm", args={"x": Use("new_y"), "other": Use("router")}, results={"y": "new_l"}, line=24),
    ),
    replaces=(Replace("p", "new_p"), Replace("r", "new_r"), Replace("l", "new_l")),
    inputs=(
        Input("x", Tensor(T, (M, H))),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
        Input("router"),
    ),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("residual", (11, 3328), Dtype("bf16")),
        Example("weight", (3328,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=31),
        Example("gemma", value=False),
        Example("router", (3328, 5888), Dtype("bf16")),
    ),
    where=(expr("P > 0"),),
    place="add_rms_norm_pad.pat:18",
)

# add_rms_norm_pad.pat:38
#     pattern add_rms_norm_pad_alone(x: T[M, H]) {
#       y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
#       p    = pad(y, [0, P], 0.0)
#     =>
#       p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
#       where P > 0
#     }
ADD_RMS_NORM_PAD_ALONE = Pattern(
    "add_rms_norm_pad_alone",
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
                results={"y": "y", "residual_out": "r"},
                line=39,
            ),
            Step(
                "pad",
                op="pad",
                operands={"x": Use("y"), "pads": Const(expr("[0, P]")), "value": Const(Lit(0.0))},
                results={"y": "p"},
                line=40,
            ),
        ),
    ),
    right=(
        RightStep(
            "add_rms_norm_pad",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "residual": Use("residual"),
                "multiple": Const(expr("H + P")),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"padded": "new_p", "residual_out": "new_r"},
            line=42,
        ),
    ),
    replaces=(Replace("p", "new_p"), Replace("r", "new_r")),
    inputs=(
        Input("x", Tensor(T, (M, H))),
        Input("residual"),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
    ),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("residual", (11, 3328), Dtype("bf16")),
        Example("weight", (3328,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=23),
        Example("gemma", value=False),
    ),
    where=(expr("P > 0"),),
    place="add_rms_norm_pad.pat:38",
)

# add_rms_norm_pad.pat:30
#     pattern rms_norm_pad(x: T[*B, H]) {
#       y = rms_norm(x, weight, epsilon, variance_size, gemma)
#       p = pad(y, [0, P], 0.0)
#     =>
#       p = rms_norm_pad(x, weight, epsilon, H + P, variance_size, gemma)
#       where P > 0
#     }
RMS_NORM_PAD_ = Pattern(
    "rms_norm_pad",
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
                line=31,
            ),
            Step(
                "pad",
                op="pad",
                operands={"x": Use("y"), "pads": Const(expr("[0, P]")), "value": Const(Lit(0.0))},
                results={"y": "p"},
                line=32,
            ),
        ),
    ),
    right=(
        RightStep(
            "rms_norm_pad",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "multiple": Const(expr("H + P")),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"padded": "new_p"},
            line=34,
        ),
    ),
    replaces=(Replace("p", "new_p"),),
    inputs=(
        Input("x", Tensor(T, (Bs, H))),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=23),
        Example("gemma", value=False),
    ),
    where=(expr("P > 0"),),
    place="add_rms_norm_pad.pat:30",
)

# mla_dual_rms_norm.pat:6
#     pattern mla_dual_rms_norm {
#       q_c, kv    = split(qkv, [Q, C + R], -1)
#       kv_c, k_pe = split(kv, [C, R], -1)
#       q_n        = rms_norm(q_c, q_weight, q_epsilon)
#       kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
#     =>
#       q_n, kv_n = mla_dual_rms_norm(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
#     }
MLA_DUAL_RMS_NORM_ = Pattern(
    "mla_dual_rms_norm",
    left=Block(
        ("qkv", "q_weight", "q_epsilon", "kv_weight", "kv_epsilon"),
        (
            Step(
                "split",
                op="split",
                operands={"x": Use("qkv"), "sizes": Const(expr("[Q, C + R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "q_c", "parts.1": "kv"},
                line=7,
            ),
            Step(
                "split_2",
                op="split",
                operands={"x": Use("kv"), "sizes": Const(expr("[C, R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "kv_c", "parts.1": "k_pe"},
                line=8,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("q_c"),
                    "weight": Use("q_weight"),
                    "epsilon": Use("q_epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "q_n"},
                line=9,
            ),
            Step(
                "rms_norm_2",
                op="rms_norm",
                operands={
                    "x": Use("kv_c"),
                    "weight": Use("kv_weight"),
                    "epsilon": Use("kv_epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "kv_n"},
                line=10,
            ),
        ),
    ),
    right=(
        RightStep(
            "mla_dual_rms_norm",
            args={
                "q": Use("q_c"),
                "q_weight": Use("q_weight"),
                "kv": Use("kv_c"),
                "kv_weight": Use("kv_weight"),
                "q_epsilon": Use("q_epsilon"),
                "kv_epsilon": Use("kv_epsilon"),
            },
            results={"q_n": "new_q_n", "kv_n": "new_kv_n"},
            flatten=("q", "kv"),
            line=12,
        ),
    ),
    replaces=(Replace("q_n", "new_q_n", True), Replace("kv_n", "new_kv_n", True)),
    inputs=(Input("qkv"), Input("q_weight"), Input("q_epsilon"), Input("kv_weight"), Input("kv_epsilon")),
    examples=(
        Example("qkv", (11, 13, 15104), Dtype("bf16")),
        Example("q_weight", (4352,), Dtype("bf16")),
        Example("q_epsilon", value=1e-06),
        Example("kv_weight", (4864,), Dtype("bf16")),
        Example("kv_epsilon", value=3e-06),
    ),
    place="mla_dual_rms_norm.pat:6",
)

# mla_dual_rms_norm.pat:17
#     pattern mla_dual_rms_norm_group_quant {
#       q_c, kv    = split(qkv, [Q, C + R], -1)
#       kv_c, k_pe = split(kv, [C, R], -1)
#       q_q, q_s   = rms_norm_group_quant(view?(q_c), q_weight, q_epsilon, group_size, col_major, ue8m0,
#                      tma_aligned)
#       kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
#     =>
#       q_q, q_s, kv_n = mla_dual_rms_norm_group_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon,
#                          group_size, col_major, ue8m0, tma_aligned)
#     }
MLA_DUAL_RMS_NORM_GROUP_QUANT_ = Pattern(
    "mla_dual_rms_norm_group_quant",
    left=Block(
        (
            "qkv",
            "q_weight",
            "q_epsilon",
            "group_size",
            "col_major",
            "ue8m0",
            "tma_aligned",
            "kv_weight",
            "kv_epsilon",
        ),
        (
            Step(
                "split",
                op="split",
                operands={"x": Use("qkv"), "sizes": Const(expr("[Q, C + R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "q_c", "parts.1": "kv"},
                line=18,
            ),
            Step(
                "split_2",
                op="split",
                operands={"x": Use("kv"), "sizes": Const(expr("[C, R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "kv_c", "parts.1": "k_pe"},
                line=19,
            ),
            Step(
                "rms_norm_group_quant",
                op="rms_norm_group_quant",
                operands={
                    "x": Through("q_c"),
                    "weight": Use("q_weight"),
                    "epsilon": Use("q_epsilon"),
                    "group_size": Use("group_size"),
                    "col_major": Use("col_major"),
                    "ue8m0": Use("ue8m0"),
                    "tma_aligned": Use("tma_aligned"),
                    "quant_dtype": Const(Lit(Dtype("fp8"))),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"q": "q_q", "scale": "q_s"},
                line=20,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("kv_c"),
                    "weight": Use("kv_weight"),
                    "epsilon": Use("kv_epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "kv_n"},
                line=22,
            ),
        ),
    ),
    right=(
        RightStep(
            "mla_dual_rms_norm_group_quant",
            args={
                "q": Use("q_c"),
                "q_weight": Use("q_weight"),
                "kv": Use("kv_c"),
                "kv_weight": Use("kv_weight"),
                "q_epsilon": Use("q_epsilon"),
                "kv_epsilon": Use("kv_epsilon"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
            },
            results={"q_q": "new_q_q", "q_scale": "new_q_s", "kv_n": "new_kv_n"},
            flatten=("q", "kv"),
            line=24,
        ),
    ),
    replaces=(
        Replace("q_q", "new_q_q", True),
        Replace("q_s", "new_q_s", True),
        Replace("kv_n", "new_kv_n", True),
    ),
    inputs=(
        Input("qkv"),
        Input("q_weight"),
        Input("q_epsilon"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("kv_weight"),
        Input("kv_epsilon"),
    ),
    examples=(
        Example("qkv", (11, 12544), Dtype("bf16")),
        Example("q_weight", (3328,), Dtype("bf16")),
        Example("q_epsilon", value=1e-06),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("kv_weight", (4352,), Dtype("bf16")),
        Example("kv_epsilon", value=3e-06),
    ),
    place="mla_dual_rms_norm.pat:17",
)

# mla_dual_rms_norm.pat:28
#     pattern mla_dual_rms_norm_token_quant {
#       q_c, kv    = split(qkv, [Q, C + R], -1)
#       kv_c, k_pe = split(kv, [C, R], -1)
#       q_q, q_s   = rms_norm_token_quant(view?(q_c), q_weight, q_epsilon, fp8)
#       kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
#     =>
#       q_q, q_s, kv_n = mla_dual_rms_norm_token_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
#     }
MLA_DUAL_RMS_NORM_TOKEN_QUANT_ = Pattern(
    "mla_dual_rms_norm_token_quant",
    left=Block(
        ("qkv", "q_weight", "q_epsilon", "kv_weight", "kv_epsilon"),
        (
            Step(
                "split",
                op="split",
                operands={"x": Use("qkv"), "sizes": Const(expr("[Q, C + R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "q_c", "parts.1": "kv"},
                line=29,
            ),
            Step(
                "split_2",
                op="split",
                operands={"x": Use("kv"), "sizes": Const(expr("[C, R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "kv_c", "parts.1": "k_pe"},
                line=30,
            ),
            Step(
                "rms_norm_token_quant",
                op="rms_norm_token_quant",
                operands={
                    "x": Through("q_c"),
                    "weight": Use("q_weight"),
                    "epsilon": Use("q_epsilon"),
                    "quant_dtype": Const(Lit(Dtype("fp8"))),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"q": "q_q", "scale": "q_s"},
                line=31,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("kv_c"),
                    "weight": Use("kv_weight"),
                    "epsilon": Use("kv_epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "kv_n"},
                line=32,
            ),
        ),
    ),
    right=(
        RightStep(
            "mla_dual_rms_norm_token_quant",
            args={
                "q": Use("q_c"),
                "q_weight": Use("q_weight"),
                "kv": Use("kv_c"),
                "kv_weight": Use("kv_weight"),
                "q_epsilon": Use("q_epsilon"),
                "kv_epsilon": Use("kv_epsilon"),
            },
            results={"q_q": "new_q_q", "q_scale": "new_q_s", "kv_n": "new_kv_n"},
            flatten=("q", "kv"),
            line=34,
        ),
    ),
    replaces=(
        Replace("q_q", "new_q_q", True),
        Replace("q_s", "new_q_s", True),
        Replace("kv_n", "new_kv_n", True),
    ),
    inputs=(Input("qkv"), Input("q_weight"), Input("q_epsilon"), Input("kv_weight"), Input("kv_epsilon")),
    examples=(
        Example("qkv", (11, 12544), Dtype("bf16")),
        Example("q_weight", (3328,), Dtype("bf16")),
        Example("q_epsilon", value=1e-06),
        Example("kv_weight", (4352,), Dtype("bf16")),
        Example("kv_epsilon", value=3e-06),
    ),
    place="mla_dual_rms_norm.pat:28",
)

ACT_PADDING_PASS = PassSpec(
    "act_padding",
    patterns=(ADD_RMS_NORM_PAD_, ADD_RMS_NORM_PAD_MM, ADD_RMS_NORM_PAD_ALONE, RMS_NORM_PAD_),
    ops={
        "add": ADD,
        "add_rms_norm_pad": ADD_RMS_NORM_PAD,
        "fused_add_rms_norm": FUSED_ADD_RMS_NORM,
        "mm": MM,
        "pad": PAD,
        "rms_norm": RMS_NORM,
        "rms_norm_pad": RMS_NORM_PAD,
        "rocm_gemm": ROCM_GEMM,
        "slice": SLICE,
        "to": TO,
    },
)


def register_act_padding(patterns: FusionPass) -> None:
    """Register the patterns of pass `act_padding`."""
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_PAD_),
        replace_fn=Right(ADD_RMS_NORM_PAD_),
        example_inputs=examples(ADD_RMS_NORM_PAD_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_PAD_, patterns),
        pattern_name="add_rms_norm_pad",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_PAD_MM),
        replace_fn=Right(ADD_RMS_NORM_PAD_MM),
        example_inputs=examples(ADD_RMS_NORM_PAD_MM),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_PAD_MM, patterns),
        pattern_name="add_rms_norm_pad_mm",
    )
    register_replacement(
        search_fn=Left(ADD_RMS_NORM_PAD_ALONE),
        replace_fn=Right(ADD_RMS_NORM_PAD_ALONE),
        example_inputs=examples(ADD_RMS_NORM_PAD_ALONE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM_PAD_ALONE, patterns),
        pattern_name="add_rms_norm_pad_alone",
    )
    register_replacement(
        search_fn=Left(RMS_NORM_PAD_),
        replace_fn=Right(RMS_NORM_PAD_),
        example_inputs=examples(RMS_NORM_PAD_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_NORM_PAD_, patterns),
        pattern_name="rms_norm_pad",
    )


MLA_DUAL_NORM_PASS = PassSpec(
    "mla_dual_norm",
    patterns=(MLA_DUAL_RMS_NORM_, MLA_DUAL_RMS_NORM_GROUP_QUANT_, MLA_DUAL_RMS_NORM_TOKEN_QUANT_),
    ops={
        "add": ADD,
        "mla_dual_rms_norm": MLA_DUAL_RMS_NORM,
        "mla_dual_rms_norm_group_quant": MLA_DUAL_RMS_NORM_GROUP_QUANT,
        "mla_dual_rms_norm_token_quant": MLA_DUAL_RMS_NORM_TOKEN_QUANT,
        "rms_norm": RMS_NORM,
        "rms_norm_group_quant": RMS_NORM_GROUP_QUANT,
        "rms_norm_token_quant": RMS_NORM_TOKEN_QUANT,
        "split": SPLIT,
        "to": TO,
    },
)


def register_mla_dual_norm(patterns: FusionPass) -> None:
    """Register the patterns of pass `mla_dual_norm`."""
    register_replacement(
        search_fn=Left(MLA_DUAL_RMS_NORM_),
        replace_fn=Right(MLA_DUAL_RMS_NORM_),
        example_inputs=examples(MLA_DUAL_RMS_NORM_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MLA_DUAL_RMS_NORM_, patterns),
        pattern_name="mla_dual_rms_norm",
    )
    register_replacement(
        search_fn=Left(MLA_DUAL_RMS_NORM_GROUP_QUANT_),
        replace_fn=Right(MLA_DUAL_RMS_NORM_GROUP_QUANT_),
        example_inputs=examples(MLA_DUAL_RMS_NORM_GROUP_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MLA_DUAL_RMS_NORM_GROUP_QUANT_, patterns),
        pattern_name="mla_dual_rms_norm_group_quant",
    )
    register_replacement(
        search_fn=Left(MLA_DUAL_RMS_NORM_TOKEN_QUANT_),
        replace_fn=Right(MLA_DUAL_RMS_NORM_TOKEN_QUANT_),
        example_inputs=examples(MLA_DUAL_RMS_NORM_TOKEN_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MLA_DUAL_RMS_NORM_TOKEN_QUANT_, patterns),
        pattern_name="mla_dual_rms_norm_token_quant",
    )


PASSES = (
    (ACT_PADDING_PASS, register_act_padding),
    (MLA_DUAL_NORM_PASS, register_mla_dual_norm),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
