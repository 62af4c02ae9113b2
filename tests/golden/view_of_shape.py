"""Fusion passes of view_of_shape.pat: view_of_shape.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile view_of_shape.pat -o view_of_shape.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep, RightView
from patdsl.op_table import Block, DtypeVar, Op, Param, Result, Step, Tensor, TorchCall, Use, ViewStep
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
M = Ref("M")
N = Ref("N")
Bs = Star("B")

# lang.pat:8
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# view_of_shape.pat:4
#     pattern heads(x: T[M, H]) {
#       d = double(x)
#       v = view(d, [M, N, 16])
#       y = increment(v)
#     =>
#       y = both(view(x, [M, N, 16]))
#     }
HEADS = Pattern(
    "heads",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=5),
            ViewStep("v", source="d", dims=(M, N, Lit(16)), line=6),
            Step("increment", op="increment", operands={"x": Use("v")}, results={"y": "y"}, line=7),
        ),
    ),
    right=(
        RightView("viewed", source="x", dims=expr("[M, N, 16]"), line=9),
        RightStep("both", args={"x": Use("viewed")}, results={"y": "new_y"}, line=9),
    ),
    replaces=(Replace("y", "new_y"),),
    inputs=(Input("x", Tensor(T, (M, H))),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="view_of_shape.pat:4",
)

VIEW_OF_SHAPE_PASS = PassSpec(
    "view_of_shape",
    patterns=(HEADS,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_view_of_shape(patterns: FusionPass) -> None:
    """Register the patterns of pass `view_of_shape`."""
    register_replacement(
        search_fn=Left(HEADS),
        replace_fn=Right(HEADS),
        example_inputs=examples(HEADS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(HEADS, patterns),
        pattern_name="heads",
    )


PASSES = ((VIEW_OF_SHAPE_PASS, register_view_of_shape),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
