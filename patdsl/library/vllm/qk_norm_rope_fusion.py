"""Fusion passes of qk_norm_rope_fusion.pat: qk_norm_rope.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile qk_norm_rope_fusion.pat -o qk_norm_rope_fusion.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep, RightView
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
    Nested,
    On,
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
T = DtypeVar("T")
W = DtypeVar("W")
D = Ref("D")
G = Ref("G")
H = Ref("H")
K = Ref("K")
L = Ref("L")
N = Ref("N")
P = Ref("P")
Q = Ref("Q")
R = Ref("R")
T_ = Ref("T")
W_ = Ref("W")
Bs = Star("B")
BKs = Star("BK")
BQs = Star("BQ")
Ps = Star("P")

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

# attention.pat:66
QK_NORM_ROPE = Op(
    "qk_norm_rope",
    params=(
        Param("qkv", Tensor(T, (N, W_))),
        Param("heads", Plain("int")),
        Param("kv_heads", Plain("int")),
        Param("v_heads", Plain("int")),
        Param("head_size", Plain("int")),
        Param("epsilon", Plain("float")),
        Param("q_weight", Tensor(T, (D,))),
        Param("k_weight", Tensor(T, (D,))),
        Param("cos_sin", Tensor(C, (L, R))),
        Param("neox", Plain("bool")),
        Param("positions", Tensor(Dtype("i64"), (P,))),
    ),
    results=(Result("out_qkv", Tensor(T, (N, W_))),),
    bindings=(
        TorchCall(
            "_C::fused_qk_norm_rope.default",
            args={
                0: Mut("qkv", "out_qkv"),
                1: Give(Ref("heads")),
                2: Give(Ref("kv_heads")),
                3: Give(Ref("v_heads")),
                4: Give(Ref("head_size")),
                5: Give(Ref("epsilon")),
                6: Give(Ref("q_weight")),
                7: Give(Ref("k_weight")),
                8: Give(Ref("cos_sin")),
                9: Give(Ref("neox")),
                10: Give(Ref("positions")),
                11: Give(Lit(-1)),
            },
        ),
    ),
    where=(expr("head_size in {64, 128, 256} and T in {bf16, f16}"),),
    ref="patdsl.reference:qk_norm_rope",
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

# qk_norm_rope_fusion.pat:6
#     pattern qk_norm_rope(qkv: T[N, W]) {
#       q, k, v  = split(qkv, [Q, K, K], -1)
#       q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
#       k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
#       q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
#     =>
#       out         = qk_norm_rope(qkv, Q / D, K / D, K / D, D, epsilon, q_weight, k_weight, cos_sin, neox,
#                       view(positions, [_]))
#       q_r, k_r, v = split(out, [Q, K, K], -1)
#       restride q_r
#       restride k_r
#     }
QK_NORM_ROPE_ = Pattern(
    "qk_norm_rope",
    left=Block(
        ("qkv", "q_weight", "epsilon", "k_weight", "positions", "D", "cos_sin", "neox"),
        (
            Step(
                "split",
                op="split",
                operands={"x": Use("qkv"), "sizes": Const(expr("[Q, K, K]")), "dim": Const(Lit(-1))},
                results={"parts.0": "q", "parts.1": "k", "parts.2": "v"},
                line=7,
            ),
            ViewStep("view", source="q", dims=(N, expr("Q / D"), D), line=8),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("view"),
                    "weight": Use("q_weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "q_n"},
                line=8,
            ),
            ViewStep("view_2", source="k", dims=(N, expr("K / D"), D), line=9),
            Step(
                "rms_norm_2",
                op="rms_norm",
                operands={
                    "x": Use("view_2"),
                    "weight": Use("k_weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "k_n"},
                line=9,
            ),
            ViewStep("view_3", source="q_n", dims=(N, Q), line=10),
            ViewStep("view_4", source="k_n", dims=(N, K), line=10),
            Step(
                "rope",
                op="rope",
                operands={
                    "positions": Use("positions"),
                    "query": Use("view_3"),
                    "key": Use("view_4"),
                    "head_size": Use("D"),
                    "cos_sin": Use("cos_sin"),
                    "neox": Use("neox"),
                },
                results={"q_r": "q_r", "k_r": "k_r"},
                line=10,
            ),
        ),
    ),
    right=(
        RightView("viewed", source="positions", dims=expr("[_]"), line=13),
        RightStep(
            "qk_norm_rope",
            args={
                "qkv": Use("qkv"),
                "heads": Const(expr("Q / D")),
                "kv_heads": Const(expr("K / D")),
                "v_heads": Const(expr("K / D")),
                "head_size": Use("D"),
                "epsilon": Use("epsilon"),
                "q_weight": Use("q_weight"),
                "k_weight": Use("k_weight"),
                "cos_sin": Use("cos_sin"),
                "neox": Use("neox"),
                "positions": Use("viewed"),
            },
            results={"out_qkv": "out"},
            line=12,
        ),
        RightStep(
            "split",
            args={"x": Use("out"), "sizes": Const(expr("[Q, K, K]")), "dim": Const(Lit(-1))},
            results={"parts.0": "new_q_r", "parts.1": "new_k_r", "parts.2": "new_v"},
            line=14,
        ),
    ),
    replaces=(Replace("q_r", "new_q_r"), Replace("k_r", "new_k_r"), Replace("v", "new_v")),
    inputs=(
        Input("qkv", Tensor(T, (N, W_))),
        Input("q_weight"),
        Input("epsilon"),
        Input("k_weight"),
        Input("positions"),
        Input("D"),
        Input("cos_sin"),
        Input("neox"),
    ),
    examples=(
        Example("qkv", (11, 228608), Dtype("bf16")),
        Example("q_weight", (4864,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("k_weight", (4864,), Dtype("bf16")),
        Example("positions", (23, 7424), Dtype("i64")),
        Example("D", value=4864),
        Example("cos_sin", (31, 9472), Dtype("bf16")),
        Example("neox", value=False),
    ),
    restride=("q_r", "k_r"),
    place="qk_norm_rope_fusion.pat:6",
)

QK_NORM_ROPE_PASS = PassSpec(
    "qk_norm_rope",
    patterns=(QK_NORM_ROPE_,),
    ops={
        "add": ADD,
        "cat": CAT,
        "clone": CLONE,
        "expand": EXPAND,
        "index": INDEX,
        "mul": MUL,
        "neg": NEG,
        "qk_norm_rope": QK_NORM_ROPE,
        "rms_norm": RMS_NORM,
        "rope": ROPE,
        "rotate_deepseek": ROTATE_DEEPSEEK,
        "rotate_neox": ROTATE_NEOX,
        "slice": SLICE,
        "split": SPLIT,
        "sub": SUB,
        "to": TO,
        "twice_side_by_side": TWICE_SIDE_BY_SIDE,
        "unsqueeze": UNSQUEEZE,
    },
    targets=(On("gfx942"), On("gfx950"), On("sm_80", True)),
)


def register_qk_norm_rope(patterns: FusionPass) -> None:
    """Register the patterns of pass `qk_norm_rope`."""
    register_replacement(
        search_fn=Left(QK_NORM_ROPE_),
        replace_fn=Right(QK_NORM_ROPE_),
        example_inputs=examples(QK_NORM_ROPE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(QK_NORM_ROPE_, patterns),
        pattern_name="qk_norm_rope",
    )


PASSES = ((QK_NORM_ROPE_PASS, register_qk_norm_rope),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
