"""Fusion passes of rule_own_output.pat: rule_own_output.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rule_own_output.pat -o rule_own_output.py
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

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# rule_own_output.pat:4
#     pattern swapped {
#       y = increment(double(x))
#     =>
#       y = increment(double(x))
#     }
SWAPPED = Pattern(
    "swapped",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y_2"}, line=5),
            Step("increment", op="increment", operands={"x": Use("y_2")}, results={"y": "y"}, line=5),
        ),
    ),
    right=(
        RightStep("double", args={"x": Use("x")}, results={"y": "new_y"}, line=7),
        RightStep("increment", args={"x": Use("new_y")}, results={"y": "new_y_2"}, line=7),
    ),
    replaces=(Replace("y", "new_y_2", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="rule_own_output.pat:4",
)

RULE_OWN_OUTPUT_PASS = PassSpec(
    "rule_own_output",
    patterns=(SWAPPED,),
    ops={"double": DOUBLE, "increment": INCREMENT},
)


def register_rule_own_output(patterns: FusionPass) -> None:
    """Register the patterns of pass `rule_own_output`."""
    register_replacement(
        search_fn=Left(SWAPPED),
        replace_fn=Right(SWAPPED),
        example_inputs=examples(SWAPPED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SWAPPED, patterns),
        pattern_name="swapped",
    )


PASSES = ((RULE_OWN_OUTPUT_PASS, register_rule_own_output),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
