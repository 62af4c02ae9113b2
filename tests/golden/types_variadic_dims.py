"""Fusion passes of types_variadic_dims.pat: types_variadic_dims.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_variadic_dims.pat -o types_variadic_dims.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Result, Step, Tensor, TorchCall, Use
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
M = Ref("M")
Bs = Star("B")

# types_variadic_dims.pat:8
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (M, H))),),
    results=(Result("y", Tensor(T, (M, H))),),
    bindings=(TorchCall("lang::matrix_twice_plus_one.default"),),
)

# types_variadic_dims.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# types_variadic_dims.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# types_variadic_dims.pat:11
#     pattern both { double -> increment => both }
BOTH_ = Pattern(
    "both",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=11),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, flatten=("x",), line=11),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="types_variadic_dims.pat:11",
)

TYPES_VARIADIC_DIMS_PASS = PassSpec(
    "types_variadic_dims",
    patterns=(BOTH_,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_types_variadic_dims(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_variadic_dims`."""
    register_replacement(
        search_fn=Left(BOTH_),
        replace_fn=Right(BOTH_),
        example_inputs=examples(BOTH_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(BOTH_, patterns),
        pattern_name="both",
    )


PASSES = ((TYPES_VARIADIC_DIMS_PASS, register_types_variadic_dims),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
