"""Fusion passes of binding_mut.pat: binding_mut.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_mut.pat -o binding_mut.py
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

# binding_mut.pat:2
ADD_DOUBLE = Op(
    "add_double",
    params=(Param("x", Tensor(T, (Bs,))), Param("residual", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))), Result("total", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::add_twice_.default", args={0: Mut("x", "y"), 1: Mut("residual", "total")}),),
)

# binding_mut.pat:8
ALL = Op(
    "all",
    params=(Param("x", Tensor(T, (Bs,))), Param("residual", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))), Result("total", Tensor(T, (Bs,)))),
    bindings=(
        TorchCall("lang::add_twice_plus_one_.default", args={0: Mut("x", "y"), 1: Mut("residual", "total")}),
    ),
)

# binding_mut.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# binding_mut.pat:11
#     pattern all(x: T[*B], residual: T[*B]) {
#       d, total = add_double(x, residual)
#       y        = increment(d)
#     =>
#       y, total = all(x, residual)
#     }
ALL_ = Pattern(
    "all",
    left=Block(
        ("x", "residual"),
        (
            Step(
                "add_double",
                op="add_double",
                operands={"x": Use("x"), "residual": Use("residual")},
                results={"y": "d", "total": "total"},
                line=12,
            ),
            Step("increment", op="increment", operands={"x": Use("d")}, results={"y": "y"}, line=13),
        ),
    ),
    right=(
        RightStep(
            "all",
            args={"x": Use("x"), "residual": Use("residual")},
            results={"y": "new_y", "total": "new_total"},
            line=15,
        ),
    ),
    replaces=(Replace("y", "new_y", True), Replace("total", "new_total", True)),
    inputs=(Input("x", Tensor(T, (Bs,))), Input("residual", Tensor(T, (Bs,)))),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("residual", (11, 3328), Dtype("bf16"))),
    place="binding_mut.pat:11",
)

BINDING_MUT_PASS = PassSpec(
    "binding_mut",
    patterns=(ALL_,),
    ops={"add_double": ADD_DOUBLE, "all": ALL, "increment": INCREMENT},
)


def register_binding_mut(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_mut`."""
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


PASSES = ((BINDING_MUT_PASS, register_binding_mut),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
