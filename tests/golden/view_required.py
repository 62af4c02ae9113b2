"""Fusion passes of view_required.pat: view_required.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile view_required.pat -o view_required.py
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

# view_required.pat:4
#     pattern required { double -> view -> increment => both }
REQUIRED = Pattern(
    "required",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=4),
            Step("increment", op="increment", operands={"x": Through("y", 1)}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=4),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="view_required.pat:4",
)

VIEW_REQUIRED_PASS = PassSpec(
    "view_required",
    patterns=(REQUIRED,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_view_required(patterns: FusionPass) -> None:
    """Register the patterns of pass `view_required`."""
    register_replacement(
        search_fn=Left(REQUIRED),
        replace_fn=Right(REQUIRED),
        example_inputs=examples(REQUIRED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(REQUIRED, patterns),
        pattern_name="required",
    )


PASSES = ((VIEW_REQUIRED_PASS, register_view_required),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
