"""Fusion passes of rule_sound.pat: rule_sound.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rule_sound.pat -o rule_sound.py
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

# rule_sound.pat:7
ALL = Op(
    "all",
    params=(Param("x", Tensor(T, (Bs, H))), Param("late", Tensor(T, (Bs, H)))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_combine.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# rule_sound.pat:4
SUM_UP = Op(
    "sum_up",
    params=(Param("x", Tensor(T, (Bs, H))), Param("late", Tensor(T, (Bs, H)))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::combine.default"),),
)

# rule_sound.pat:10
#     pattern all {
#       d = double(x)
#       y = sum_up(d, late)
#     =>
#       y = all(x, late)
#     }
ALL_ = Pattern(
    "all",
    left=Block(
        ("x", "late"),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=11),
            Step(
                "sum_up",
                op="sum_up",
                operands={"x": Use("d"), "late": Use("late")},
                results={"y": "y"},
                line=12,
            ),
        ),
    ),
    right=(RightStep("all", args={"x": Use("x"), "late": Use("late")}, results={"y": "new_y"}, line=14),),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x"), Input("late")),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")), Example("late", (11, 13, 4352), Dtype("bf16"))),
    place="rule_sound.pat:10",
)

RULE_SOUND_PASS = PassSpec(
    "rule_sound",
    patterns=(ALL_,),
    ops={"all": ALL, "double": DOUBLE, "sum_up": SUM_UP},
)


def register_rule_sound(patterns: FusionPass) -> None:
    """Register the patterns of pass `rule_sound`."""
    register_replacement(
        search_fn=Left(ALL_),
        replace_fn=Right(ALL_),
        example_inputs=examples(ALL_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALL_, patterns),
        pattern_name="all",
    )


PASSES = ((RULE_SOUND_PASS, register_rule_sound),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
