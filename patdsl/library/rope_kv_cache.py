"""Fusion passes of rope_kv_cache.pat: rope_kv_cache.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rope_kv_cache.pat -o rope_kv_cache.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Anything,
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    Give,
    Mut,
    Native,
    Op,
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
S = DtypeVar("S")
T = DtypeVar("T")
A = Ref("A")
B = Ref("B")
D = Ref("D")
G = Ref("G")
K = Ref("K")
L = Ref("L")
M = Ref("M")
N = Ref("N")
Q = Ref("Q")
R = Ref("R")
T_ = Ref("T")
V = Ref("V")
W = Ref("W")
Z = Ref("Z")
Bs = Star("B")
BKs = Star("BK")
BQs = Star("BQ")
BVs = Star("BV")
Ks = Star("K")
Ps = Star("P")
Us = Star("U")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
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

# kv_cache.pat:48
KV_CACHE_WRITE = Op(
    "kv_cache_write",
    params=(
        Param("key", Tensor(T, (BKs,))),
        Param("value", Tensor(T, (BVs,))),
        Param("key_cache", Tensor(S, (B, Z, G, D))),
        Param("value_cache", Tensor(S, (B, Z, G, V))),
        Param("slot_mapping", Tensor(Dtype("i64"), (M,))),
        Param("k_scale", Tensor(Dtype("f32"), (Ks,))),
        Param("v_scale", Tensor(Dtype("f32"), (Us,))),
    ),
    results=(Result("keys", Tensor(S, (B, Z, G, D))), Result("values", Tensor(S, (B, Z, G, V)))),
    bindings=(
        TorchCall(
            "_C_cache_ops::reshape_and_cache_flash.default",
            args={
                0: Give(Ref("key")),
                1: Give(Ref("value")),
                2: Mut("key_cache", "keys"),
                3: Mut("value_cache", "values"),
                4: Give(Ref("slot_mapping")),
                5: Give(Lit("auto")),
                6: Give(Ref("k_scale")),
                7: Give(Ref("v_scale")),
            },
            guard=expr("rank(key) == 3 and dtype(key_cache) == dtype(key)"),
        ),
        TorchCall(
            "_C_cache_ops::reshape_and_cache_flash.default",
            args={
                0: Give(Ref("key")),
                1: Give(Ref("value")),
                2: Mut("key_cache", "keys"),
                3: Mut("value_cache", "values"),
                4: Give(Ref("slot_mapping")),
                5: Give(Lit("fp8")),
                6: Give(Ref("k_scale")),
                7: Give(Ref("v_scale")),
            },
            guard=expr("rank(key) == 3 and dtype(key_cache) in {u8, fp8}"),
        ),
        TorchCall(
            "patdsl::kv_cache_write.default",
            args={
                0: Give(Ref("key")),
                1: Give(Ref("value")),
                2: Mut("key_cache", "keys"),
                3: Mut("value_cache", "values"),
                4: Give(Ref("slot_mapping")),
                5: Give(Ref("k_scale")),
                6: Give(Ref("v_scale")),
            },
        ),
    ),
    where=(expr("numel(k_scale) == 1 and numel(v_scale) == 1"),),
    ref="patdsl.reference:kv_cache_write",
)

# kv_cache.pat:73
MLA_KV_CACHE_WRITE = Op(
    "mla_kv_cache_write",
    params=(
        Param("kv_c", Tensor(T, (N, A))),
        Param("k_pe", Tensor(T, (BKs,))),
        Param("kv_cache", Tensor(S, (B, Z, W))),
        Param("slot_mapping", Tensor(Dtype("i64"), (M,))),
        Param("k_scale", Tensor(Dtype("f32"), (Ks,))),
    ),
    results=(Result("cache", Tensor(S, (B, Z, W))),),
    bindings=(
        TorchCall(
            "_C_cache_ops::concat_and_cache_mla.default",
            args={
                0: Give(Ref("kv_c")),
                1: Give(Ref("k_pe")),
                2: Mut("kv_cache", "cache"),
                3: Give(Ref("slot_mapping")),
                4: Give(Lit("auto")),
                5: Give(Ref("k_scale")),
            },
            guard=expr("rank(k_pe) == 2 and dtype(kv_cache) == dtype(kv_c)"),
        ),
        TorchCall(
            "_C_cache_ops::concat_and_cache_mla.default",
            args={
                0: Give(Ref("kv_c")),
                1: Give(Ref("k_pe")),
                2: Mut("kv_cache", "cache"),
                3: Give(Ref("slot_mapping")),
                4: Give(Lit("fp8")),
                5: Give(Ref("k_scale")),
            },
            guard=expr("rank(k_pe) == 2 and dtype(kv_cache) in {u8, fp8}"),
        ),
        TorchCall(
            "patdsl::mla_kv_cache_write.default",
            args={
                0: Give(Ref("kv_c")),
                1: Give(Ref("k_pe")),
                2: Mut("kv_cache", "cache"),
                3: Give(Ref("slot_mapping")),
                4: Give(Ref("k_scale")),
            },
        ),
    ),
    where=(expr("numel(k_scale) == 1"),),
    ref="patdsl.reference:mla_kv_cache_write",
)

# kv_cache.pat:94
MLA_ROPE_KV_CACHE = Op(
    "mla_rope_kv_cache",
    params=(
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("q_nope", Tensor(T, (BQs, Q))),
        Param("q_pe", Tensor(T, (BQs, R))),
        Param("k_pe", Tensor(T, (BKs,))),
        Param("kv_c", Tensor(T, (N, A))),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
        Param("kv_cache", Tensor(S, (B, Z, W))),
        Param("slot_mapping", Tensor(Dtype("i64"), (M,))),
        Param("k_scale", Tensor(Dtype("f32"), (Ks,))),
    ),
    results=(
        Result("q", Tensor(T, (BQs, expr("Q + R")))),
        Result("k_r", Tensor(T, (BKs,))),
        Result("cache", Tensor(S, (B, Z, W))),
    ),
    bindings=(
        TorchCall(
            "patdsl::mla_rope_kv_cache.default",
            args={
                0: Give(Ref("positions")),
                1: Give(Ref("q_nope")),
                2: Give(Ref("q_pe")),
                3: Give(Ref("k_pe")),
                4: Give(Ref("kv_c")),
                5: Give(Ref("cos_sin")),
                6: Give(Ref("neox")),
                7: Mut("kv_cache", "cache"),
                8: Give(Ref("slot_mapping")),
                9: Give(Ref("k_scale")),
            },
        ),
    ),
    where=(
        expr("numel(k_scale) == 1"),
        expr("dtype(kv_cache) == dtype(kv_c) or dtype(kv_cache) in {u8, fp8}"),
        expr("T in {bf16, f16} and (dtype(cos_sin) == dtype(kv_c) or dtype(cos_sin) == f32)"),
    ),
    ref="patdsl.reference:mla_rope_kv_cache",
)

# kv_cache.pat:84
MLA_ROPE_PE_KV_CACHE = Op(
    "mla_rope_pe_kv_cache",
    params=(
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("q_pe", Tensor(T, (BQs,))),
        Param("k_pe", Tensor(T, (BKs,))),
        Param("kv_c", Tensor(T, (N, A))),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
        Param("kv_cache", Tensor(S, (B, Z, W))),
        Param("slot_mapping", Tensor(Dtype("i64"), (M,))),
        Param("k_scale", Tensor(Dtype("f32"), (Ks,))),
    ),
    results=(
        Result("q_r", Tensor(T, (BQs,))),
        Result("k_r", Tensor(T, (BKs,))),
        Result("cache", Tensor(S, (B, Z, W))),
    ),
    bindings=(
        TorchCall(
            "patdsl::mla_rope_pe_kv_cache.default",
            args={
                0: Give(Ref("positions")),
                1: Give(Ref("q_pe")),
                2: Give(Ref("k_pe")),
                3: Give(Ref("kv_c")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
                6: Mut("kv_cache", "cache"),
                7: Give(Ref("slot_mapping")),
                8: Give(Ref("k_scale")),
            },
        ),
    ),
    where=(
        expr("numel(k_scale) == 1"),
        expr("dtype(kv_cache) == dtype(kv_c) or dtype(kv_cache) in {u8, fp8}"),
        expr("T in {bf16, f16} and (dtype(cos_sin) == dtype(kv_c) or dtype(cos_sin) == f32)"),
    ),
    ref="patdsl.reference:mla_rope_pe_kv_cache",
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

# kv_cache.pat:60
ROPE_KV_CACHE = Op(
    "rope_kv_cache",
    params=(
        Param("positions", Tensor(Dtype("i64"), (Ps,))),
        Param("query", Tensor(T, (BQs,))),
        Param("key", Tensor(T, (BKs,))),
        Param("value", Tensor(T, (BVs,))),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
        Param("key_cache", Tensor(S, (B, Z, G, D))),
        Param("value_cache", Tensor(S, (B, Z, G, V))),
        Param("slot_mapping", Tensor(Dtype("i64"), (M,))),
        Param("k_scale", Tensor(Dtype("f32"), (Ks,))),
        Param("v_scale", Tensor(Dtype("f32"), (Us,))),
    ),
    results=(
        Result("q_r", Tensor(T, (BQs,))),
        Result("k_r", Tensor(T, (BKs,))),
        Result("keys", Tensor(S, (B, Z, G, D))),
        Result("values", Tensor(S, (B, Z, G, V))),
    ),
    bindings=(
        TorchCall(
            "patdsl::rope_kv_cache.default",
            args={
                0: Give(Ref("positions")),
                1: Give(Ref("query")),
                2: Give(Ref("key")),
                3: Give(Ref("value")),
                4: Give(Ref("cos_sin")),
                5: Give(Ref("neox")),
                6: Mut("key_cache", "keys"),
                7: Mut("value_cache", "values"),
                8: Give(Ref("slot_mapping")),
                9: Give(Ref("k_scale")),
                10: Give(Ref("v_scale")),
            },
        ),
    ),
    where=(
        expr("numel(k_scale) == 1 and numel(v_scale) == 1"),
        expr("dtype(key_cache) == dtype(key) or dtype(key_cache) in {u8, fp8}"),
        expr("T in {bf16, f16} and (dtype(cos_sin) == dtype(key) or dtype(cos_sin) == f32)"),
    ),
    ref="patdsl.reference:rope_kv_cache",
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

# rope_kv_cache.pat:23
#     pattern mla_rope_cat_kv_cache(q_nope: T[*BQ, Q], q_pe: T[*BQ, R]) {
#       q_r, k_r = rope(positions, q_pe, k_pe, R, cos_sin, neox)
#       cache    = mla_kv_cache_write(view(kv_c, [N, A]), view(k_r, [N, R]), kv_cache, slot_mapping, k_scale)
#       q        = cat([q_nope, q_r], -1)
#     =>
#       q, k_r, cache = mla_rope_kv_cache(positions, q_nope, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache,
#                         slot_mapping, k_scale)
#     }
MLA_ROPE_CAT_KV_CACHE = Pattern(
    "mla_rope_cat_kv_cache",
    left=Block(
        (
            "positions",
            "q_pe",
            "k_pe",
            "cos_sin",
            "neox",
            "kv_c",
            "kv_cache",
            "slot_mapping",
            "k_scale",
            "q_nope",
        ),
        (
            Step(
                "rope",
                op="rope",
                operands={
                    "positions": Use("positions"),
                    "query": Use("q_pe"),
                    "key": Use("k_pe"),
                    "head_size": Use("R"),
                    "cos_sin": Use("cos_sin"),
                    "neox": Use("neox"),
                },
                results={"q_r": "q_r", "k_r": "k_r"},
                line=24,
            ),
            ViewStep("view", source="kv_c", dims=(N, A), line=25),
            ViewStep("view_2", source="k_r", dims=(N, R), line=25),
            Step(
                "mla_kv_cache_write",
                op="mla_kv_cache_write",
                operands={
                    "kv_c": Use("view"),
                    "k_pe": Use("view_2"),
                    "kv_cache": Use("kv_cache"),
                    "slot_mapping": Use("slot_mapping"),
                    "k_scale": Use("k_scale"),
                },
                results={"cache": "cache"},
                line=25,
            ),
            Step(
                "cat",
                op="cat",
                operands={"tensors": Values((Use("q_nope"), Use("q_r"))), "dim": Const(Lit(-1))},
                results={"y": "q"},
                line=26,
            ),
        ),
    ),
    right=(
        RightStep(
            "mla_rope_kv_cache",
            args={
                "positions": Use("positions"),
                "q_nope": Use("q_nope"),
                "q_pe": Use("q_pe"),
                "k_pe": Use("k_pe"),
                "kv_c": Use("kv_c"),
                "cos_sin": Use("cos_sin"),
                "neox": Use("neox"),
                "kv_cache": Use("kv_cache"),
                "slot_mapping": Use("slot_mapping"),
                "k_scale": Use("k_scale"),
            },
            results={"q": "new_q", "k_r": "new_k_r", "cache": "new_cache"},
            line=28,
        ),
    ),
    replaces=(Replace("q", "new_q"), Replace("k_r", "new_k_r"), Replace("cache", "new_cache")),
    inputs=(
        Input("positions"),
        Input("q_pe", Tensor(T, (BQs, R))),
        Input("k_pe"),
        Input("cos_sin"),
        Input("neox"),
        Input("kv_c"),
        Input("kv_cache"),
        Input("slot_mapping"),
        Input("k_scale"),
        Input("q_nope", Tensor(T, (BQs, Q))),
    ),
    examples=(
        Example("positions", (11, 3328), Dtype("i64")),
        Example("q_pe", (17, 19, 5888), Dtype("bf16")),
        Example("k_pe", (29, 7936), Dtype("bf16")),
        Example("cos_sin", (37, 5888), Dtype("bf16")),
        Example("neox", value=False),
        Example("kv_c", (41, 979712), Dtype("bf16")),
        Example("kv_cache", (47, 53, 15104), Dtype("bf16")),
        Example("slot_mapping", (15616,), Dtype("i64")),
        Example("k_scale", (67, 18176), Dtype("f32")),
        Example("q_nope", (17, 19, 21248), Dtype("bf16")),
    ),
    place="rope_kv_cache.pat:23",
)

# rope_kv_cache.pat:14
#     pattern mla_rope_kv_cache {
#       q_r, k_r = rope(positions, q_pe, k_pe, R, cos_sin, neox)
#       cache    = mla_kv_cache_write(view(kv_c, [N, A]), view(k_r, [N, R]), kv_cache, slot_mapping, k_scale)
#     =>
#       q_r, k_r, cache = mla_rope_pe_kv_cache(positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache, slot_mapp
#                           k_scale)
#     }
MLA_ROPE_KV_CACHE_ = Pattern(
    "mla_rope_kv_cache",
    left=Block(
        ("positions", "q_pe", "k_pe", "R", "cos_sin", "neox", "kv_c", "kv_cache", "slot_mapping", "k_scale"),
        (
            Step(
                "rope",
                op="rope",
                operands={
                    "positions": Use("positions"),
                    "query": Use("q_pe"),
                    "key": Use("k_pe"),
                    "head_size": Use("R"),
                    "cos_sin": Use("cos_sin"),
                    "neox": Use("neox"),
                },
                results={"q_r": "q_r", "k_r": "k_r"},
                line=15,
            ),
            ViewStep("view", source="kv_c", dims=(N, A), line=16),
            ViewStep("view_2", source="k_r", dims=(N, R), line=16),
            Step(
                "mla_kv_cache_write",
                op="mla_kv_cache_write",
                operands={
                    "kv_c": Use("view"),
                    "k_pe": Use("view_2"),
                    "kv_cache": Use("kv_cache"),
                    "slot_mapping": Use("slot_mapping"),
                    "k_scale": Use("k_scale"),
                },
                results={"cache": "cache"},
                line=16,
            ),
        ),
    ),
    right=(
        RightStep(
            "mla_rope_pe_kv_cache",
            args={
                "positions": Use("positions"),
                "q_pe": Use("q_pe"),
                "k_pe": Use("k_pe"),
                "kv_c": Use("kv_c"),
                "cos_sin": Use("cos_sin"),
                "neox": Use("neox"),
                "kv_cache": Use("kv_cache"),
                "slot_mapping": Use("slot_mapping"),
                "k_scale": Use("k_scale"),
            },
            results={"q_r": "new_q_r", "k_r": "new_k_r", "cache": "new_cache"},
            line=18,
        ),
    ),
    replaces=(Replace("q_r", "new_q_r"), Replace("k_r", "new_k_r"), Replace("cache", "new_cache")),
    inputs=(
        Input("positions"),
        Input("q_pe"),
        Input("k_pe"),
        Input("R"),
        Input("cos_sin"),
        Input("neox"),
        Input("kv_c"),
        Input("kv_cache"),
        Input("slot_mapping"),
        Input("k_scale"),
    ),
    examples=(
        Example("positions", (11, 3328), Dtype("i64")),
        Example("q_pe", (17, 4864), Dtype("bf16")),
        Example("k_pe", (23, 7424), Dtype("bf16")),
        Example("R", value=20224),
        Example("cos_sin", (31, 9472), Dtype("bf16")),
        Example("neox", value=False),
        Example("kv_c", (41, 803584), Dtype("bf16")),
        Example("kv_cache", (47, 53, 15104), Dtype("bf16")),
        Example("slot_mapping", (15616,), Dtype("i64")),
        Example("k_scale", (67, 18176), Dtype("f32")),
    ),
    place="rope_kv_cache.pat:14",
)

# rope_kv_cache.pat:5
#     pattern rope_kv_cache(key_cache: S[B, Z, G, D]) {
#       q_r, k_r     = rope(positions, q, k, D, cos_sin, neox)
#       keys, values = kv_cache_write(view(k_r, [N, G, D]), view(v, [N, G, V]), key_cache, value_cache,
#                        slot_mapping, k_scale, v_scale)
#     =>
#       q_r, k_r, keys, values = rope_kv_cache(positions, q, k, v, cos_sin, neox, key_cache, value_cache,
#                                  slot_mapping, k_scale, v_scale)
#     }
ROPE_KV_CACHE_ = Pattern(
    "rope_kv_cache",
    left=Block(
        (
            "positions",
            "q",
            "k",
            "cos_sin",
            "neox",
            "v",
            "key_cache",
            "value_cache",
            "slot_mapping",
            "k_scale",
            "v_scale",
        ),
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
                line=6,
            ),
            ViewStep("view", source="k_r", dims=(N, G, D), line=7),
            ViewStep("view_2", source="v", dims=(N, G, V), line=7),
            Step(
                "kv_cache_write",
                op="kv_cache_write",
                operands={
                    "key": Use("view"),
                    "value": Use("view_2"),
                    "key_cache": Use("key_cache"),
                    "value_cache": Use("value_cache"),
                    "slot_mapping": Use("slot_mapping"),
                    "k_scale": Use("k_scale"),
                    "v_scale": Use("v_scale"),
                },
                results={"keys": "keys", "values": "values"},
                line=7,
            ),
        ),
    ),
    right=(
        RightStep(
            "rope_kv_cache",
            args={
                "positions": Use("positions"),
                "query": Use("q"),
                "key": Use("k"),
                "value": Use("v"),
                "cos_sin": Use("cos_sin"),
                "neox": Use("neox"),
                "key_cache": Use("key_cache"),
                "value_cache": Use("value_cache"),
                "slot_mapping": Use("slot_mapping"),
                "k_scale": Use("k_scale"),
                "v_scale": Use("v_scale"),
            },
            results={"q_r": "new_q_r", "k_r": "new_k_r", "keys": "new_keys", "values": "new_values"},
            line=10,
        ),
    ),
    replaces=(
        Replace("q_r", "new_q_r"),
        Replace("k_r", "new_k_r"),
        Replace("keys", "new_keys"),
        Replace("values", "new_values"),
    ),
    inputs=(
        Input("positions"),
        Input("q"),
        Input("k"),
        Input("cos_sin"),
        Input("neox"),
        Input("v"),
        Input("key_cache", Tensor(S, (B, Z, G, D))),
        Input("value_cache"),
        Input("slot_mapping"),
        Input("k_scale"),
        Input("v_scale"),
    ),
    examples=(
        Example("positions", (11, 3328), Dtype("i64")),
        Example("q", (17, 4864), Dtype("bf16")),
        Example("k", (94001, 7424), Dtype("bf16")),
        Example("cos_sin", (31, 9472), Dtype("bf16")),
        Example("neox", value=False),
        Example("v", (41, 43, 1912289), Dtype("bf16")),
        Example("key_cache", (53, 59, 61, 17152), Dtype("bf16")),
        Example("value_cache", (53, 59, 61, 21248), Dtype("bf16")),
        Example("slot_mapping", (22784,), Dtype("i64")),
        Example("k_scale", (97, 25856), Dtype("f32")),
        Example("v_scale", (103, 27392), Dtype("f32")),
    ),
    place="rope_kv_cache.pat:5",
)

ROPE_KV_CACHE_PASS = PassSpec(
    "rope_kv_cache",
    patterns=(MLA_ROPE_CAT_KV_CACHE, MLA_ROPE_KV_CACHE_, ROPE_KV_CACHE_),
    ops={
        "add": ADD,
        "cat": CAT,
        "clone": CLONE,
        "expand": EXPAND,
        "index": INDEX,
        "kv_cache_write": KV_CACHE_WRITE,
        "mla_kv_cache_write": MLA_KV_CACHE_WRITE,
        "mla_rope_kv_cache": MLA_ROPE_KV_CACHE,
        "mla_rope_pe_kv_cache": MLA_ROPE_PE_KV_CACHE,
        "mul": MUL,
        "neg": NEG,
        "rope": ROPE,
        "rope_kv_cache": ROPE_KV_CACHE,
        "rotate_deepseek": ROTATE_DEEPSEEK,
        "rotate_neox": ROTATE_NEOX,
        "slice": SLICE,
        "split": SPLIT,
        "sub": SUB,
        "to": TO,
        "twice_side_by_side": TWICE_SIDE_BY_SIDE,
        "unsqueeze": UNSQUEEZE,
    },
)


def register_rope_kv_cache(patterns: FusionPass) -> None:
    """Register the patterns of pass `rope_kv_cache`."""
    register_replacement(
        search_fn=Left(MLA_ROPE_CAT_KV_CACHE),
        replace_fn=Right(MLA_ROPE_CAT_KV_CACHE),
        example_inputs=examples(MLA_ROPE_CAT_KV_CACHE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MLA_ROPE_CAT_KV_CACHE, patterns),
        pattern_name="mla_rope_cat_kv_cache",
    )
    register_replacement(
        search_fn=Left(MLA_ROPE_KV_CACHE_),
        replace_fn=Right(MLA_ROPE_KV_CACHE_),
        example_inputs=examples(MLA_ROPE_KV_CACHE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MLA_ROPE_KV_CACHE_, patterns),
        pattern_name="mla_rope_kv_cache",
    )
    register_replacement(
        search_fn=Left(ROPE_KV_CACHE_),
        replace_fn=Right(ROPE_KV_CACHE_),
        example_inputs=examples(ROPE_KV_CACHE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ROPE_KV_CACHE_, patterns),
        pattern_name="rope_kv_cache",
    )


PASSES = ((ROPE_KV_CACHE_PASS, register_rope_kv_cache),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
