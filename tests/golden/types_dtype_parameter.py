"""Fusion passes of types_dtype_parameter.pat: types_dtype_parameter.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_dtype_parameter.pat -o types_dtype_parameter.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeOf, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
H = Ref("H")
Bs = Star("B")

# kernels.pat:2
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
    ref="patdsl.reference:rms_norm",
)

# types_dtype_parameter.pat:7
NORM_TOKEN_QUANT = Op(
    "norm_token_quant",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
        Param("quant_dtype", Plain("dtype")),
    ),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
    ),
    bindings=(TorchCall("patdsl::rms_norm_token_quant.default"),),
)

# types_dtype_parameter.pat:4
TOKEN_QUANT = Op(
    "token_quant",
    params=(Param("x", Tensor(T, (Bs, H))), Param("quant_dtype", Plain("dtype"))),
    results=(
        Result("q", Tensor(DtypeOf("quant_dtype"), (Bs, H))),
        Result("scale", Tensor(Dtype("f32"), (Bs, Lit(1)))),
    ),
    bindings=(TorchCall("patdsl::token_quant.default"),),
)

# types_dtype_parameter.pat:11
#     pattern norm_token_quant { norm -> token_quant => norm_token_quant }
NORM_TOKEN_QUANT_ = Pattern(
    "norm_token_quant",
    left=Block(
        ("x", "weight", "epsilon", "quant_dtype"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=11,
            ),
            Step(
                "token_quant",
                op="token_quant",
                operands={"x": Use("y"), "quant_dtype": Use("quant_dtype")},
                results={"q": "q", "scale": "scale"},
                line=11,
            ),
        ),
    ),
    right=(
        RightStep(
            "norm_token_quant",
            args={
                "x": Use("x"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
                "quant_dtype": Use("quant_dtype"),
            },
            results={"q": "new_q", "scale": "new_scale"},
            line=11,
        ),
    ),
    replaces=(Replace("q", "new_q", True), Replace("scale", "new_scale", True)),
    inputs=(Input("x"), Input("weight"), Input("epsilon"), Input("quant_dtype")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
        Example("quant_dtype", value=Dtype("fp8")),
    ),
    place="types_dtype_parameter.pat:11",
)

TYPES_DTYPE_PARAMETER_PASS = PassSpec(
    "types_dtype_parameter",
    patterns=(NORM_TOKEN_QUANT_,),
    ops={"norm": NORM, "norm_token_quant": NORM_TOKEN_QUANT, "token_quant": TOKEN_QUANT},
)


def register_types_dtype_parameter(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_dtype_parameter`."""
    register_replacement(
        search_fn=Left(NORM_TOKEN_QUANT_),
        replace_fn=Right(NORM_TOKEN_QUANT_),
        example_inputs=examples(NORM_TOKEN_QUANT_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NORM_TOKEN_QUANT_, patterns),
        pattern_name="norm_token_quant",
    )


PASSES = ((TYPES_DTYPE_PARAMETER_PASS, register_types_dtype_parameter),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
