"""Fusion passes of binding_several.pat: binding_several.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_several.pat -o binding_several.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Give, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# binding_several.pat:11
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("lang::missing_twice_plus_one.default"),
        TorchCall("lang::twice_plus_one.default"),
        TorchCall("lang::matrix_twice_plus_one.default"),
    ),
)

# binding_several.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("lang::missing_twice.default"),
        TorchCall("lang::twice.default"),
        TorchCall("aten::add.Tensor", args={0: Give(Ref("x")), 1: Give(Ref("x"))}),
    ),
)

# binding_several.pat:7
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("lang::plus_one.default"),
        TorchCall("aten::add.Scalar", args={0: Give(Ref("x")), 1: Give(Lit(1))}),
    ),
)

# binding_several.pat:16
#     pattern both { double -> increment => both }
BOTH_ = Pattern(
    "both",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=16),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=16),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=16),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="binding_several.pat:16",
)

BINDING_SEVERAL_PASS = PassSpec(
    "binding_several",
    patterns=(BOTH_,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_binding_several(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_several`."""
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


PASSES = ((BINDING_SEVERAL_PASS, register_binding_several),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
