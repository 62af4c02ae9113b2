"""Fusion passes of add_rms_fusion.pat: add_rms_fusion, rms_norm_reshape.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile add_rms_fusion.pat -o add_rms_fusion.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, HostValue, Input, PassSpec, Pattern, Replace, RightStep, RightView
from patdsl.op_table import (
    AnyTensor,
    Block,
    DtypeOf,
    DtypeVar,
    Give,
    Mut,
    Nested,
    Op,
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
H = Ref("H")
M = Ref("M")
Bs = Star("B")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
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

# add_rms_fusion.pat:7
#     pattern add_rms(branch: T[*B, H], residual: T[*B, H]) {
#       r = add(branch, residual)
#       y = rms_norm(r, weight, epsilon, variance_size, gemma)
#     =>
#       y, r = fused_add_rms_norm(branch, residual, weight, epsilon, variance_size, gemma)
#       rounds r
#     }
ADD_RMS = Pattern(
    "add_rms",
    left=Block(
        ("branch", "residual", "weight", "epsilon", "variance_size", "gemma"),
        (
            Step(
                "add",
                op="add",
                operands={"x": Use("branch"), "other": Use("residual")},
                results={"y": "r"},
                line=8,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("r"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Use("variance_size"),
                    "gemma": Use("gemma"),
                },
                results={"y": "y"},
                line=9,
            ),
        ),
    ),
    right=(
        RightStep(
            "fused_add_rms_norm",
            args={
                "x": Use("branch"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"y": "new_y", "residual_out": "new_r"},
            line=11,
        ),
    ),
    replaces=(Replace("y", "new_y"), Replace("r", "new_r")),
    inputs=(
        Input("branch", Tensor(T, (Bs, H))),
        Input("residual", Tensor(T, (Bs, H))),
        Input("weight"),
        Input("epsilon"),
        Input("variance_size"),
        Input("gemma"),
    ),
    examples=(
        Example("branch", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("variance_size", value=29),
        Example("gemma", value=False),
    ),
    rounds=("r",),
    place="add_rms_fusion.pat:7",
)

# add_rms_fusion.pat:25
#     pattern add_rms_reshape(x: T[*B, H]) {
#       y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
#       f    = view(y, [M, H])
#     =>
#       f, s = fused_add_rms_norm(view(x, [M, H]), view(residual, [M, H]), weight, epsilon, variance_size, gem
#       r    = view(s, shape(x))
#       where rank(x) > 2
#     }
ADD_RMS_RESHAPE = Pattern(
    "add_rms_reshape",
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
                line=26,
            ),
            ViewStep("f", source="y", dims=(M, H), line=27),
        ),
    ),
    right=(
        RightView("viewed", source="x", dims=expr("[M, H]"), line=29),
        RightView("viewed_2", source="residual", dims=expr("[M, H]"), line=29),
        RightStep(
            "fused_add_rms_norm",
            args={
                "x": Use("viewed"),
                "residual": Use("viewed_2"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"y": "new_f", "residual_out": "s"},
            line=29,
        ),
        RightView("new_r", source="s", dims=expr("shape(x)"), line=30),
    ),
    replaces=(Replace("f", "new_f"), Replace("r", "new_r")),
    inputs=(
        Input("x", Tensor(T, (Bs, H))),
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
    where=(expr("rank(x) > 2"),),
    place="add_rms_fusion.pat:25",
)

# add_rms_fusion.pat:16
#     pattern rms_reshape(x: T[*B, H]) {
#       y = rms_norm(x, weight, epsilon, variance_size, gemma)
#       f = view(y, [M, H])
#     =>
#       f = rms_norm(view(x, [M, H]), weight, epsilon, variance_size, gemma)
#       where rank(x) > 2
#     }
RMS_RESHAPE = Pattern(
    "rms_reshape",
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
                line=17,
            ),
            ViewStep("f", source="y", dims=(M, H), line=18),
        ),
    ),
    right=(
        RightView("viewed", source="x", dims=expr("[M, H]"), line=20),
        RightStep(
            "rms_norm",
            args={
                "x": Use("viewed"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "variance_size": Use("variance_size"),
                "gemma": Use("gemma"),
            },
            results={"y": "new_f"},
            line=20,
        ),
    ),
    replaces=(Replace("f", "new_f"),),
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
        Example("variance_size", value=19),
        Example("gemma", value=False),
    ),
    where=(expr("rank(x) > 2"),),
    place="add_rms_fusion.pat:16",
)

ADD_RMS_FUSION_PASS = PassSpec(
    "add_rms_fusion",
    patterns=(ADD_RMS,),
    ops={"add": ADD, "fused_add_rms_norm": FUSED_ADD_RMS_NORM, "rms_norm": RMS_NORM, "to": TO},
    hosts=(HostValue("transformers_backend", "bool", default=True),),
    when=Ref("transformers_backend"),
)


def register_add_rms_fusion(patterns: FusionPass) -> None:
    """Register the patterns of pass `add_rms_fusion`."""
    register_replacement(
        search_fn=Left(ADD_RMS),
        replace_fn=Right(ADD_RMS),
        example_inputs=examples(ADD_RMS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS, patterns),
        pattern_name="add_rms",
    )


RMS_NORM_RESHAPE_PASS = PassSpec(
    "rms_norm_reshape",
    patterns=(ADD_RMS_RESHAPE, RMS_RESHAPE),
    ops={"add": ADD, "fused_add_rms_norm": FUSED_ADD_RMS_NORM, "rms_norm": RMS_NORM, "to": TO},
    hosts=(HostValue("transformers_backend", "bool", default=True),),
    when=Ref("transformers_backend"),
)


def register_rms_norm_reshape(patterns: FusionPass) -> None:
    """Register the patterns of pass `rms_norm_reshape`."""
    register_replacement(
        search_fn=Left(ADD_RMS_RESHAPE),
        replace_fn=Right(ADD_RMS_RESHAPE),
        example_inputs=examples(ADD_RMS_RESHAPE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_RESHAPE, patterns),
        pattern_name="add_rms_reshape",
    )
    register_replacement(
        search_fn=Left(RMS_RESHAPE),
        replace_fn=Right(RMS_RESHAPE),
        example_inputs=examples(RMS_RESHAPE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RMS_RESHAPE, patterns),
        pattern_name="rms_reshape",
    )


PASSES = (
    (ADD_RMS_FUSION_PASS, register_add_rms_fusion),
    (RMS_NORM_RESHAPE_PASS, register_rms_norm_reshape),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
