"""Fusion passes of block_alias.pat: block_alias.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile block_alias.pat -o block_alias.py
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
Bs = Star("B")

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# block_alias.pat:4
SPREAD_EQUAL = Op(
    "spread_equal",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::spread_equal.default"),),
)

# block_alias.pat:7
#     pattern alias(x: T[*B, H]) {
#       low, high = spread_equal(x)
#     =>
#       low  = double(x)
#       high = low
#     }
ALIAS = Pattern(
    "alias",
    left=Block(
        ("x",),
        (
            Step(
                "spread_equal",
                op="spread_equal",
                operands={"x": Use("x")},
                results={"low": "low", "high": "high"},
                line=8,
            ),
        ),
    ),
    right=(RightStep("double", args={"x": Use("x")}, results={"y": "new_low"}, line=10),),
    replaces=(Replace("low", "new_low", True), Replace("high", "new_low", True)),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="block_alias.pat:7",
)

BLOCK_ALIAS_PASS = PassSpec(
    "block_alias",
    patterns=(ALIAS,),
    ops={"double": DOUBLE, "spread_equal": SPREAD_EQUAL},
)


def register_block_alias(patterns: FusionPass) -> None:
    """Register the patterns of pass `block_alias`."""
    register_replacement(
        search_fn=Left(ALIAS),
        replace_fn=Right(ALIAS),
        example_inputs=examples(ALIAS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALIAS, patterns),
        pattern_name="alias",
    )


PASSES = ((BLOCK_ALIAS_PASS, register_block_alias),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
