"""Fusion passes of commutative.pat: commutative.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile commutative.pat -o commutative.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Star
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
Bs = Star("B")

# commutative.pat:6
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# commutative.pat:9
JOINED = Op(
    "joined",
    params=(Param("x", Tensor(T, (Bs,))), Param("other", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::combine_twice.default"),),
)

# commutative.pat:2
TOTAL = Op(
    "total",
    params=(Param("x", Tensor(T, (Bs,))), Param("other", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::add.Tensor"),),
    commutative=True,
)

# commutative.pat:12
#     pattern commutative {
#       d = double(x)
#       y = total(d, other)
#     =>
#       y = joined(x, other)
#     }
COMMUTATIVE = Pattern(
    "commutative",
    left=Block(
        ("x", "other"),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=13),
            Step(
                "total",
                op="total",
                operands={"x": Use("d"), "other": Use("other")},
                results={"y": "y"},
                line=14,
            ),
        ),
    ),
    right=(
        RightStep("joined", args={"x": Use("x"), "other": Use("other")}, results={"y": "new_y"}, line=16),
    ),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x"), Input("other")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("other", (11, 3328), Dtype("bf16"))),
    place="commutative.pat:12",
)

COMMUTATIVE_PASS = PassSpec(
    "commutative",
    patterns=(COMMUTATIVE,),
    ops={"double": DOUBLE, "joined": JOINED, "total": TOTAL},
)


def register_commutative(patterns: FusionPass) -> None:
    """Register the patterns of pass `commutative`."""
    register_replacement(
        search_fn=Left(COMMUTATIVE),
        replace_fn=Right(COMMUTATIVE),
        example_inputs=examples(COMMUTATIVE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(COMMUTATIVE, patterns),
        pattern_name="commutative",
    )


PASSES = ((COMMUTATIVE_PASS, register_commutative),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
