"""Fusion passes of binding_overload.pat: binding_overload.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_overload.pat -o binding_overload.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
Bs = Star("B")

# binding_overload.pat:7
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (Bs,))), Param("amount", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::increase.twice_by"),),
)

# binding_overload.pat:4
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# binding_overload.pat:1
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))), Param("amount", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::increase.by"),),
)

# binding_overload.pat:10
#     pattern both { double -> increment => both }
BOTH_ = Pattern(
    "both",
    left=Block(
        ("x", "amount"),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=10),
            Step(
                "increment",
                op="increment",
                operands={"x": Use("y"), "amount": Use("amount")},
                results={"y": "y_2"},
                line=10,
            ),
        ),
    ),
    right=(
        RightStep("both", args={"x": Use("x"), "amount": Use("amount")}, results={"y": "new_y"}, line=10),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("amount")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("amount", value=1e-06)),
    place="binding_overload.pat:10",
)

BINDING_OVERLOAD_PASS = PassSpec(
    "binding_overload",
    patterns=(BOTH_,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_binding_overload(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_overload`."""
    register_replacement(
        search_fn=Left(BOTH_),
        replace_fn=Right(BOTH_),
        example_inputs=examples(BOTH_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(BOTH_, patterns),
        pattern_name="both",
    )


PASSES = ((BINDING_OVERLOAD_PASS, register_binding_overload),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
