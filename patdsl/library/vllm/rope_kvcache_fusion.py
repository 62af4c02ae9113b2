"""Fusion passes of rope_kvcache_fusion.pat: rope_kvcache.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rope_kvcache_fusion.pat -o rope_kvcache_fusion.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, HostValue, Input, PassSpec, Pattern, Replace, RightStep, RightView
from patdsl.op_table import (
    AnyTensor,
    Anything,
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
    Step,
    Tensor,
    TorchCall,
    Use,
    Values,
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
K = Ref("K")
L = Ref("L")
N = Ref("N")
R = Ref("R")
T_ = Ref("T")
V = Ref("V")
W = Ref("W")
Bs = Star("B")
BKs = Star("BK")
BQs = Star("BQ")
Es = Star("E")
Ps = Star("P")
Ss = Star("S")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

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

# aten.pat:116
CAT = Op(
    "cat",
    params=(Param("tensors", Plain("tensor", True)), Param("dim", Plain("int"), default=Lit(0))),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::cat.default"),),
)

# aten.pat:134
CLONE = Op(
    "clone",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::clone.default"),),
)

# aten.pat:19
EXPAND = Op(
    "expand",
    params=(Param("x", AnyTensor()), Param("dims", Plain("int", True))),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::expand.default"),),
    free=True,
)

# aten.pat:119
INDEX = Op(
    "index",
    params=(Param("x", AnyTensor()), Param("indices", Plain("tensor", True))),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::index.Tensor"),),
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

# aten.pat:72
NEG = Op(
    "neg",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::neg.default"),),
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

# kv_cache.pat:25
ROPE = Op(
    "rope",
    params=(
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("query", Tensor(T, (BQs,))),
        Param("key", Tensor(T, (BKs,))),
        Param("head_size", Plain("int")),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
    ),
    results=(Result("q_r", Tensor(T, (BQs,))), Result("k_r", Tensor(T, (BKs,)))),
    bindings=(
        TorchCall(
            "_C::rotary_embedding.default",
            args={
                0: Give(Ref("positions")),
                1: Mut("query", "q_r"),
                2: Mut("key", "k_r"),
                3: Give(Ref("head_size")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
                6: Give(Lit(0)),
                7: Give(Lit(False)),
            },
        ),
        TorchCall(
            "vllm::rocm_aiter_triton_rotary_embedding.default",
            args={
                0: Give(Ref("positions")),
                1: Mut("query", "q_r"),
                2: Mut("key", "k_r"),
                3: Give(Ref("head_size")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
                6: Give(Lit(None)),
            },
        ),
        TorchCall(
            "vllm::flashinfer_rotary_embedding.default",
            args={
                0: Give(Ref("positions")),
                1: Mut("query", "q_r"),
                2: Mut("key", "k_r"),
                3: Give(Ref("head_size")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
            },
        ),
        TorchCall("patdsl::rope.default"),
        Native(
            Block(
                (),
                (
                    Step(
                        "index",
                        op="index",
                        operands={"x": Use("cos_sin"), "indices": Values((Use("positions"),))},
                        results={"y": "y"},
                        line=33,
                    ),
                    Step(
                        "split",
                        op="split",
                        operands={
                            "x": Use("y"),
                            "sizes": Const(expr("[R / 2, R / 2]")),
                            "dim": Const(Lit(-1)),
                        },
                        results={"parts.0": "cos", "parts.1": "sin"},
                        line=33,
                    ),
                    Step(
                        "rotate_neox",
                        op="rotate_neox",
                        operands={
                            "x": Use("query"),
                            "cos": Use("cos"),
                            "sin": Use("sin"),
                            "head_size": Use("head_size"),
                        },
                        results={"y": "q_r"},
                        line=34,
                    ),
                    Step(
                        "rotate_neox_2",
                        op="rotate_neox",
                        operands={
                            "x": Use("key"),
                            "cos": Use("cos"),
                            "sin": Use("sin"),
                            "head_size": Use("head_size"),
                        },
                        results={"y": "k_r"},
                        line=35,
                    ),
                ),
            ),
            guard=Ref("neox"),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "index",
                        op="index",
                        operands={"x": Use("cos_sin"), "indices": Values((Use("positions"),))},
                        results={"y": "y"},
                        line=38,
                    ),
                    Step(
                        "split",
                        op="split",
                        operands={
                            "x": Use("y"),
                            "sizes": Const(expr("[R / 2, R / 2]")),
                            "dim": Const(Lit(-1)),
                        },
                        results={"parts.0": "cos", "parts.1": "sin"},
                        line=38,
                    ),
                    Step(
                        "twice_side_by_side",
                        op="twice_side_by_side",
                        operands={"x": Use("cos")},
                        results={"y": "y_2"},
                        line=39,
                    ),
                    Step(
                        "unsqueeze",
                        op="unsqueeze",
                        operands={"x": Use("y_2"), "dim": Const(Lit(-2))},
                        results={"y": "c"},
                        line=39,
                    ),
                    Step(
                        "twice_side_by_side_2",
                        op="twice_side_by_side",
                        operands={"x": Use("sin")},
                        results={"y": "y_3"},
                        line=40,
                    ),
                    Step(
                        "unsqueeze_2",
                        op="unsqueeze",
                        operands={"x": Use("y_3"), "dim": Const(Lit(-2))},
                        results={"y": "s"},
                        line=40,
                    ),
                    Step(
                        "rotate_deepseek",
                        op="rotate_deepseek",
                        operands={
                            "x": Use("query"),
                            "cos": Use("c"),
                            "sin": Use("s"),
                            "size": Use("head_size"),
                        },
                        results={"y": "q_r"},
                        line=41,
                    ),
                    Step(
                        "rotate_deepseek_2",
                        op="rotate_deepseek",
                        operands={
                            "x": Use("key"),
                            "cos": Use("c"),
                            "sin": Use("s"),
                            "size": Use("head_size"),
                        },
                        results={"y": "k_r"},
                        line=42,
                    ),
                ),
            ),
            guard=Ref("neox"),
        ),
    ),
    ref="patdsl.reference:rope",
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

# kv_cache.pat:15
ROTATE_DEEPSEEK = Op(
    "rotate_deepseek",
    params=(
        Param("x", Tensor(T, (N, G, Ref("size")))),
        Param("cos", Tensor(C, (N, Lit(1), Ref("size")))),
        Param("sin", Tensor(C, (N, Lit(1), Ref("size")))),
        Param("size", Plain("int")),
    ),
    results=(Result("y", Tensor(T, (N, G, Ref("size")))),),
    bindings=(
        Native(
            Block(
                (),
                (
                    Step(
                        "slice",
                        op="slice",
                        operands={
                            "x": Use("x"),
                            "dim": Const(Lit(-1)),
                            "start": Const(expr("size / 2")),
                            "end": Use("size"),
                        },
                        results={"y": "y_2"},
                        line=17,
                    ),
                    Step("neg", op="neg", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=17),
                    Step(
                        "slice_2",
                        op="slice",
                        operands={
                            "x": Use("x"),
                            "dim": Const(Lit(-1)),
                            "start": Const(Lit(0)),
                            "end": Const(expr("size / 2")),
                        },
                        results={"y": "y_4"},
                        line=17,
                    ),
                    Step(
                        "cat",
                        op="cat",
                        operands={"tensors": Values((Use("y_3"), Use("y_4"))), "dim": Const(Lit(-1))},
                        results={"y": "half"},
                        line=17,
                    ),
                    Step(
                        "mul",
                        op="mul",
                        operands={"x": Use("x"), "other": Use("cos")},
                        results={"y": "y_5"},
                        line=18,
                    ),
                    Step(
                        "mul_2",
                        op="mul",
                        operands={"x": Use("half"), "other": Use("sin")},
                        results={"y": "y_6"},
                        line=18,
                    ),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_5"), "other": Use("y_6")},
                        results={"y": "y"},
                        line=18,
                    ),
                ),
            ),
        ),
    ),
)

# kv_cache.pat:5
ROTATE_NEOX = Op(
    "rotate_neox",
    params=(
        Param("x", Tensor(T, (Bs,))),
        Param("cos", Tensor(Dtype("f32"), (N, K))),
        Param("sin", Tensor(Dtype("f32"), (N, K))),
        Param("head_size", Plain("int")),
    ),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        Native(
            Block(
                (),
                (
                    ViewStep("view", source="x", dims=(N, Anything(), Ref("head_size")), line=7),
                    Step(
                        "to",
                        op="to",
                        operands={"x": Use("view"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "wide"},
                        line=7,
                    ),
                    Step(
                        "split",
                        op="split",
                        operands={"x": Use("wide"), "sizes": Const(expr("[K, K]")), "dim": Const(Lit(-1))},
                        results={"parts.0": "a", "parts.1": "b"},
                        line=8,
                    ),
                    Step(
                        "unsqueeze",
                        op="unsqueeze",
                        operands={"x": Use("cos"), "dim": Const(Lit(-2))},
                        results={"y": "c"},
                        line=9,
                    ),
                    Step(
                        "unsqueeze_2",
                        op="unsqueeze",
                        operands={"x": Use("sin"), "dim": Const(Lit(-2))},
                        results={"y": "s"},
                        line=10,
                    ),
                    Step(
                        "mul",
                        op="mul",
                        operands={"x": Use("a"), "other": Use("c")},
                        results={"y": "y_2"},
                        line=11,
                    ),
                    Step(
                        "mul_2",
                        op="mul",
                        operands={"x": Use("b"), "other": Use("s")},
                        results={"y": "y_3"},
                        line=11,
                    ),
                    Step(
                        "sub",
                        op="sub",
                        operands={"x": Use("y_2"), "other": Use("y_3")},
                        results={"y": "y_4"},
                        line=11,
                    ),
                    Step(
                        "mul_3",
                        op="mul",
                        operands={"x": Use("b"), "other": Use("c")},
                        results={"y": "y_5"},
                        line=11,
                    ),
                    Step(
                        "mul_4",
                        op="mul",
                        operands={"x": Use("a"), "other": Use("s")},
                        results={"y": "y_6"},
                        line=11,
                    ),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_5"), "other": Use("y_6")},
                        results={"y": "y_7"},
                        line=11,
                    ),
                    Step(
                        "cat",
                        op="cat",
                        operands={"tensors": Values((Use("y_4"), Use("y_7"))), "dim": Const(Lit(-1))},
                        results={"y": "y_8"},
                        line=11,
                    ),
                    Step(
                        "to_2",
                        op="to",
                        operands={"x": Use("y_8"), "to_dtype": Use("T")},
                        results={"y": "y_9"},
                        line=11,
                    ),
                    ViewStep("y", source="y_9", dims=(Bs,), line=11),
                ),
            ),
        ),
    ),
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

# aten.pat:56
SUB = Op(
    "sub",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::sub.Tensor"), TorchCall("aten::sub.Scalar")),
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

# kv_cache.pat:21
TWICE_SIDE_BY_SIDE = Op(
    "twice_side_by_side",
    params=(Param("x", Tensor(T, (N, K))),),
    results=(Result("y", Tensor(T, (N, expr("2 * K")))),),
    bindings=(
        Native(
            Block(
                (),
                (
                    Step(
                        "unsqueeze",
                        op="unsqueeze",
                        operands={"x": Use("x"), "dim": Const(Lit(1))},
                        results={"y": "y_2"},
                        line=22,
                    ),
                    Step(
                        "expand",
                        op="expand",
                        operands={"x": Use("y_2"), "dims": Const(expr("[N, 2, K]"))},
                        results={"y": "y_3"},
                        line=22,
                    ),
                    Step("clone", op="clone", operands={"x": Use("y_3")}, results={"y": "y_4"}, line=22),
                    ViewStep("y", source="y_4", dims=(N, expr("2 * K")), line=22),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "cat",
                        op="cat",
                        operands={"tensors": Values((Use("x"), Use("x"))), "dim": Const(Lit(-1))},
                        results={"y": "y"},
                        line=23,
                    ),
                ),
            ),
        ),
    ),
)

# aten.pat:23
UNSQUEEZE = Op(
    "unsqueeze",
    params=(Param("x", AnyTensor()), Param("dim", Plain("int"))),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::unsqueeze.default"),),
    free=True,
)

# rope_kvcache_fusion.pat:8
#     pattern rope_kv_cache {
#       q_r, k_r = rope(positions, q, k, D, cos_sin, neox)
#       dep      = kv_cache_update(view(k_r, [N, G, D]), view(v, [N, G, V]), layer)
#     =>
#       dep, q_h, k_h = rope_kv_cache_update(view(q, [N, _, D]), view(k, [N, G, D]), view(v, [N, G, V]), posit
#                         cos_sin, neox, layer)
#       q_r           = view(q_h, shape(q))
#       k_r           = view(k_h, shape(k))
#     }
ROPE_KV_CACHE = Pattern(
    "rope_kv_cache",
    left=Block(
        ("positions", "q", "k", "D", "cos_sin", "neox", "v", "layer"),
        (
            Step(
                "rope",
                op="rope",
                operands={
                    "positions": Use("positions"),
                    "query": Use("q"),
                    "key": Use("k"),
                    "head_size": Use("D"),
                    "cos_sin": Use("cos_sin"),
                    "neox": Use("neox"),
                },
                results={"q_r": "q_r", "k_r": "k_r"},
                line=9,
            ),
            ViewStep("view", source="k_r", dims=(N, G, D), line=10),
            ViewStep("view_2", source="v", dims=(N, G, V), line=10),
            Step(
                "kv_cache_update",
                op="kv_cache_update",
                operands={"key": Use("view"), "value": Use("view_2"), "layer": Use("layer")},
                results={"dep": "dep"},
                line=10,
            ),
        ),
    ),
    right=(
        RightView("viewed", source="q", dims=expr("[N, _, D]"), line=12),
        RightView("viewed_2", source="k", dims=expr("[N, G, D]"), line=12),
        RightView("viewed_3", source="v", dims=expr("[N, G, V]"), line=12),
        RightStep(
            "rope_kv_cache_update",
            args={
                "query": Use("viewed"),
                "key": Use("viewed_2"),
                "value": Use("viewed_3"),
                "positions": Use("positions"),
                "cos_sin": Use("cos_sin"),
                "neox": Use("neox"),
                "layer": Use("layer"),
            },
            results={"dep": "new_dep", "q_r": "q_h", "k_r": "k_h"},
            line=12,
        ),
        RightView("new_q_r", source="q_h", dims=expr("shape(q)"), line=14),
        RightView("new_k_r", source="k_h", dims=expr("shape(k)"), line=15),
    ),
    replaces=(Replace("dep", "new_dep"), Replace("q_r", "new_q_r"), Replace("k_r", "new_k_r")),
    inputs=(
        Input("positions"),
        Input("q"),
        Input("k"),
        Input("D"),
        Input("cos_sin"),
        Input("neox"),
        Input("v"),
        Input("layer"),
    ),
    examples=(
        Example("positions", (11, 3328), Dtype("i64")),
        Example("q", (17, 4864), Dtype("bf16")),
        Example("k", (18411776, 7424), Dtype("bf16")),
        Example("D", value=15104),
        Example("cos_sin", (31, 9472), Dtype("bf16")),
        Example("neox", value=False),
        Example("v", (41, 43, 425343232), Dtype("bf16")),
        Example("layer", value="example"),
    ),
    place="rope_kvcache_fusion.pat:8",
)

ROPE_KVCACHE_PASS = PassSpec(
    "rope_kvcache",
    patterns=(ROPE_KV_CACHE,),
    ops={
        "add": ADD,
        "any_attention": ANY_ATTENTION,
        "attention": ATTENTION,
        "attention_nvfp4_quant": ATTENTION_NVFP4_QUANT,
        "attention_static_quant": ATTENTION_STATIC_QUANT,
        "cat": CAT,
        "clone": CLONE,
        "expand": EXPAND,
        "index": INDEX,
        "kv_cache_update": KV_CACHE_UPDATE,
        "mla_attention": MLA_ATTENTION,
        "mla_attention_group_quant": MLA_ATTENTION_GROUP_QUANT,
        "mla_attention_nvfp4_quant": MLA_ATTENTION_NVFP4_QUANT,
        "mla_attention_static_quant": MLA_ATTENTION_STATIC_QUANT,
        "mla_kv_cache_update": MLA_KV_CACHE_UPDATE,
        "mla_rope_kv_cache_update": MLA_ROPE_KV_CACHE_UPDATE,
        "mul": MUL,
        "neg": NEG,
        "qk_norm_mrope_kv_cache_update": QK_NORM_MROPE_KV_CACHE_UPDATE,
        "qk_norm_rope_kv_cache_update": QK_NORM_ROPE_KV_CACHE_UPDATE,
        "rope": ROPE,
        "rope_kv_cache_update": ROPE_KV_CACHE_UPDATE,
        "rotate_deepseek": ROTATE_DEEPSEEK,
        "rotate_neox": ROTATE_NEOX,
        "slice": SLICE,
        "split": SPLIT,
        "sub": SUB,
        "to": TO,
        "twice_side_by_side": TWICE_SIDE_BY_SIDE,
        "unsqueeze": UNSQUEEZE,
    },
    hosts=(
        HostValue("rope_kv_max_tokens", "int", default=1),
        HostValue("supports", "bool", ("opaque", "str"), True),
    ),
    targets=(On("gfx942"), On("gfx950"), On("sm_90", True)),
    when=expr("tokens <= rope_kv_max_tokens"),
)


def register_rope_kvcache(patterns: FusionPass) -> None:
    """Register the patterns of pass `rope_kvcache`."""
    register_replacement(
        search_fn=Left(ROPE_KV_CACHE),
        replace_fn=Right(ROPE_KV_CACHE),
        example_inputs=examples(ROPE_KV_CACHE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ROPE_KV_CACHE, patterns),
        pattern_name="rope_kv_cache",
    )


PASSES = ((ROPE_KVCACHE_PASS, register_rope_kvcache),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
