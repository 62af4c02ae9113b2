"""Fusion passes of on_targets.pat: on_targets.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile on_targets.pat -o on_targets.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
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

# on_targets.pat:3
#     pattern there {
#       double -> increment => both
#       on gfx950, sm_90+
#     }
THERE = Pattern(
    "there",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=4),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=4),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    targets=(On("gfx950"), On("sm_90", True)),
    place="on_targets.pat:3",
)

ON_TARGETS_PASS = PassSpec(
    "on_targets",
    patterns=(THERE,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_on_targets(patterns: FusionPass) -> None:
    """Register the patterns of pass `on_targets`."""
    register_replacement(
        search_fn=Left(THERE),
        replace_fn=Right(THERE),
        example_inputs=examples(THERE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(THERE, patterns),
        pattern_name="there",
    )


PASSES = ((ON_TARGETS_PASS, register_on_targets),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
