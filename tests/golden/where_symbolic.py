"""Fusion passes of where_symbolic.pat: of_a_size, of_any_size.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile where_symbolic.pat -o where_symbolic.py
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

# where_symbolic.pat:4
#     pattern multiple {
#       double -> increment => both
#       where H % 16 == 0
#     }
MULTIPLE = Pattern(
    "multiple",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=5),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=5),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=5),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    where=(expr("size(x, -1) % 16 == 0"),),
    place="where_symbolic.pat:4",
)

# where_symbolic.pat:11
#     pattern always {
#       double -> increment => both
#       where H >= 0
#     }
ALWAYS = Pattern(
    "always",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=12),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=12),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=12),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    where=(expr("size(x, -1) >= 0"),),
    place="where_symbolic.pat:11",
)

OF_A_SIZE_PASS = PassSpec(
    "of_a_size",
    patterns=(MULTIPLE,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_of_a_size(patterns: FusionPass) -> None:
    """Register the patterns of pass `of_a_size`."""
    register_replacement(
        search_fn=Left(MULTIPLE),
        replace_fn=Right(MULTIPLE),
        example_inputs=examples(MULTIPLE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MULTIPLE, patterns),
        pattern_name="multiple",
    )


OF_ANY_SIZE_PASS = PassSpec(
    "of_any_size",
    patterns=(ALWAYS,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_of_any_size(patterns: FusionPass) -> None:
    """Register the patterns of pass `of_any_size`."""
    register_replacement(
        search_fn=Left(ALWAYS),
        replace_fn=Right(ALWAYS),
        example_inputs=examples(ALWAYS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALWAYS, patterns),
        pattern_name="always",
    )


PASSES = (
    (OF_A_SIZE_PASS, register_of_a_size),
    (OF_ANY_SIZE_PASS, register_of_any_size),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
