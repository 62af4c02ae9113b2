"""Fusion passes of silu_mul_quant.pat: silu_mul_quant, gelu_mul_quant.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile silu_mul_quant.pat -o silu_mul_quant.py
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
D = Ref("D")
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

# aten.pat:65
DIV = Op(
    "div",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::div.Tensor"), TorchCall("aten::div.Scalar")),
)

# aten.pat:78
EXP = Op(
    "exp",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::exp.default"),),
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

# aten.pat:72
NEG = Op(
    "neg",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::neg.default"),),
)

# aten.pat:84
RECIPROCAL = Op(
    "reciprocal",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::reciprocal.default"),),
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

# aten.pat:94
SILU = Op(
    "silu",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("aten::silu.default"),
        Native(
            Block(
                (),
                (
                    Step("neg", op="neg", operands={"x": Use("x")}, results={"y": "y_2"}, line=96),
                    Step("exp", op="exp", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=96),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_3"), "other": Const(Lit(1))},
                        results={"y": "y_4"},
                        line=96,
                    ),
                    Step(
                        "div",
                        op="div",
                        operands={"x": Use("x"), "other": Use("y_4")},
                        results={"y": "y"},
                        line=96,
                    ),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "to",
                        op="to",
                        operands={"x": Use("x"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "x32"},
                        line=98,
                    ),
                    Step("neg", op="neg", operands={"x": Use("x32")}, results={"y": "y_2"}, line=99),
                    Step("exp", op="exp", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=99),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_3"), "other": Const(Lit(1))},
                        results={"y": "y_4"},
                        line=99,
                    ),
                    Step(
                        "div",
                        op="div",
                        operands={"x": Use("x32"), "other": Use("y_4")},
                        results={"y": "y_5"},
                        line=99,
                    ),
                    Step(
                        "to_2",
                        op="to",
                        operands={"x": Use("y_5"), "to_dtype": Use("T")},
                        results={"y": "y"},
                        line=99,
                    ),
                ),
            ),
        ),
    ),
)

# vllm_ir.pat:37
SILU_AND_MUL = Op(
    "silu_and_mul",
    params=(Param("x", Tensor(T, (Bs, expr("2 * D")))),),
    results=(Result("y", Tensor(T, (Bs, D))),),
    bindings=(
        TorchCall("patdsl::silu_and_mul.default"),
        TorchCall("_C::silu_and_mul.default", args={0: Out("y"), 1: Give(Ref("x"))}),
        TorchCall("patdsl::silu_and_mul_out.default", args={0: Out("y"), 1: Give(Ref("x"))}),
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
                            "start": Const(Lit(0)),
                            "end": Use("D"),
                        },
                        results={"y": "y_2"},
                        line=41,
                    ),
                    Step("silu", op="silu", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=41),
                    Step(
                        "slice_2",
                        op="slice",
                        operands={
                            "x": Use("x"),
                            "dim": Const(Lit(-1)),
                            "start": Use("D"),
                            "end": Const(expr("2 * D")),
                        },
                        results={"y": "y_4"},
                        line=41,
                    ),
                    Step(
                        "mul",
                        op="mul",
                        operands={"x": Use("y_3"), "other": Use("y_4")},
                        results={"y": "y"},
                        line=41,
                    ),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "split",
                        op="split",
                        operands={"x": Use("x"), "sizes": Const(expr("[D, D]")), "dim": Const(Lit(-1))},
                        results={"parts.0": "gate", "parts.1": "up"},
                        line=43,
                    ),
                    Step("silu", op="silu", operands={"x": Use("gate")}, results={"y": "y_2"}, line=44),
                    Step(
                        "mul",
                        op="mul",
                        operands={"x": Use("y_2"), "other": Use("up")},
                        results={"y": "y"},
                        line=44,
                    ),
                ),
            ),
        ),
    ),
    ref="patdsl.reference:silu_and_mul",
)

# aiter.pat:70
SILU_MUL_GROUP_QUANT = Op(
    "silu_mul_group_quant",
    params=(
        Param("x", Tensor(T, (M, expr("2 * D")))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, D))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("D / group_size")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_act_mul_and_fp8_group_quant.default",
            args={0: Give(Ref("x")), 1: Give(Ref("group_size"))},
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("quant_dtype == fp8 and not (col_major or ue8m0)"),
        ),
        TorchCall(
            "_C::silu_and_mul_per_block_quant.default",
            args={
                0: Out("q"),
                1: Give(Ref("x")),
                2: Out("scale"),
                3: Give(Ref("group_size")),
                4: Give(Lit(None)),
                5: Give(Ref("col_major")),
            },
            targets=(On("sm_80", True),),
            guard=expr("quant_dtype == fp8 and not (ue8m0 or tma_aligned)"),
        ),
        TorchCall("patdsl::silu_mul_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16}"),),
    ref="patdsl.reference:silu_mul_group_quant",
)

# patdsl.pat:99
SILU_MUL_MX_QUANT = Op(
    "silu_mul_mx_quant",
    params=(Param("x", Tensor(T, (Bs, expr("2 * D")))),),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, D))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("D / 32")))),
    ),
    bindings=(TorchCall("patdsl::silu_mul_mx_quant.default"),),
    where=(expr("T in {bf16, f16}"),),
    ref="patdsl.reference:silu_mul_mx_quant",
)

# aiter.pat:81
SILU_MUL_STATIC_QUANT = Op(
    "silu_mul_static_quant",
    params=(
        Param("x", Tensor(T, (Bs, expr("2 * D")))),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
    ),
    results=(Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, D))),),
    bindings=(
        TorchCall(
            "_C::silu_and_mul_quant.default",
            args={0: Out("q"), 1: Give(Ref("x")), 2: Give(Ref("scale"))},
            guard=expr("quant_dtype == fp8"),
        ),
        TorchCall("patdsl::silu_mul_static_quant.default"),
    ),
    where=(expr("numel(scale) == 1 and T in {bf16, f16}"),),
    ref="patdsl.reference:silu_mul_static_quant",
)

# patdsl.pat:106
SILU_MUL_TOKEN_QUANT = Op(
    "silu_mul_token_quant",
    params=(Param("x", Tensor(T, (Bs, expr("2 * D")))), Param("quant_dtype", Plain("dtype"))),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, D))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
    ),
    bindings=(TorchCall("patdsl::silu_mul_token_quant.default"),),
    where=(expr("T in {bf16, f16}"),),
    ref="patdsl.reference:silu_mul_token_quant",
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

# vllm_ir.pat:48
GELU_AND_MUL = Op(
    "gelu_and_mul",
    params=(Param("x", Tensor(T, (Bs, expr("2 * D")))),),
    results=(Result("y", Tensor(T, (Bs, D))),),
    bindings=(
        TorchCall("patdsl::gelu_and_mul.default"),
        TorchCall("_C::gelu_and_mul.default", args={0: Out("y"), 1: Give(Ref("x"))}),
    ),
    ref="patdsl.reference:gelu_and_mul",
)

# patdsl.pat:121
GELU_MUL_GROUP_QUANT = Op(
    "gelu_mul_group_quant",
    params=(
        Param("x", Tensor(T, (M, expr("2 * D")))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (M, D))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("D / group_size")))),
    ),
    bindings=(TorchCall("patdsl::gelu_mul_group_quant.default"),),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16}"),),
    ref="patdsl.reference:gelu_mul_group_quant",
)

# patdsl.pat:128
GELU_MUL_MX_QUANT = Op(
    "gelu_mul_mx_quant",
    params=(Param("x", Tensor(T, (Bs, expr("2 * D")))),),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, D))),
        Result("scale", Tensor(Dtype("u8"), (Bs, expr("D / 32")))),
    ),
    bindings=(TorchCall("patdsl::gelu_mul_mx_quant.default"),),
    where=(expr("T in {bf16, f16}"),),
    ref="patdsl.reference:gelu_mul_mx_quant",
)

# patdsl.pat:111
GELU_MUL_STATIC_QUANT = Op(
    "gelu_mul_static_quant",
    params=(
        Param("x", Tensor(T, (Bs, expr("2 * D")))),
        Param("scale", Tensor(Dtype("f32"), (Ss,))),
        Param("quant_dtype", Plain("dtype"), default=Lit(Dtype("fp8"))),
    ),
    results=(Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, D))),),
    bindings=(TorchCall("patdsl::gelu_mul_static_quant.default"),),
    where=(expr("numel(scale) == 1 and T in {bf16, f16}"),),
    ref="patdsl.reference:gelu_mul_static_quant",
)

# patdsl.pat:116
GELU_MUL_TOKEN_QUANT = Op(
    "gelu_mul_token_quant",
    params=(Param("x", Tensor(T, (Bs, expr("2 * D")))), Param("quant_dtype", Plain("dtype"))),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, D))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
    ),
    bindings=(TorchCall("patdsl::gelu_mul_token_quant.default"),),
    where=(expr("T in {bf16, f16}"),),
    ref="patdsl.reference:gelu_mul_token_quant",
)

# silu_mul_quant.pat:9
#     pattern silu_mul_group_quant { silu_and_mul -> view? -> 1..x group_quant => silu_mul_group_quant }
SILU_MUL_GROUP_QUANT_ = Pattern(
    "silu_mul_group_quant",
    left=Block(
        ("x", "group_size", "col_major", "ue8m0", "tma_aligned", "quant_dtype"),
        (
            Step("silu_and_mul", op="silu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=9),
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
            "silu_mul_group_quant",
            args={
                "x": Use("x"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=9,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "group_quant"), Replace("scale", "new_scale", True, "group_quant")),
    inputs=(
        Input("x"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 8704), Dtype("bf16")),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="silu_mul_quant.pat:9",
)

# silu_mul_quant.pat:10
#     pattern silu_mul_mx_quant { silu_and_mul -> view? -> 1..x mx_quant => silu_mul_mx_quant }
SILU_MUL_MX_QUANT_ = Pattern(
    "silu_mul_mx_quant",
    left=Block(
        ("x",),
        (
            Step("silu_and_mul", op="silu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=10),
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
            "silu_mul_mx_quant",
            args={"x": Use("x")},
            results={"q": "new_q", "scale": "new_scale"},
            line=10,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "mx_quant"), Replace("scale", "new_scale", True, "mx_quant")),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 8704), Dtype("bf16")),),
    place="silu_mul_quant.pat:10",
)

# silu_mul_quant.pat:7
#     pattern silu_mul_static_quant { silu_and_mul -> view? -> 1..x static_quant => silu_mul_static_quant }
SILU_MUL_STATIC_QUANT_ = Pattern(
    "silu_mul_static_quant",
    left=Block(
        ("x", "scale", "quant_dtype"),
        (
            Step("silu_and_mul", op="silu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=7),
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
            "silu_mul_static_quant",
            args={"x": Use("x"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
            results={"q": "new_q"},
            line=7,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"),),
    inputs=(Input("x"), Input("scale"), Input("quant_dtype")),
    examples=(
        Example("x", (11, 13, 8704), Dtype("bf16")),
        Example("scale", (19, 5888), Dtype("f32")),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="silu_mul_quant.pat:7",
)

# silu_mul_quant.pat:8
#     pattern silu_mul_token_quant { silu_and_mul -> view? -> 1..x token_quant => silu_mul_token_quant }
SILU_MUL_TOKEN_QUANT_ = Pattern(
    "silu_mul_token_quant",
    left=Block(
        ("x", "quant_dtype"),
        (
            Step("silu_and_mul", op="silu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=8),
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
            "silu_mul_token_quant",
            args={"x": Use("x"), "quant_dtype": Use("quant_dtype")},
            results={"q": "new_q", "scale": "new_scale"},
            line=8,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "token_quant"), Replace("scale", "new_scale", True, "token_quant")),
    inputs=(Input("x"), Input("quant_dtype")),
    examples=(Example("x", (11, 13, 8704), Dtype("bf16")), Example("quant_dtype", value=Dtype("fp8"))),
    place="silu_mul_quant.pat:8",
)

# silu_mul_quant.pat:14
#     pattern gelu_mul_group_quant { gelu_and_mul -> view? -> 1..x group_quant => gelu_mul_group_quant }
GELU_MUL_GROUP_QUANT_ = Pattern(
    "gelu_mul_group_quant",
    left=Block(
        ("x", "group_size", "col_major", "ue8m0", "tma_aligned", "quant_dtype"),
        (
            Step("gelu_and_mul", op="gelu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=14),
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
                line=14,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightStep(
            "gelu_mul_group_quant",
            args={
                "x": Use("x"),
                "group_size": Use("group_size"),
                "col_major": Use("col_major"),
                "ue8m0": Use("ue8m0"),
                "tma_aligned": Use("tma_aligned"),
                "quant_dtype": Use("quant_dtype"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            flatten=("x",),
            line=14,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "group_quant"), Replace("scale", "new_scale", True, "group_quant")),
    inputs=(
        Input("x"),
        Input("group_size"),
        Input("col_major"),
        Input("ue8m0"),
        Input("tma_aligned"),
        Input("quant_dtype"),
    ),
    examples=(
        Example("x", (11, 13, 8704), Dtype("bf16")),
        Example("group_size", value=128),
        Example("col_major", value=False),
        Example("ue8m0", value=False),
        Example("tma_aligned", value=False),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="silu_mul_quant.pat:14",
)

# silu_mul_quant.pat:15
#     pattern gelu_mul_mx_quant { gelu_and_mul -> view? -> 1..x mx_quant => gelu_mul_mx_quant }
GELU_MUL_MX_QUANT_ = Pattern(
    "gelu_mul_mx_quant",
    left=Block(
        ("x",),
        (
            Step("gelu_and_mul", op="gelu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=15),
            Step(
                "mx_quant_2",
                op="mx_quant",
                operands={"x": Through("y")},
                results={"q": "q", "scale": "scale"},
                fan_out="mx_quant",
                line=15,
            ),
        ),
        (FanOut("mx_quant", 1, None),),
    ),
    right=(
        RightStep(
            "gelu_mul_mx_quant",
            args={"x": Use("x")},
            results={"q": "new_q", "scale": "new_scale"},
            line=15,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "mx_quant"), Replace("scale", "new_scale", True, "mx_quant")),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 8704), Dtype("bf16")),),
    place="silu_mul_quant.pat:15",
)

# silu_mul_quant.pat:12
#     pattern gelu_mul_static_quant { gelu_and_mul -> view? -> 1..x static_quant => gelu_mul_static_quant }
GELU_MUL_STATIC_QUANT_ = Pattern(
    "gelu_mul_static_quant",
    left=Block(
        ("x", "scale", "quant_dtype"),
        (
            Step("gelu_and_mul", op="gelu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=12),
            Step(
                "static_quant_2",
                op="static_quant",
                operands={"x": Through("y"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q"},
                fan_out="static_quant",
                line=12,
            ),
        ),
        (FanOut("static_quant", 1, None),),
    ),
    right=(
        RightStep(
            "gelu_mul_static_quant",
            args={"x": Use("x"), "scale": Use("scale"), "quant_dtype": Use("quant_dtype")},
            results={"q": "new_q"},
            line=12,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "static_quant"),),
    inputs=(Input("x"), Input("scale"), Input("quant_dtype")),
    examples=(
        Example("x", (11, 13, 8704), Dtype("bf16")),
        Example("scale", (19, 5888), Dtype("f32")),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="silu_mul_quant.pat:12",
)

# silu_mul_quant.pat:13
#     pattern gelu_mul_token_quant { gelu_and_mul -> view? -> 1..x token_quant => gelu_mul_token_quant }
GELU_MUL_TOKEN_QUANT_ = Pattern(
    "gelu_mul_token_quant",
    left=Block(
        ("x", "quant_dtype"),
        (
            Step("gelu_and_mul", op="gelu_and_mul", operands={"x": Use("x")}, results={"y": "y"}, line=13),
            Step(
                "token_quant_2",
                op="token_quant",
                operands={"x": Through("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                fan_out="token_quant",
                line=13,
            ),
        ),
        (FanOut("token_quant", 1, None),),
    ),
    right=(
        RightStep(
            "gelu_mul_token_quant",
            args={"x": Use("x"), "quant_dtype": Use("quant_dtype")},
            results={"q": "new_q", "scale": "new_scale"},
            line=13,
        ),
    ),
    replaces=(Replace("q", "new_q", True, "token_quant"), Replace("scale", "new_scale", True, "token_quant")),
    inputs=(Input("x"), Input("quant_dtype")),
    examples=(Example("x", (11, 13, 8704), Dtype("bf16")), Example("quant_dtype", value=Dtype("fp8"))),
    place="silu_mul_quant.pat:13",
)

SILU_MUL_QUANT_PASS = PassSpec(
    "silu_mul_quant",
    patterns=(SILU_MUL_GROUP_QUANT_, SILU_MUL_MX_QUANT_, SILU_MUL_STATIC_QUANT_, SILU_MUL_TOKEN_QUANT_),
    ops={
        "add": ADD,
        "clamp": CLAMP,
        "div": DIV,
        "exp": EXP,
        "group_quant": GROUP_QUANT,
        "mul": MUL,
        "mx_quant": MX_QUANT,
        "neg": NEG,
        "reciprocal": RECIPROCAL,
        "saturated": SATURATED,
        "silu": SILU,
        "silu_and_mul": SILU_AND_MUL,
        "silu_mul_group_quant": SILU_MUL_GROUP_QUANT,
        "silu_mul_mx_quant": SILU_MUL_MX_QUANT,
        "silu_mul_static_quant": SILU_MUL_STATIC_QUANT,
        "silu_mul_token_quant": SILU_MUL_TOKEN_QUANT,
        "slice": SLICE,
        "split": SPLIT,
        "static_quant": STATIC_QUANT,
        "to": TO,
        "token_quant": TOKEN_QUANT,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
)


def register_silu_mul_quant(patterns: FusionPass) -> None:
    """Register the patterns of pass `silu_mul_quant`."""
    register_replacement(
        search_fn=Left(SILU_MUL_GROUP_QUANT_),
        replace_fn=Right(SILU_MUL_GROUP_QUANT_),
        example_inputs=examples(SILU_MUL_GROUP_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SILU_MUL_GROUP_QUANT_, patterns),
        pattern_name="silu_mul_group_quant",
    )
    register_replacement(
        search_fn=Left(SILU_MUL_MX_QUANT_),
        replace_fn=Right(SILU_MUL_MX_QUANT_),
        example_inputs=examples(SILU_MUL_MX_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SILU_MUL_MX_QUANT_, patterns),
        pattern_name="silu_mul_mx_quant",
    )
    register_replacement(
        search_fn=Left(SILU_MUL_STATIC_QUANT_),
        replace_fn=Right(SILU_MUL_STATIC_QUANT_),
        example_inputs=examples(SILU_MUL_STATIC_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SILU_MUL_STATIC_QUANT_, patterns),
        pattern_name="silu_mul_static_quant",
    )
    register_replacement(
        search_fn=Left(SILU_MUL_TOKEN_QUANT_),
        replace_fn=Right(SILU_MUL_TOKEN_QUANT_),
        example_inputs=examples(SILU_MUL_TOKEN_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SILU_MUL_TOKEN_QUANT_, patterns),
        pattern_name="silu_mul_token_quant",
    )


GELU_MUL_QUANT_PASS = PassSpec(
    "gelu_mul_quant",
    patterns=(GELU_MUL_GROUP_QUANT_, GELU_MUL_MX_QUANT_, GELU_MUL_STATIC_QUANT_, GELU_MUL_TOKEN_QUANT_),
    ops={
        "clamp": CLAMP,
        "gelu_and_mul": GELU_AND_MUL,
        "gelu_mul_group_quant": GELU_MUL_GROUP_QUANT,
        "gelu_mul_mx_quant": GELU_MUL_MX_QUANT,
        "gelu_mul_static_quant": GELU_MUL_STATIC_QUANT,
        "gelu_mul_token_quant": GELU_MUL_TOKEN_QUANT,
        "group_quant": GROUP_QUANT,
        "mul": MUL,
        "mx_quant": MX_QUANT,
        "reciprocal": RECIPROCAL,
        "saturated": SATURATED,
        "static_quant": STATIC_QUANT,
        "to": TO,
        "token_quant": TOKEN_QUANT,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
)


def register_gelu_mul_quant(patterns: FusionPass) -> None:
    """Register the patterns of pass `gelu_mul_quant`."""
    register_replacement(
        search_fn=Left(GELU_MUL_GROUP_QUANT_),
        replace_fn=Right(GELU_MUL_GROUP_QUANT_),
        example_inputs=examples(GELU_MUL_GROUP_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(GELU_MUL_GROUP_QUANT_, patterns),
        pattern_name="gelu_mul_group_quant",
    )
    register_replacement(
        search_fn=Left(GELU_MUL_MX_QUANT_),
        replace_fn=Right(GELU_MUL_MX_QUANT_),
        example_inputs=examples(GELU_MUL_MX_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(GELU_MUL_MX_QUANT_, patterns),
        pattern_name="gelu_mul_mx_quant",
    )
    register_replacement(
        search_fn=Left(GELU_MUL_STATIC_QUANT_),
        replace_fn=Right(GELU_MUL_STATIC_QUANT_),
        example_inputs=examples(GELU_MUL_STATIC_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(GELU_MUL_STATIC_QUANT_, patterns),
        pattern_name="gelu_mul_static_quant",
    )
    register_replacement(
        search_fn=Left(GELU_MUL_TOKEN_QUANT_),
        replace_fn=Right(GELU_MUL_TOKEN_QUANT_),
        example_inputs=examples(GELU_MUL_TOKEN_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(GELU_MUL_TOKEN_QUANT_, patterns),
        pattern_name="gelu_mul_token_quant",
    )


PASSES = (
    (SILU_MUL_QUANT_PASS, register_silu_mul_quant),
    (GELU_MUL_QUANT_PASS, register_gelu_mul_quant),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
