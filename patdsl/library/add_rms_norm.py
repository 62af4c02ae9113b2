"""Fusion passes of add_rms_norm.pat: add_rms_norm.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile add_rms_norm.pat -o add_rms_norm.py
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
    Op,
    Param,
    Plain,
    Result,
    Step,
    Tensor,
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

# add_rms_norm.pat:4
#     pattern add_rms_norm(branch: T[*B, H], residual: T[*B, H]) {
#       r = add(branch, residual)
#       y = rms_norm(r, weight, epsilon)
#     =>
#       y, r = fused_add_rms_norm(branch, residual, weight, epsilon)
#       rounds r
#     }
ADD_RMS_NORM = Pattern(
    "add_rms_norm",
    left=Block(
        ("branch", "residual", "weight", "epsilon"),
        (
            Step(
                "add",
                op="add",
                operands={"x": Use("branch"), "other": Use("residual")},
                results={"y": "r"},
                line=5,
            ),
            Step(
                "rms_norm",
                op="rms_norm",
                operands={
                    "x": Use("r"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                    "variance_size": Const(Lit(None)),
                    "gemma": Const(Lit(False)),
                },
                results={"y": "y"},
                line=6,
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
            },
            results={"y": "new_y", "residual_out": "new_r"},
            line=8,
        ),
    ),
    replaces=(Replace("y", "new_y"), Replace("r", "new_r")),
    inputs=(
        Input("branch", Tensor(T, (Bs, H))),
        Input("residual", Tensor(T, (Bs, H))),
        Input("weight"),
        Input("epsilon"),
    ),
    examples=(
        Example("branch", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
    ),
    rounds=("r",),
    place="add_rms_norm.pat:4",
)

ADD_RMS_NORM_PASS = PassSpec(
    "add_rms_norm",
    patterns=(ADD_RMS_NORM,),
    ops={"add": ADD, "fused_add_rms_norm": FUSED_ADD_RMS_NORM, "rms_norm": RMS_NORM, "to": TO},
)


def register_add_rms_norm(patterns: FusionPass) -> None:
    """Register the patterns of pass `add_rms_norm`."""
    register_replacement(
        search_fn=Left(ADD_RMS_NORM),
        replace_fn=Right(ADD_RMS_NORM),
        example_inputs=examples(ADD_RMS_NORM),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_RMS_NORM, patterns),
        pattern_name="add_rms_norm",
    )


PASSES = ((ADD_RMS_NORM_PASS, register_add_rms_norm),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
