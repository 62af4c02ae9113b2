"""Fusion passes of binding_out.pat: binding_out.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_out.pat -o binding_out.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Give, Op, Out, Param, Result, Step, Tensor, TorchCall, Use
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

# binding_out.pat:8
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice_plus_one_out.default", args={0: Out("y"), 1: Give(Ref("x"))}),),
)

# binding_out.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice_out.default", args={0: Out("y"), 1: Give(Ref("x"))}),),
)

# binding_out.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# binding_out.pat:11
#     pattern both { double -> increment => both }
BOTH_ = Pattern(
    "both",
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
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="binding_out.pat:11",
)

BINDING_OUT_PASS = PassSpec(
    "binding_out",
    patterns=(BOTH_,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_binding_out(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_out`."""
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


PASSES = ((BINDING_OUT_PASS, register_binding_out),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
