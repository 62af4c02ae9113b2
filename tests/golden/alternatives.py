"""Fusion passes of alternatives.pat: alternatives.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile alternatives.pat -o alternatives.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Give, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# alternatives.pat:3
INCREASE = Op(
    "increase",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::increase.by", args={0: Give(Ref("x")), 1: Give(Lit(1.0))}),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# alternatives.pat:6, variant increase
#     pattern alternatives { double -> (increment | increase) => both }
ALTERNATIVES_INCREASE = Pattern(
    "alternatives",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=6),
            Step("increase", op="increase", operands={"x": Use("y")}, results={"y": "y_2"}, line=6),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=6),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="increase",
    place="alternatives.pat:6",
)

# alternatives.pat:6, variant increment
#     pattern alternatives { double -> (increment | increase) => both }
ALTERNATIVES_INCREMENT = Pattern(
    "alternatives",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=6),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=6),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=6),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="increment",
    place="alternatives.pat:6",
)

ALTERNATIVES_PASS = PassSpec(
    "alternatives",
    patterns=(ALTERNATIVES_INCREASE, ALTERNATIVES_INCREMENT),
    ops={"both": BOTH, "double": DOUBLE, "increase": INCREASE, "increment": INCREMENT},
)


def register_alternatives(patterns: FusionPass) -> None:
    """Register the patterns of pass `alternatives`."""
    register_replacement(
        search_fn=Left(ALTERNATIVES_INCREASE),
        replace_fn=Right(ALTERNATIVES_INCREASE),
        example_inputs=examples(ALTERNATIVES_INCREASE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALTERNATIVES_INCREASE, patterns),
        pattern_name="alternatives[increase]",
    )
    register_replacement(
        search_fn=Left(ALTERNATIVES_INCREMENT),
        replace_fn=Right(ALTERNATIVES_INCREMENT),
        example_inputs=examples(ALTERNATIVES_INCREMENT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALTERNATIVES_INCREMENT, patterns),
        pattern_name="alternatives[increment]",
    )


PASSES = ((ALTERNATIVES_PASS, register_alternatives),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
