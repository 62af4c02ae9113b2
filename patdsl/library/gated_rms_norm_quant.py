"""Fusion passes of gated_rms_norm_quant.pat: gated_rms_norm_quant.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile gated_rms_norm_quant.pat -o gated_rms_norm_quant.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, Input, PassSpec, Pattern, Replace, RightStep, RightView
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

T = DtypeVar("T")
W = DtypeVar("W")
D = Ref("D")
H = Ref("H")
M = Ref("M")
N = Ref("N")
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

# aiter.pat:87
GATED_RMS_NORM_GROUP_QUANT = Op(
    "gated_rms_norm_group_quant",
    params=(
        Param("x", Tensor(T, (M, D))),
        Param("weight", Tensor(W, (D,))),
        Param("z", Tensor(T, (M, D))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (M, D))),
        Result("scale", Tensor(Dtype("f32"), (M, expr("ceil(D / group_size)")))),
    ),
    bindings=(
        TorchCall(
            "vllm::rocm_aiter_fused_rms_gated_fp8_group_quant.default",
            args={
                0: Give(Ref("x")),
                1: Give(Ref("weight")),
                2: Give(Lit(None)),
                3: Give(Ref("z")),
                4: Give(Ref("epsilon")),
                5: Give(Lit(True)),
                6: Give(Lit("silu")),
                7: Give(Ref("group_size")),
            },
            targets=(On("gfx942"), On("gfx950")),
            guard=expr("D == 128"),
        ),
        TorchCall("patdsl::gated_rms_norm_group_quant.default"),
    ),
    where=(expr("group_size in {32, 64, 128} and T in {bf16, f16} and W in {T, f32}"),),
    ref="patdsl.reference:gated_rms_norm_group_quant",
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

# aten.pat:107
MEAN = Op(
    "mean",
    params=(
        Param("x", AnyTensor()),
        Param("dims", Plain("int", True)),
        Param("keepdim", Plain("bool"), default=Lit(False)),
    ),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::mean.dim"),),
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

# aten.pat:69
POW = Op(
    "pow",
    params=(Param("x", AnyTensor()), Param("exponent", Plain("float"))),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::pow.Tensor_Scalar"),),
)

# vllm_ir.pat:26
RMS_NORM_GATED = Op(
    "rms_norm_gated",
    params=(
        Param("x", Tensor(T, (Bs, D))),
        Param("z", Tensor(T, (Bs, D))),
        Param("weight", Tensor(W, (D,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, D))),),
    bindings=(
        TorchCall("patdsl::rms_norm_gated.default"),
        Native(
            Block(
                (),
                (
                    Step(
                        "to",
                        op="to",
                        operands={"x": Use("x"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "x32"},
                        line=29,
                    ),
                    Step(
                        "pow",
                        op="pow",
                        operands={"x": Use("x32"), "exponent": Const(Lit(2))},
                        results={"y": "y_2"},
                        line=30,
                    ),
                    Step(
                        "mean",
                        op="mean",
                        operands={"x": Use("y_2"), "dims": Const(expr("[-1]")), "keepdim": Const(Lit(True))},
                        results={"y": "y_3"},
                        line=30,
                    ),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_3"), "other": Use("epsilon")},
                        results={"y": "y_4"},
                        line=30,
                    ),
                    Step("rsqrt", op="rsqrt", operands={"x": Use("y_4")}, results={"y": "y_5"}, line=30),
                    Step(
                        "mul",
                        op="mul",
                        operands={"x": Use("x32"), "other": Use("y_5")},
                        results={"y": "n"},
                        line=30,
                    ),
                    Step(
                        "to_2",
                        op="to",
                        operands={"x": Use("weight"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "y_6"},
                        line=31,
                    ),
                    Step(
                        "mul_2",
                        op="mul",
                        operands={"x": Use("n"), "other": Use("y_6")},
                        results={"y": "y_7"},
                        line=31,
                    ),
                    Step(
                        "to_3",
                        op="to",
                        operands={"x": Use("z"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "y_8"},
                        line=31,
                    ),
                    Step("silu", op="silu", operands={"x": Use("y_8")}, results={"y": "y_9"}, line=31),
                    Step(
                        "mul_3",
                        op="mul",
                        operands={"x": Use("y_7"), "other": Use("y_9")},
                        results={"y": "y_10"},
                        line=31,
                    ),
                    Step(
                        "to_4",
                        op="to",
                        operands={"x": Use("y_10"), "to_dtype": Use("T")},
                        results={"y": "y"},
                        line=31,
                    ),
                ),
            ),
        ),
    ),
    ref="patdsl.reference:rms_norm_gated",
)

# aten.pat:81
RSQRT = Op(
    "rsqrt",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::rsqrt.default"),),
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

# gated_rms_norm_quant.pat:5
#     pattern gated_rms_norm_group_quant(x: T[*B, D], z: T[*B, D]) {
#       y        = rms_norm_gated(x, z, weight, epsilon)
#       heads    = view(y, [M, N])
#       q, scale = 1..x group_quant(heads, group_size)
#     =>
#       f, s  = gated_rms_norm_group_quant(view(x, [_, D]), weight, view(z, [_, D]), epsilon, group_size)
#       q     = view(f, [M, N])
#       scale = view(s, [M, N / group_size])
#       where N % D == 0 and D % group_size == 0
#     }
GATED_RMS_NORM_GROUP_QUANT_ = Pattern(
    "gated_rms_norm_group_quant",
    left=Block(
        ("x", "z", "weight", "epsilon", "group_size"),
        (
            Step(
                "rms_norm_gated",
                op="rms_norm_gated",
                operands={"x": Use("x"), "z": Use("z"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=6,
            ),
            ViewStep("heads", source="y", dims=(M, N), line=7),
            Step(
                "group_quant_2",
                op="group_quant",
                operands={
                    "x": Use("heads"),
                    "group_size": Use("group_size"),
                    "col_major": Const(Lit(False)),
                    "ue8m0": Const(Lit(False)),
                    "tma_aligned": Const(Lit(False)),
                    "quant_dtype": Const(Lit(Dtype("fp8"))),
                },
                results={"q": "q", "scale": "scale"},
                fan_out="group_quant",
                line=8,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    right=(
        RightView("viewed", source="x", dims=expr("[_, D]"), line=10),
        RightView("viewed_2", source="z", dims=expr("[_, D]"), line=10),
        RightStep(
            "gated_rms_norm_group_quant",
            args={
                "x": Use("viewed"),
                "weight": Use("weight"),
                "z": Use("viewed_2"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "f", "scale": "s"},
            line=10,
        ),
        RightView("new_q", source="f", dims=expr("[M, N]"), line=11),
        RightView("new_scale", source="s", dims=expr("[M, N / group_size]"), line=12),
    ),
    replaces=(
        Replace("q", "new_q", fan_out="group_quant"),
        Replace("scale", "new_scale", fan_out="group_quant"),
    ),
    inputs=(
        Input("x", Tensor(T, (Bs, D))),
        Input("z", Tensor(T, (Bs, D))),
        Input("weight"),
        Input("epsilon"),
        Input("group_size"),
    ),
    examples=(
        Example("x", (40832, 13, 4352), Dtype("bf16")),
        Example("z", (40832, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    where=(expr("N % D == 0 and D % group_size == 0"),),
    place="gated_rms_norm_quant.pat:5",
)

GATED_RMS_NORM_QUANT_PASS = PassSpec(
    "gated_rms_norm_quant",
    patterns=(GATED_RMS_NORM_GROUP_QUANT_,),
    ops={
        "add": ADD,
        "div": DIV,
        "exp": EXP,
        "gated_rms_norm_group_quant": GATED_RMS_NORM_GROUP_QUANT,
        "group_quant": GROUP_QUANT,
        "mean": MEAN,
        "mul": MUL,
        "neg": NEG,
        "pow": POW,
        "rms_norm_gated": RMS_NORM_GATED,
        "rsqrt": RSQRT,
        "silu": SILU,
        "to": TO,
    },
    consts={"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
)


def register_gated_rms_norm_quant(patterns: FusionPass) -> None:
    """Register the patterns of pass `gated_rms_norm_quant`."""
    register_replacement(
        search_fn=Left(GATED_RMS_NORM_GROUP_QUANT_),
        replace_fn=Right(GATED_RMS_NORM_GROUP_QUANT_),
        example_inputs=examples(GATED_RMS_NORM_GROUP_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(GATED_RMS_NORM_GROUP_QUANT_, patterns),
        pattern_name="gated_rms_norm_group_quant",
    )


PASSES = ((GATED_RMS_NORM_QUANT_PASS, register_gated_rms_norm_quant),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
