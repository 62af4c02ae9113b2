"""Fusion passes of view_argument.pat: view_argument.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile view_argument.pat -o view_argument.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Result, Step, Tensor, Through, TorchCall, Use
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

# aten.pat:72
NEG = Op(
    "neg",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::neg.default"),),
)

# view_argument.pat:11
#     pattern demanded(x: T[*B, H]) {
#       d = neg(x)
#       y = increment(view(d))
#     =>
#       y = increment(neg(x))
#     }
DEMANDED = Pattern(
    "demanded",
    left=Block(
        ("x",),
        (
            Step("neg", op="neg", operands={"x": Use("x")}, results={"y": "d"}, line=12),
            Step("increment", op="increment", operands={"x": Through("d", 1)}, results={"y": "y"}, line=13),
        ),
    ),
    right=(
        RightStep("neg", args={"x": Use("x")}, results={"y": "new_y"}, line=15),
        RightStep("increment", args={"x": Use("new_y")}, results={"y": "new_y_2"}, line=15),
    ),
    replaces=(Replace("y", "new_y_2", True),),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="view_argument.pat:11",
)

# view_argument.pat:4
#     pattern maybe(x: T[*B, H]) {
#       d = double(x)
#       y = increment(view?(d))
#     =>
#       y = both(x)
#     }
MAYBE = Pattern(
    "maybe",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=5),
            Step("increment", op="increment", operands={"x": Through("d")}, results={"y": "y"}, line=6),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=8),),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="view_argument.pat:4",
)

VIEW_ARGUMENT_PASS = PassSpec(
    "view_argument",
    patterns=(DEMANDED, MAYBE),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT, "neg": NEG},
)


def register_view_argument(patterns: FusionPass) -> None:
    """Register the patterns of pass `view_argument`."""
    register_replacement(
        search_fn=Left(DEMANDED),
        replace_fn=Right(DEMANDED),
        example_inputs=examples(DEMANDED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(DEMANDED, patterns),
        pattern_name="demanded",
    )
    register_replacement(
        search_fn=Left(MAYBE),
        replace_fn=Right(MAYBE),
        example_inputs=examples(MAYBE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(MAYBE, patterns),
        pattern_name="maybe",
    )


PASSES = ((VIEW_ARGUMENT_PASS, register_view_argument),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
