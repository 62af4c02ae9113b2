"""Fusion passes of types_named_dims.pat: types_named_dims.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_named_dims.pat -o types_named_dims.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref
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

# types_named_dims.pat:5
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (M, H))),),
    results=(Result("y", Tensor(T, (M, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# types_named_dims.pat:2
SCALED = Op(
    "scaled",
    params=(Param("x", Tensor(T, (M, H))), Param("weight", Tensor(T, (H,)))),
    results=(Result("y", Tensor(T, (M, H))),),
    bindings=(TorchCall("aten::mul.Tensor"),),
)

# types_named_dims.pat:8
SCALED_TWICE = Op(
    "scaled_twice",
    params=(Param("x", Tensor(T, (M, H))), Param("weight", Tensor(T, (H,)))),
    results=(Result("y", Tensor(T, (M, H))),),
    bindings=(TorchCall("lang::mul_twice.default"),),
)

# types_named_dims.pat:11
#     pattern scaled_twice { scaled -> double => scaled_twice }
SCALED_TWICE_ = Pattern(
    "scaled_twice",
    left=Block(
        ("x", "weight"),
        (
            Step(
                "scaled",
                op="scaled",
                operands={"x": Use("x"), "weight": Use("weight")},
                results={"y": "y"},
                line=11,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(
        RightStep(
            "scaled_twice",
            args={"x": Use("x"), "weight": Use("weight")},
            results={"y": "new_y"},
            flatten=("x",),
            line=11,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("weight")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("weight", (3328,), Dtype("bf16"))),
    place="types_named_dims.pat:11",
)

TYPES_NAMED_DIMS_PASS = PassSpec(
    "types_named_dims",
    patterns=(SCALED_TWICE_,),
    ops={"double": DOUBLE, "scaled": SCALED, "scaled_twice": SCALED_TWICE},
)


def register_types_named_dims(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_named_dims`."""
    register_replacement(
        search_fn=Left(SCALED_TWICE_),
        replace_fn=Right(SCALED_TWICE_),
        example_inputs=examples(SCALED_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SCALED_TWICE_, patterns),
        pattern_name="scaled_twice",
    )


PASSES = ((TYPES_NAMED_DIMS_PASS, register_types_named_dims),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
