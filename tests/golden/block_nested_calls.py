"""Fusion passes of block_nested_calls.pat: block_nested_calls.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile block_nested_calls.pat -o block_nested_calls.py
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

# block_nested_calls.pat:3
#     pattern nested {
#       y = increment(double(increment(double(x))))
#     =>
#       y = both(both(x))
#     }
NESTED = Pattern(
    "nested",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y_2"}, line=4),
            Step("increment", op="increment", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=4),
            Step("double_2", op="double", operands={"x": Use("y_3")}, results={"y": "y_4"}, line=4),
            Step("increment_2", op="increment", operands={"x": Use("y_4")}, results={"y": "y"}, line=4),
        ),
    ),
    right=(
        RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=6),
        RightStep("both", args={"x": Use("new_y")}, results={"y": "new_y_2"}, line=6),
    ),
    replaces=(Replace("y", "new_y_2", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="block_nested_calls.pat:3",
)

BLOCK_NESTED_CALLS_PASS = PassSpec(
    "block_nested_calls",
    patterns=(NESTED,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_block_nested_calls(patterns: FusionPass) -> None:
    """Register the patterns of pass `block_nested_calls`."""
    register_replacement(
        search_fn=Left(NESTED),
        replace_fn=Right(NESTED),
        example_inputs=examples(NESTED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NESTED, patterns),
        pattern_name="nested",
    )


PASSES = ((BLOCK_NESTED_CALLS_PASS, register_block_nested_calls),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
