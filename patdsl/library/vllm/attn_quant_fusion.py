"""Fusion passes of attn_quant_fusion.pat: attn_quant.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile attn_quant_fusion.pat -o attn_quant_fusion.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import (
    ConstValue,
    Example,
    HostValue,
    Input,
    PassSpec,
    Pattern,
    Replace,
    RightStep,
    RightView,
)
from patdsl.op_table import (
    AnyTensor,
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    Effect,
    Give,
    Mut,
    Native,
    On,
    Op,
    Out,
    Param,
    Plain,
    Result,
    Same,
    Step,
    Tensor,
    TorchCall,
    Use,
    ViewStep,
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

C = DtypeVar("C")
Q = DtypeVar("Q")
T = DtypeVar("T")
X = DtypeVar("X")
A = Ref("A")
C_ = Ref("C")
D = Ref("D")
F = Ref("F")
G = Ref("G")
H = Ref("H")
K = Ref("K")
L = Ref("L")
M = Ref("M")
N = Ref("N")
R = Ref("R")
T_ = Ref("T")
V = Ref("V")
W = Ref("W")
Bs = Star("B")
Es = Star("E")
Ps = Star("P")
Ss = Star("S")

# attention.pat:75
ANY_ATTENTION = Op(
    "any_attention",
    params=(
        Param("query", AnyTensor()),
        Param("key", AnyTensor()),
        Param("value", AnyTensor()),
        Param("layer", Plain("opaque")),
        Param("scale", AnyTensor(), True, Lit(None)),
        Param("dep", AnyTensor(), True, Lit(None)),
    ),
    results=(Result("o", AnyTensor()),),
    bindings=(
        TorchCall(
            "vllm::unified_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("key")),
                2: Give(Ref("value")),
                3: Out("o"),
                4: Give(Ref("layer")),
                5: Give(Ref("scale")),
                6: Give(Lit(None)),
                7: Give(Ref("dep")),
            },
        ),
    ),
    effects=(Effect("kv_cache", True),),
)

# attention.pat:83
ATTENTION = Op(
    "attention",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("key", Tensor(T, (K, G, D))),
        Param("value", Tensor(T, (L, G, V))),
        Param("layer", Plain("opaque")),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(Result("o", Tensor(T, (N, A, V))),),
    bindings=(
        TorchCall(
            "vllm::unified_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("key")),
                2: Give(Ref("value")),
                3: Out("o"),
                4: Give(Ref("layer")),
                5: Give(Lit(None)),
                6: Give(Lit(None)),
                7: Give(Ref("dep")),
            },
        ),
    ),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:attention",
)

# attention.pat:97
ATTENTION_NVFP4_QUANT = Op(
    "attention_nvfp4_quant",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("key", Tensor(T, (K, G, D))),
        Param("value", Tensor(T, (L, G, V))),
        Param("layer", Plain("opaque")),
        Param("global_scale", Tensor(Dtype("f32"), (Ss,))),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(Result("q", Tensor(Dtype("u8"), (N, A, expr("V / 2")))), Result("scale", AnyTensor())),
    bindings=(
        TorchCall(
            "vllm::unified_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("key")),
                2: Give(Ref("value")),
                3: Out("q"),
                4: Give(Ref("layer")),
                5: Give(Ref("global_scale")),
                6: Out("scale", Dtype("f8e4m3fn")),
                7: Give(Ref("dep")),
            },
            targets=(On("sm_100", True),),
        ),
    ),
    where=(expr('supports(layer, "quant_nvfp4")'),),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:attention_nvfp4_quant",
)

# attention.pat:89
ATTENTION_STATIC_QUANT = Op(
    "attention_static_quant",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("key", Tensor(T, (K, G, D))),
        Param("value", Tensor(T, (L, G, V))),
        Param("layer", Plain("opaque")),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(Result("q", Tensor(Dtype("fp8"), (N, A, V))),),
    bindings=(
        TorchCall(
            "vllm::unified_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("key")),
                2: Give(Ref("value")),
                3: Out("q"),
                4: Give(Ref("layer")),
                5: Give(Ref("scale")),
                6: Give(Lit(None)),
                7: Give(Ref("dep")),
            },
        ),
    ),
    where=(expr('supports(layer, "quant_fp8_static") and numel(scale) == 1'),),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:attention_static_quant",
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

# attention.pat:16
KV_CACHE_UPDATE = Op(
    "kv_cache_update",
    params=(
        Param("key", Tensor(T, (N, G, D))),
        Param("value", Tensor(T, (N, G, V))),
        Param("layer", Plain("opaque")),
    ),
    results=(Result("dep", Tensor(T, (Lit(0),))),),
    bindings=(TorchCall("vllm::unified_kv_cache_update.default"),),
    effects=(Effect("kv_cache"),),
    ref="patdsl.reference.serving:kv_cache_update",
)

# attention.pat:106
MLA_ATTENTION = Op(
    "mla_attention",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("kv_c", Tensor(T, (K, C_))),
        Param("k_pe", Tensor(T, (L, Lit(1), R))),
        Param("layer", Plain("opaque")),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(Result("o", Tensor(T, (N, F))),),
    bindings=(
        TorchCall(
            "vllm::unified_mla_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("kv_c")),
                2: Give(Ref("k_pe")),
                3: Out("o"),
                4: Give(Ref("layer")),
                5: Give(Lit(None)),
                6: Give(Lit(None)),
                7: Give(Ref("dep")),
            },
        ),
    ),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:mla_attention",
)

# attention.pat:129
MLA_ATTENTION_GROUP_QUANT = Op(
    "mla_attention_group_quant",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("kv_c", Tensor(T, (K, C_))),
        Param("k_pe", Tensor(T, (L, Lit(1), R))),
        Param("layer", Plain("opaque")),
        Param("group_size", Plain("int")),
        Param("width", Plain("int")),
        Param("col_major", Plain("bool")),
        Param("ue8m0", Plain("bool")),
        Param("tma_aligned", Plain("bool")),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (N, Ref("width")))),
        Result("scale", Tensor(Dtype("f32"), (N, expr("width / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::unified_mla_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("kv_c")),
                2: Give(Ref("k_pe")),
                3: Out("q"),
                4: Give(Ref("layer")),
                5: Give(Lit(None)),
                6: Out("scale"),
                7: Give(Ref("dep")),
                8: Give(Ref("group_size")),
                9: Give(Ref("ue8m0")),
                10: Give(Ref("col_major")),
                11: Give(Ref("tma_aligned")),
            },
        ),
    ),
    where=(expr('group_size in {64, 128} and supports(layer, "quant_fp8_group")'),),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:mla_attention_group_quant",
)

# attention.pat:120
MLA_ATTENTION_NVFP4_QUANT = Op(
    "mla_attention_nvfp4_quant",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("kv_c", Tensor(T, (K, C_))),
        Param("k_pe", Tensor(T, (L, Lit(1), R))),
        Param("layer", Plain("opaque")),
        Param("global_scale", Tensor(Dtype("f32"), (Ss,))),
        Param("width", Plain("int")),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(Result("q", Tensor(Dtype("u8"), (N, expr("width / 2")))), Result("scale", AnyTensor())),
    bindings=(
        TorchCall(
            "vllm::unified_mla_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("kv_c")),
                2: Give(Ref("k_pe")),
                3: Out("q"),
                4: Give(Ref("layer")),
                5: Give(Ref("global_scale")),
                6: Out("scale", Dtype("f8e4m3fn")),
                7: Give(Ref("dep")),
            },
            targets=(On("sm_100", True),),
        ),
    ),
    where=(expr('supports(layer, "quant_nvfp4")'),),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:mla_attention_nvfp4_quant",
)

# attention.pat:112
MLA_ATTENTION_STATIC_QUANT = Op(
    "mla_attention_static_quant",
    params=(
        Param("query", Tensor(Q, (N, A, D))),
        Param("kv_c", Tensor(T, (K, C_))),
        Param("k_pe", Tensor(T, (L, Lit(1), R))),
        Param("layer", Plain("opaque")),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("width", Plain("int")),
        Param("dep", Tensor(X, (Es,)), True, Lit(None)),
    ),
    results=(Result("q", Tensor(Dtype("fp8"), (N, Ref("width")))),),
    bindings=(
        TorchCall(
            "vllm::unified_mla_attention_with_output.default",
            args={
                0: Give(Ref("query")),
                1: Give(Ref("kv_c")),
                2: Give(Ref("k_pe")),
                3: Out("q"),
                4: Give(Ref("layer")),
                5: Give(Ref("scale")),
                6: Give(Lit(None)),
                7: Give(Ref("dep")),
            },
        ),
    ),
    where=(expr('supports(layer, "quant_fp8_static") and numel(scale) == 1'),),
    effects=(Effect("kv_cache", True),),
    ref="patdsl.reference.serving:mla_attention_static_quant",
)

# attention.pat:21
MLA_KV_CACHE_UPDATE = Op(
    "mla_kv_cache_update",
    params=(
        Param("kv_c", Tensor(T, (N, C_))),
        Param("k_pe", Tensor(T, (N, Lit(1), R))),
        Param("layer", Plain("opaque")),
        Param("kv_dtype", Plain("str")),
        Param("k_scale", Tensor(Dtype("f32"), (Ss,))),
    ),
    results=(Result("dep", Tensor(T, (Lit(0),))),),
    bindings=(TorchCall("vllm::unified_mla_kv_cache_update.default"),),
    effects=(Effect("kv_cache"),),
    ref="patdsl.reference.serving:mla_kv_cache_update",
)

# attention.pat:36
MLA_ROPE_KV_CACHE_UPDATE = Op(
    "mla_rope_kv_cache_update",
    params=(
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("q_pe", Tensor(T, (N, A, R))),
        Param("k_pe", Tensor(T, (N, R))),
        Param("kv_c", Tensor(T, (N, C_))),
        Param("cos_sin", Tensor(X, (L, R))),
        Param("neox", Plain("bool")),
        Param("kv_dtype", Plain("str")),
        Param("k_scale", Tensor(Dtype("f32"), (Ss,))),
        Param("layer", Plain("opaque")),
    ),
    results=(
        Result("dep", Tensor(T, (Lit(0),))),
        Result("q_r", Tensor(T, (N, A, R))),
        Result("k_r", Tensor(T, (N, R))),
    ),
    bindings=(
        TorchCall(
            "vllm::fused_rope_unified_mla_kv_cache_update.default",
            args={
                0: Give(Ref("positions")),
                1: Mut("q_pe", "q_r"),
                2: Mut("k_pe", "k_r"),
                3: Give(Ref("kv_c")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
                6: Give(Ref("kv_dtype")),
                7: Give(Ref("k_scale")),
                8: Give(Ref("layer")),
            },
        ),
    ),
    effects=(Effect("kv_cache"),),
    ref="patdsl.reference.serving:mla_rope_kv_cache_update",
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

# attention.pat:54
QK_NORM_MROPE_KV_CACHE_UPDATE = Op(
    "qk_norm_mrope_kv_cache_update",
    params=(
        Param("heads", Plain("int")),
        Param("qkv", Tensor(T, (N, W))),
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("q_weight", Tensor(T, (D,))),
        Param("k_weight", Tensor(T, (D,))),
        Param("epsilon", Plain("float")),
        Param("cos_sin", Tensor(C, (L, Ref("rotary_dim")))),
        Param("neox", Plain("bool")),
        Param("t", Plain("int")),
        Param("h", Plain("int")),
        Param("w", Plain("int")),
        Param("interleaved", Plain("bool")),
        Param("rotary_dim", Plain("int")),
        Param("layer", Plain("opaque")),
    ),
    results=(Result("dep", Tensor(T, (Lit(0),))), Result("q_h", Tensor(T, (N, Ref("heads"), D)))),
    bindings=(
        TorchCall(
            "vllm::fused_qk_norm_mrope_and_unified_kv_cache_update.default",
            args={
                0: Out("q_h"),
                1: Give(Ref("qkv")),
                2: Give(Ref("positions")),
                3: Give(Ref("q_weight")),
                4: Give(Ref("k_weight")),
                5: Give(Ref("epsilon")),
                6: Give(Ref("cos_sin")),
                7: Give(Ref("neox")),
                8: Give(Ref("t")),
                9: Give(Ref("h")),
                10: Give(Ref("w")),
                11: Give(Ref("interleaved")),
                12: Give(Ref("rotary_dim")),
                13: Give(Ref("layer")),
            },
        ),
    ),
    where=(
        expr('D in {64, 128, 256} and T in {bf16, f16} and supports(layer, "qk_norm_mrope_kvcache")'),
        expr("rotary_dim == 2 * (t + h + w) and rotary_dim <= D and rotary_dim % (D / 32) == 0"),
        expr("not neox or rotary_dim % (D / 16) == 0"),
    ),
    effects=(Effect("kv_cache"),),
    ref="patdsl.reference.serving:qk_norm_mrope_kv_cache_update",
)

# attention.pat:44
QK_NORM_ROPE_KV_CACHE_UPDATE = Op(
    "qk_norm_rope_kv_cache_update",
    params=(
        Param("heads", Plain("int")),
        Param("kv_heads", Plain("int")),
        Param("qkv", Tensor(T, (N, W))),
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("q_weight", Tensor(T, (D,))),
        Param("k_weight", Tensor(T, (D,))),
        Param("epsilon", Plain("float")),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
        Param("layer", Plain("opaque")),
    ),
    results=(
        Result("dep", Tensor(T, (Lit(0),))),
        Result("q_h", Tensor(T, (N, Ref("heads"), D))),
        Result("k_h", Tensor(T, (N, Ref("kv_heads"), D))),
    ),
    bindings=(
        TorchCall(
            "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
            args={
                0: Out("q_h"),
                1: Out("k_h"),
                2: Give(Ref("qkv")),
                3: Give(Ref("positions")),
                4: Give(Ref("q_weight")),
                5: Give(Ref("k_weight")),
                6: Give(Ref("epsilon")),
                7: Give(Ref("cos_sin")),
                8: Give(Ref("neox")),
                9: Give(Ref("layer")),
            },
        ),
    ),
    where=(expr('D in {64, 128, 256} and T in {bf16, f16} and supports(layer, "qk_norm_rope_kvcache")'),),
    effects=(Effect("kv_cache"),),
    ref="patdsl.reference.serving:qk_norm_rope_kv_cache_update",
)

# aten.pat:84
RECIPROCAL = Op(
    "reciprocal",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::reciprocal.default"),),
)

# attention.pat:27
ROPE_KV_CACHE_UPDATE = Op(
    "rope_kv_cache_update",
    params=(
        Param("query", Tensor(T, (N, A, D))),
        Param("key", Tensor(T, (N, G, D))),
        Param("value", Tensor(T, (N, G, V))),
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
        Param("layer", Plain("opaque")),
    ),
    results=(
        Result("dep", Tensor(T, (Lit(0),))),
        Result("q_r", Tensor(T, (N, A, D))),
        Result("k_r", Tensor(T, (N, G, D))),
    ),
    bindings=(
        TorchCall(
            "vllm::fused_rope_and_unified_kv_cache_update.default",
            args={
                0: Mut("query", "q_r"),
                1: Mut("key", "k_r"),
                2: Give(Ref("value")),
                3: Give(Ref("positions")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
                6: Give(Ref("layer")),
            },
        ),
    ),
    where=(expr('supports(layer, "rope_kvcache")'),),
    effects=(Effect("kv_cache"),),
    ref="patdsl.reference.serving:rope_kv_cache_update",
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

# attn_quant_fusion.pat:16
#     pattern attn_nvfp4_quant(query: Q[N, A, D]) {
#       o    = attention(query, key, value, layer, dep)
#       q, s = nvfp4_quant(view(o, [N, F]), scale, true)
#     =>
#       t, s = attention_nvfp4_quant(query, key, value, layer, scale, dep)
#       q    = view(t, [N, F / 2])
#     }
ATTN_NVFP4_QUANT = Pattern(
    "attn_nvfp4_quant",
    left=Block(
        ("query", "key", "value", "layer", "dep", "scale"),
        (
            Step(
                "attention",
                op="attention",
                operands={
                    "query": Use("query"),
                    "key": Use("key"),
                    "value": Use("value"),
                    "layer": Use("layer"),
                    "dep": Use("dep"),
                },
                results={"o": "o"},
                line=17,
            ),
            ViewStep("view", source="o", dims=(N, F), line=18),
            Step(
                "nvfp4_quant",
                op="nvfp4_quant",
                operands={"x": Use("view"), "global_scale": Use("scale"), "swizzled": Const(Lit(True))},
                results={"q": "q", "scale": "s"},
                line=18,
            ),
        ),
    ),
    right=(
        RightStep(
            "attention_nvfp4_quant",
            args={
                "query": Use("query"),
                "key": Use("key"),
                "value": Use("value"),
                "layer": Use("layer"),
                "global_scale": Use("scale"),
                "dep": Use("dep"),
            },
            results={"q": "t", "scale": "new_s"},
            line=20,
        ),
        RightView("new_q", source="t", dims=expr("[N, F / 2]"), line=21),
    ),
    replaces=(Replace("s", "new_s"), Replace("q", "new_q")),
    inputs=(
        Input("query", Tensor(Q, (N, A, D))),
        Input("key"),
        Input("value"),
        Input("layer"),
        Input("dep"),
        Input("scale"),
    ),
    examples=(
        Example("query", (11, 13, 4352), Dtype("bf16")),
        Example("key", (19, 23, 4352), Dtype("bf16")),
        Example("value", (29, 23, 9472), Dtype("bf16")),
        Example("layer", value="example"),
        Example("dep", (41, 11008), Dtype("bf16")),
        Example("scale", (47, 13568), Dtype("f32")),
    ),
    place="attn_quant_fusion.pat:16",
)

# attn_quant_fusion.pat:7
#     pattern attn_static_quant {
#       o = attention(query, key, value, layer, dep)
#       q = static_quant(view(o, [N, F]), scale, fp8)
#     =>
#       t = attention_static_quant(query, key, value, layer, scale, dep)
#       q = view(t, [N, F])
#     }
ATTN_STATIC_QUANT = Pattern(
    "attn_static_quant",
    left=Block(
        ("query", "key", "value", "layer", "dep", "scale"),
        (
            Step(
                "attention",
                op="attention",
                operands={
                    "query": Use("query"),
                    "key": Use("key"),
                    "value": Use("value"),
                    "layer": Use("layer"),
                    "dep": Use("dep"),
                },
                results={"o": "o"},
                line=8,
            ),
            ViewStep("view", source="o", dims=(N, F), line=9),
            Step(
                "static_quant",
                op="static_quant",
                operands={"x": Use("view"), "scale": Use("scale"), "quant_dtype": Const(Lit(Dtype("fp8")))},
                results={"q": "q"},
                line=9,
            ),
        ),
    ),
    right=(
        RightStep(
            "attention_static_quant",
            args={
                "query": Use("query"),
                "key": Use("key"),
                "value": Use("value"),
                "layer": Use("layer"),
                "scale": Use("scale"),
                "dep": Use("dep"),
            },
            results={"q": "t"},
            line=11,
        ),
        RightView("new_q", source="t", dims=expr("[N, F]"), line=12),
    ),
    replaces=(Replace("q", "new_q"),),
    inputs=(Input("query"), Input("key"), Input("value"), Input("layer"), Input("dep"), Input("scale")),
    examples=(
        Example("query", (11, 767, 4352), Dtype("bf16")),
        Example("key", (19, 23, 4352), Dtype("bf16")),
        Example("value", (29, 23, 9472), Dtype("bf16")),
        Example("layer", value="example"),
        Example("dep", (41, 11008), Dtype("bf16")),
        Example("scale", (47, 13568), Dtype("f32")),
    ),
    place="attn_quant_fusion.pat:7",
)

ATTN_QUANT_PASS = PassSpec(
    "attn_quant",
    patterns=(ATTN_NVFP4_QUANT, ATTN_STATIC_QUANT),
    ops={
        "any_attention": ANY_ATTENTION,
        "attention": ATTENTION,
        "attention_nvfp4_quant": ATTENTION_NVFP4_QUANT,
        "attention_static_quant": ATTENTION_STATIC_QUANT,
        "clamp": CLAMP,
        "kv_cache_update": KV_CACHE_UPDATE,
        "mla_attention": MLA_ATTENTION,
        "mla_attention_group_quant": MLA_ATTENTION_GROUP_QUANT,
        "mla_attention_nvfp4_quant": MLA_ATTENTION_NVFP4_QUANT,
        "mla_attention_static_quant": MLA_ATTENTION_STATIC_QUANT,
        "mla_kv_cache_update": MLA_KV_CACHE_UPDATE,
        "mla_rope_kv_cache_update": MLA_ROPE_KV_CACHE_UPDATE,
        "mul": MUL,
        "nvfp4_quant": NVFP4_QUANT,
        "qk_norm_mrope_kv_cache_update": QK_NORM_MROPE_KV_CACHE_UPDATE,
        "qk_norm_rope_kv_cache_update": QK_NORM_ROPE_KV_CACHE_UPDATE,
        "reciprocal": RECIPROCAL,
        "rope_kv_cache_update": ROPE_KV_CACHE_UPDATE,
        "saturated": SATURATED,
        "static_quant": STATIC_QUANT,
        "to": TO,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
    hosts=(HostValue("supports", "bool", ("opaque", "str"), True),),
    targets=(On("gfx942"), On("gfx950"), On("sm_80", True)),
)


def register_attn_quant(patterns: FusionPass) -> None:
    """Register the patterns of pass `attn_quant`."""
    register_replacement(
        search_fn=Left(ATTN_NVFP4_QUANT),
        replace_fn=Right(ATTN_NVFP4_QUANT),
        example_inputs=examples(ATTN_NVFP4_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ATTN_NVFP4_QUANT, patterns),
        pattern_name="attn_nvfp4_quant",
    )
    register_replacement(
        search_fn=Left(ATTN_STATIC_QUANT),
        replace_fn=Right(ATTN_STATIC_QUANT),
        example_inputs=examples(ATTN_STATIC_QUANT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ATTN_STATIC_QUANT, patterns),
        pattern_name="attn_static_quant",
    )


PASSES = ((ATTN_QUANT_PASS, register_attn_quant),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
