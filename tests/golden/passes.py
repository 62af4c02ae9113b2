"""Fusion passes of passes.pat: later, earlier.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile passes.pat -o passes.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import ConstValue, Example, HostValue, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, On, Op, Param, Result, Step, Tensor, TorchCall, Use
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
Bs = Star("B")

# lang.pat:8
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# passes.pat:8
BOTH_PLUS_ONE = Op(
    "both_plus_one",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_two.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# passes.pat:13
#     pattern second { both -> increment => both_plus_one }
SECOND = Pattern(
    "second",
    left=Block(
        ("x",),
        (
            Step("both", op="both", operands={"x": Use("x")}, results={"y": "y"}, line=13),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=13),
        ),
    ),
    right=(RightStep("both_plus_one", args={"x": Use("x")}, results={"y": "new_y"}, line=13),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="passes.pat:13",
)

# passes.pat:11
#     pattern first { double -> increment => both }
FIRST = Pattern(
    "first",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=11),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=11),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="passes.pat:11",
)

LATER_PASS = PassSpec(
    "later",
    patterns=(SECOND,),
    ops={"both": BOTH, "both_plus_one": BOTH_PLUS_ONE, "increment": INCREMENT},
    after=("earlier",),
)


def register_later(patterns: FusionPass) -> None:
    """Register the patterns of pass `later`."""
    register_replacement(
        search_fn=Left(SECOND),
        replace_fn=Right(SECOND),
        example_inputs=examples(SECOND),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SECOND, patterns),
        pattern_name="second",
    )


EARLIER_PASS = PassSpec(
    "earlier",
    patterns=(FIRST,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
    consts={"most": (ConstValue(4),)},
    hosts=(HostValue("tp_size", "int", default=1),),
    targets=(On("gfx942"), On("sm_90", True)),
    when=expr("tp_size > 1 and tp_size <= most"),
)


def register_earlier(patterns: FusionPass) -> None:
    """Register the patterns of pass `earlier`."""
    register_replacement(
        search_fn=Left(FIRST),
        replace_fn=Right(FIRST),
        example_inputs=examples(FIRST),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FIRST, patterns),
        pattern_name="first",
    )


PASSES = (
    (LATER_PASS, register_later),
    (EARLIER_PASS, register_earlier),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
