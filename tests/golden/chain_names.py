"""Fusion passes of chain_names.pat: chain_names.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile chain_names.pat -o chain_names.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, Const, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
H = Ref("H")
Bs = Star("B")

# kernels.pat:6
ADD_NORM = Op(
    "add_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))), Result("residual_out", Tensor(T, (Bs, H)))),
    bindings=(TorchCall("patdsl::fused_add_rms_norm.default"),),
    ref="patdsl.reference:fused_add_rms_norm",
)

# kernels.pat:21
ADD_NORM_QUANT = Op(
    "add_norm_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("residual_out", Tensor(T, (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::add_rms_norm_group_quant.default"),),
    ref="patdsl.reference:add_rms_norm_group_quant",
)

# kernels.pat:11
QUANT = Op(
    "quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("group_size", Plain("int")),
        Param("col_major", Plain("bool"), default=Lit(False)),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::group_quant.default"),),
    ref="patdsl.reference:group_quant",
)

# chain_names.pat:4
#     pattern add_norm_quant { add_norm -> quant => add_norm_quant }
ADD_NORM_QUANT_ = Pattern(
    "add_norm_quant",
    left=Block(
        ("x", "residual", "weight", "epsilon", "group_size"),
        (
            Step(
                "add_norm",
                op="add_norm",
                operands={
                    "x": Use("x"),
                    "residual": Use("residual"),
                    "weight": Use("weight"),
                    "epsilon": Use("epsilon"),
                },
                results={"y": "y", "residual_out": "residual_out"},
                line=4,
            ),
            Step(
                "quant",
                op="quant",
                operands={"x": Use("y"), "group_size": Use("group_size"), "col_major": Const(Lit(False))},
                results={"q": "q", "scale": "scale"},
                line=4,
            ),
        ),
    ),
    right=(
        RightStep(
            "add_norm_quant",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "residual_out": "new_residual_out", "scale": "new_scale"},
            line=4,
        ),
    ),
    replaces=(
        Replace("q", "new_q", True),
        Replace("residual_out", "new_residual_out", True),
        Replace("scale", "new_scale", True),
    ),
    inputs=(Input("x"), Input("residual"), Input("weight"), Input("epsilon"), Input("group_size")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="chain_names.pat:4",
)

CHAIN_NAMES_PASS = PassSpec(
    "chain_names",
    patterns=(ADD_NORM_QUANT_,),
    ops={"add_norm": ADD_NORM, "add_norm_quant": ADD_NORM_QUANT, "quant": QUANT},
)


def register_chain_names(patterns: FusionPass) -> None:
    """Register the patterns of pass `chain_names`."""
    register_replacement(
        search_fn=Left(ADD_NORM_QUANT_),
        replace_fn=Right(ADD_NORM_QUANT_),
        example_inputs=examples(ADD_NORM_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_NORM_QUANT_, patterns),
        pattern_name="add_norm_quant",
    )


PASSES = ((CHAIN_NAMES_PASS, register_chain_names),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
