"""Fusion passes of passes_starved.pat: earlier, later.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile passes_starved.pat -o passes_starved.py
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

# passes_starved.pat:4
TRIPLE = Op(
    "triple",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one_twice.default"),),
)

# passes_starved.pat:7
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
    place="passes_starved.pat:7",
)

# passes_starved.pat:9
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
    place="passes_starved.pat:9",
)

EARLIER_PASS = PassSpec(
    "earlier",
    patterns=(SMALL,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_earlier(patterns: FusionPass) -> None:
    """Register the patterns of pass `earlier`."""
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


LATER_PASS = PassSpec(
    "later",
    patterns=(LARGE,),
    ops={"double": DOUBLE, "increment": INCREMENT, "triple": TRIPLE},
)


def register_later(patterns: FusionPass) -> None:
    """Register the patterns of pass `later`."""
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


PASSES = (
    (EARLIER_PASS, register_earlier),
    (LATER_PASS, register_later),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
