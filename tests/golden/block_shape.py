"""Fusion passes of block_shape.pat: block_shape.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile block_shape.pat -o block_shape.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
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

# block_shape.pat:4
#     pattern reshaped(x: T[M, N, H]) {
#       d = double(x)
#       v = view(d, [M, N * H])
#       y = increment(v)
#     =>
#       b = both(view(x, [M, _]))
#       y = view(b, shape(v))
#     }
RESHAPED = Pattern(
    "reshaped",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=5),
            ViewStep("v", source="d", dims=(M, expr("N * H")), line=6),
            Step("increment", op="increment", operands={"x": Use("v")}, results={"y": "y"}, line=7),
        ),
    ),
    right=(
        RightView("viewed", source="x", dims=expr("[M, _]"), line=9),
        RightStep("both", args={"x": Use("viewed")}, results={"y": "b"}, line=9),
        RightView("new_y", source="b", dims=expr("shape(v)"), line=10),
    ),
    replaces=(Replace("y", "new_y"),),
    inputs=(Input("x", Tensor(T, (M, N, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="block_shape.pat:4",
)

BLOCK_SHAPE_PASS = PassSpec(
    "block_shape",
    patterns=(RESHAPED,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_block_shape(patterns: FusionPass) -> None:
    """Register the patterns of pass `block_shape`."""
    register_replacement(
        search_fn=Left(RESHAPED),
        replace_fn=Right(RESHAPED),
        example_inputs=examples(RESHAPED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RESHAPED, patterns),
        pattern_name="reshaped",
    )


PASSES = ((BLOCK_SHAPE_PASS, register_block_shape),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
