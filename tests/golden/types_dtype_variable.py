"""Fusion passes of types_dtype_variable.pat: types_dtype_variable.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_dtype_variable.pat -o types_dtype_variable.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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

# types_dtype_variable.pat:2
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
)

# types_dtype_variable.pat:8
NORM_QUANT = Op(
    "norm_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("group_size", Plain("int")),
    ),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_group_quant.default"),),
)

# types_dtype_variable.pat:5
QUANT = Op(
    "quant",
    params=(Param("x", Tensor(T, (Bs, H))), Param("group_size", Plain("int"))),
    results=(
        Result("q", Tensor(Dtype("fp8"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, expr("H / group_size")))),
    ),
    bindings=(TorchCall("patdsl::group_quant.default"),),
)

# types_dtype_variable.pat:12
#     pattern norm_quant { norm -> quant => norm_quant }
NORM_QUANT_ = Pattern(
    "norm_quant",
    left=Block(
        ("x", "weight", "epsilon", "group_size"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=12,
            ),
            Step(
                "quant",
                op="quant",
                operands={"x": Use("y"), "group_size": Use("group_size")},
                results={"q": "q", "scale": "scale"},
                line=12,
            ),
        ),
    ),
    right=(
        RightStep(
            "norm_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "group_size": Use("group_size"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            line=12,
        ),
    ),
    replaces=(Replace("q", "new_q", True), Replace("scale", "new_scale", True)),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("group_size")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("group_size", value=128),
    ),
    place="types_dtype_variable.pat:12",
)

TYPES_DTYPE_VARIABLE_PASS = PassSpec(
    "types_dtype_variable",
    patterns=(NORM_QUANT_,),
    ops={"norm": NORM, "norm_quant": NORM_QUANT, "quant": QUANT},
)


def register_types_dtype_variable(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_dtype_variable`."""
    register_replacement(
        search_fn=Left(NORM_QUANT_),
        replace_fn=Right(NORM_QUANT_),
        example_inputs=examples(NORM_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NORM_QUANT_, patterns),
        pattern_name="norm_quant",
    )


PASSES = ((TYPES_DTYPE_VARIABLE_PASS, register_types_dtype_variable),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
