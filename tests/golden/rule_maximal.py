"""Fusion passes of rule_maximal.pat: rule_maximal.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rule_maximal.pat -o rule_maximal.py
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

# rule_maximal.pat:19
SPREAD_LOW = Op(
    "spread_low",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# rule_maximal.pat:4
TRIPLE = Op(
    "triple",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one_twice.default"),),
)

# rule_maximal.pat:9
#     pattern large { double -> increment -> double => triple }
LARGE = Pattern(
    "large",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=9),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=9),
            Step("double_2", op="double", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=9),
        ),
    ),
    right=(RightStep("triple", args={"x": Use("x")}, results={"y": "new_y"}, line=9),),
    replaces=(Replace("y_3", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="rule_maximal.pat:9",
)

# rule_maximal.pat:11
#     pattern also_shifts(x: T[*B, H]) {
#       d = double(x)
#       y = increment(d)
#     =>
#       d = spread_low(x)
#       y = both(x)
#     }
ALSO_SHIFTS = Pattern(
    "also_shifts",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=12),
            Step("increment", op="increment", operands={"x": Use("d")}, results={"y": "y"}, line=13),
        ),
    ),
    right=(
        RightStep("spread_low", args={"x": Use("x")}, results={"y": "new_d"}, line=15),
        RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=16),
    ),
    replaces=(Replace("d", "new_d", True), Replace("y", "new_y", True)),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="rule_maximal.pat:11",
)

# rule_maximal.pat:7
#     pattern small { double -> increment => both }
SMALL = Pattern(
    "small",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=7),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=7),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=7),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="rule_maximal.pat:7",
)

RULE_MAXIMAL_PASS = PassSpec(
    "rule_maximal",
    patterns=(LARGE, ALSO_SHIFTS, SMALL),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT, "spread_low": SPREAD_LOW, "triple": TRIPLE},
)


def register_rule_maximal(patterns: FusionPass) -> None:
    """Register the patterns of pass `rule_maximal`."""
    register_replacement(
        search_fn=Left(LARGE),
        replace_fn=Right(LARGE),
        example_inputs=examples(LARGE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LARGE, patterns),
        pattern_name="large",
    )
    register_replacement(
        search_fn=Left(ALSO_SHIFTS),
        replace_fn=Right(ALSO_SHIFTS),
        example_inputs=examples(ALSO_SHIFTS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALSO_SHIFTS, patterns),
        pattern_name="also_shifts",
    )
    register_replacement(
        search_fn=Left(SMALL),
        replace_fn=Right(SMALL),
        example_inputs=examples(SMALL),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SMALL, patterns),
        pattern_name="small",
    )


PASSES = ((RULE_MAXIMAL_PASS, register_rule_maximal),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
