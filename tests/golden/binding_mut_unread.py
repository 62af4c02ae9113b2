"""Fusion passes of binding_mut_unread.pat: binding_mut_unread.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_mut_unread.pat -o binding_mut_unread.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Mut, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# binding_mut_unread.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# binding_mut_unread.pat:2
TOTAL = Op(
    "total",
    params=(Param("x", Tensor(T, (Bs,))), Param("residual", Tensor(T, (Bs,)))),
    results=(Result("sum", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::add_twice_.default", args={0: Mut("x", None), 1: Mut("residual", "sum")}),),
)

# binding_mut_unread.pat:8
TOTAL_PLUS_ONE = Op(
    "total_plus_one",
    params=(Param("x", Tensor(T, (Bs,))), Param("residual", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::add_plus_one.default"),),
)

# binding_mut_unread.pat:11
#     pattern total_plus_one { total -> increment => total_plus_one }
TOTAL_PLUS_ONE_ = Pattern(
    "total_plus_one",
    left=Block(
        ("x", "residual"),
        (
            Step(
                "total",
                op="total",
                operands={"x": Use("x"), "residual": Use("residual")},
                results={"sum": "sum"},
                line=11,
            ),
            Step("increment", op="increment", operands={"x": Use("sum")}, results={"y": "y"}, line=11),
        ),
    ),
    right=(
        RightStep(
            "total_plus_one",
            args={"x": Use("x"), "residual": Use("residual")},
            results={"y": "new_y"},
            line=11,
        ),
    ),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x"), Input("residual")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("residual", (11, 3328), Dtype("bf16"))),
    place="binding_mut_unread.pat:11",
)

BINDING_MUT_UNREAD_PASS = PassSpec(
    "binding_mut_unread",
    patterns=(TOTAL_PLUS_ONE_,),
    ops={"increment": INCREMENT, "total": TOTAL, "total_plus_one": TOTAL_PLUS_ONE},
)


def register_binding_mut_unread(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_mut_unread`."""
    register_replacement(
        search_fn=Left(TOTAL_PLUS_ONE_),
        replace_fn=Right(TOTAL_PLUS_ONE_),
        example_inputs=examples(TOTAL_PLUS_ONE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(TOTAL_PLUS_ONE_, patterns),
        pattern_name="total_plus_one",
    )


PASSES = ((BINDING_MUT_UNREAD_PASS, register_binding_mut_unread),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
