"""Fusion passes of silu_mul_quant.pat: silu_mul_quant.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile silu_mul_quant.pat -o silu_mul_quant.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Func, Items, Lit, Member, Ref, Star, Unary
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

T = DtypeVar("T")
D = Ref("D")
H = Ref("H")
M = Ref("M")
T_ = Ref("T")
Bs = Star("B")

# aten.pat:51
ADD = Op(
    "add",
    (Param("x", AnyTensor()), Param("other", AnyTensor())),
    (Result("y", AnyTensor()),),
    (
        TorchCall("aten::add.Tensor", ((0, Give(Ref("x"))), (1, Give(Ref("other")))), ("y",)),
        TorchCall("aten::add.Scalar", ((0, Give(Ref("x"))), (1, Give(Ref("other")))), ("y",)),
    ),
    commutative=True,
)

# aten.pat:65
DIV = Op(
    "div",
    (Param("x", AnyTensor()), Param("other", AnyTensor())),
    (Result("y", AnyTensor()),),
    (
        TorchCall("aten::div.Tensor", ((0, Give(Ref("x"))), (1, Give(Ref("other")))), ("y",)),
        TorchCall("aten::div.Scalar", ((0, Give(Ref("x"))), (1, Give(Ref("other")))), ("y",)),
    ),
)

# aten.pat:78
EXP = Op(
    "exp",
    (Param("x", Tensor(T, (Bs,))),),
    (Result("y", Tensor(T, (Bs,))),),
    (TorchCall("aten::exp.default", ((0, Give(Ref("x"))),), ("y",)),),
)

# vllm_ir.pat:50
GROUP_QUANT = Op(
    "group_quant",
    (
        Param("x", Tensor(T, (Bs, H))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
        Param("ue8m0", Plain("bool"), default=Lit(False)),
        Param("tma_aligned", Plain("bool"), default=Lit(False)),
    ),
    (
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Binary("/", H, Ref("group_size"))))),
    ),
    (
        TorchCall(
            "vllm::rocm_aiter_group_fp8_quant.default",
            ((0, Give(Ref("x"))), (1, Give(Ref("group_size"))), (2, Give(Lit(False)))),
            ("q", "scale"),
            (On("gfx942"), On("gfx950")),
            Binary(
                "and",
                Binary(
                    "and",
                    Binary(
                        "and",
                        Binary("==", Func("rank", (Ref("x"),)), Lit(2)),
                        Unary("not", Ref("col_major")),
                    ),
                    Unary("not", Ref("ue8m0")),
                ),
                Unary("not", Ref("tma_aligned")),
            ),
        ),
        TorchCall(
            "_C::per_token_group_fp8_quant.default",
            (
                (0, Give(Ref("x"))),
                (1, Out("q")),
                (2, Out("scale")),
                (3, Give(Ref("group_size"))),
                (4, Give(Lit(1e-10))),
                (5, Give(Unary("-", Ref("fp8_max")))),
                (6, Give(Ref("fp8_max"))),
                (7, Give(Ref("ue8m0"))),
                (8, Give(Ref("col_major"))),
                (9, Give(Ref("tma_aligned"))),
            ),
            (),
        ),
        TorchCall(
            "patdsl::group_quant.default",
            (
                (0, Give(Ref("x"))),
                (1, Give(Ref("group_size"))),
                (2, Give(Ref("col_major"))),
                (3, Give(Ref("ue8m0"))),
                (4, Give(Ref("tma_aligned"))),
            ),
            ("q", "scale"),
        ),
    ),
    ref="patdsl.reference:group_quant",
)

# aten.pat:60
MUL = Op(
    "mul",
    (Param("x", AnyTensor()), Param("other", AnyTensor())),
    (Result("y", AnyTensor()),),
    (
        TorchCall("aten::mul.Tensor", ((0, Give(Ref("x"))), (1, Give(Ref("other")))), ("y",)),
        TorchCall("aten::mul.Scalar", ((0, Give(Ref("x"))), (1, Give(Ref("other")))), ("y",)),
    ),
    commutative=True,
)

# aten.pat:72
NEG = Op(
    "neg",
    (Param("x", Tensor(T, (Bs,))),),
    (Result("y", Tensor(T, (Bs,))),),
    (TorchCall("aten::neg.default", ((0, Give(Ref("x"))),), ("y",)),),
)

# aten.pat:94
SILU = Op(
    "silu",
    (Param("x", Tensor(T, (Bs,))),),
    (Result("y", Tensor(T, (Bs,))),),
    (
        TorchCall("aten::silu.default", ((0, Give(Ref("x"))),), ("y",)),
        Native(
            Block(
                (),
                (
                    Step("neg", "neg", (("x", Use("x")),), (("y", "y_2"),), line=96),
                    Step("exp", "exp", (("x", Use("y_2")),), (("y", "y_3"),), line=96),
                    Step(
                        "add",
                        "add",
                        (("x", Use("y_3")), ("other", Const(Lit(1)))),
                        (("y", "y_4"),),
                        line=96,
                    ),
                    Step("div", "div", (("x", Use("x")), ("other", Use("y_4"))), (("y", "y"),), line=96),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "to",
                        "to",
                        (("x", Use("x")), ("to_dtype", Const(Lit(Dtype("f32"))))),
                        (("y", "x32"),),
                        line=98,
                    ),
                    Step("neg", "neg", (("x", Use("x32")),), (("y", "y_2"),), line=99),
                    Step("exp", "exp", (("x", Use("y_2")),), (("y", "y_3"),), line=99),
                    Step(
                        "add",
                        "add",
                        (("x", Use("y_3")), ("other", Const(Lit(1)))),
                        (("y", "y_4"),),
                        line=99,
                    ),
                    Step("div", "div", (("x", Use("x32")), ("other", Use("y_4"))), (("y", "y_5"),), line=99),
                    Step("to_2", "to", (("x", Use("y_5")), ("to_dtype", Use("T"))), (("y", "y"),), line=99),
                ),
            ),
        ),
    ),
)

# vllm_ir.pat:32
SILU_AND_MUL = Op(
    "silu_and_mul",
    (Param("x", Tensor(T, (Bs, Binary("*", Lit(2), D)))),),
    (Result("y", Tensor(T, (Bs, D))),),
    (
        TorchCall("patdsl::silu_and_mul.default", ((0, Give(Ref("x"))),), ("y",)),
        TorchCall("_C::silu_and_mul.default", ((0, Out("y")), (1, Give(Ref("x")))), ()),
        TorchCall("patdsl::silu_and_mul_out.default", ((0, Out("y")), (1, Give(Ref("x")))), ()),
        Native(
            Block(
                (),
                (
                    Step(
                        "slice",
                        "slice",
                        (
                            ("x", Use("x")),
                            ("dim", Const(Unary("-", Lit(1)))),
                            ("start", Const(Lit(0))),
                            ("end", Use("D")),
                        ),
                        (("y", "y_2"),),
                        line=36,
                    ),
                    Step("silu", "silu", (("x", Use("y_2")),), (("y", "y_3"),), line=36),
                    Step(
                        "slice_2",
                        "slice",
                        (
                            ("x", Use("x")),
                            ("dim", Const(Unary("-", Lit(1)))),
                            ("start", Use("D")),
                            ("end", Const(Binary("*", Lit(2), D))),
                        ),
                        (("y", "y_4"),),
                        line=36,
                    ),
                    Step("mul", "mul", (("x", Use("y_3")), ("other", Use("y_4"))), (("y", "y"),), line=36),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "split",
                        "split",
                        (
                            ("x", Use("x")),
                            ("sizes", Const(Items((D, D)))),
                            ("dim", Const(Unary("-", Lit(1)))),
                        ),
                        (("parts.0", "gate"), ("parts.1", "up")),
                        line=38,
                    ),
                    Step("silu", "silu", (("x", Use("gate")),), (("y", "y_2"),), line=39),
                    Step("mul", "mul", (("x", Use("y_2")), ("other", Use("up"))), (("y", "y"),), line=39),
                ),
            ),
        ),
    ),
    ref="patdsl.reference:silu_and_mul",
)

# aiter.pat:37
SILU_MUL_GROUP_QUANT = Op(
    "silu_mul_group_quant",
    (
        Param("x", Tensor(T, (M, Binary("*", Lit(2), D)))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
    ),
    (
        Result("q", Tensor(Dtype("fp8"), (M, D))),
        Result("scale", Tensor(Dtype("f32"), (M, Binary("/", D, Ref("group_size"))))),
    ),
    (
        TorchCall(
            "vllm::rocm_aiter_act_mul_and_fp8_group_quant.default",
            ((0, Give(Ref("x"))), (1, Give(Ref("group_size")))),
            ("q", "scale"),
            (On("gfx942"), On("gfx950")),
            Unary("not", Ref("col_major")),
        ),
        TorchCall(
            "_C::silu_and_mul_per_block_quant.default",
            (
                (0, Out("q")),
                (1, Give(Ref("x"))),
                (2, Out("scale")),
                (3, Give(Ref("group_size"))),
                (4, Give(Lit(None))),
                (5, Give(Ref("col_major"))),
            ),
            (),
            (On("sm_80", True),),
        ),
        TorchCall(
            "patdsl::silu_mul_group_quant.default",
            ((0, Give(Ref("x"))), (1, Give(Ref("group_size"))), (2, Give(Ref("col_major")))),
            ("q", "scale"),
        ),
    ),
    (
        Binary(
            "and",
            Member(Ref("group_size"), (Lit(32), Lit(64), Lit(128))),
            Member(T_, (Lit(Dtype("bf16")), Lit(Dtype("f16")))),
        ),
    ),
    ref="patdsl.reference:silu_mul_group_quant",
)

# aten.pat:15
SLICE = Op(
    "slice",
    (
        Param("x", AnyTensor()),
        Param("dim", Plain("int")),
        Param("start", Plain("int")),
        Param("end", Plain("int")),
    ),
    (Result("y", AnyTensor()),),
    (
        TorchCall(
            "aten::slice.Tensor",
            ((0, Give(Ref("x"))), (1, Give(Ref("dim"))), (2, Give(Ref("start"))), (3, Give(Ref("end")))),
            ("y",),
        ),
    ),
    free=True,
)

# aten.pat:6
SPLIT = Op(
    "split",
    (Param("x", AnyTensor()), Param("sizes", Plain("int", True)), Param("dim", Plain("int"), default=Lit(0))),
    (Result("parts", Plain("tensor", True)),),
    (
        TorchCall(
            "aten::split_with_sizes.default",
            ((0, Give(Ref("x"))), (1, Give(Ref("sizes"))), (2, Give(Ref("dim")))),
            ("parts",),
        ),
        TorchCall(
            "aten::split.Tensor",
            ((0, Give(Ref("x"))), (1, Give(Ref("sizes"))), (2, Give(Ref("dim")))),
            ("parts",),
        ),
    ),
    free=True,
)

# aten.pat:46
TO = Op(
    "to",
    (Param("x", Tensor(T, (Bs,))), Param("to_dtype", Plain("dtype"))),
    (Result("y", Tensor(DtypeOf("to_dtype"), (Bs,))),),
    (
        TorchCall(
            "prims::convert_element_type.default",
            ((0, Give(Ref("x"))), (1, Give(Ref("to_dtype")))),
            ("y",),
        ),
        TorchCall("aten::_to_copy.default", ((0, Give(Ref("x"))), ("dtype", Give(Ref("to_dtype")))), ("y",)),
        TorchCall("aten::to.dtype", ((0, Give(Ref("x"))), (1, Give(Ref("to_dtype")))), ("y",)),
    ),
)

# silu_mul_quant.pat:5
#     pattern silu_mul_group_quant { silu_and_mul -> view? -> 1..x group_quant => silu_mul_group_quant }
SILU_MUL_GROUP_QUANT_ = Pattern(
    "silu_mul_group_quant",
    Block(
        ("x", "group_size", "col_major"),
        (
            Step("silu_and_mul", "silu_and_mul", (("x", Use("x")),), (("y", "y"),), line=5),
            Step(
                "group_quant_2",
                "group_quant",
                (
                    ("x", Through("y")),
                    ("group_size", Use("group_size")),
                    ("col_major", Use("col_major")),
                    ("ue8m0", Const(Lit(False))),
                    ("tma_aligned", Const(Lit(False))),
                ),
                (("q", "q"), ("scale", "scale")),
                "group_quant",
                5,
            ),
        ),
        (FanOut("group_quant", 1, None),),
    ),
    (
        RightStep(
            "silu_mul_group_quant",
            (("x", Use("x")), ("group_size", Use("group_size")), ("col_major", Use("col_major"))),
            (("q", "new_q"), ("scale", "new_scale")),
            ("x",),
            line=5,
        ),
    ),
    (Replace("q", "new_q", True, "group_quant"), Replace("scale", "new_scale", True, "group_quant")),
    (Input("x"), Input("group_size"), Input("col_major")),
    (
        Example("x", (11, 13, 8704), Dtype("bf16")),
        Example("group_size", value=128),
        Example("col_major", value=1e-06),
    ),
    place="silu_mul_quant.pat:5",
)

SILU_MUL_QUANT_PASS = PassSpec(
    "silu_mul_quant",
    (SILU_MUL_GROUP_QUANT_,),
    {
        "add": ADD,
        "div": DIV,
        "exp": EXP,
        "group_quant": GROUP_QUANT,
        "mul": MUL,
        "neg": NEG,
        "silu": SILU,
        "silu_and_mul": SILU_AND_MUL,
        "silu_mul_group_quant": SILU_MUL_GROUP_QUANT,
        "slice": SLICE,
        "split": SPLIT,
        "to": TO,
    },
    {"fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),)))},
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


PASSES = ((SILU_MUL_QUANT_PASS, register_silu_mul_quant),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
