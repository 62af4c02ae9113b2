"""Fusion passes of restride_undeclared.pat: restride_undeclared.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile restride_undeclared.pat -o restride_undeclared.py
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

T = DtypeVar("T")
H = Ref("H")
M = Ref("M")
Bs = Star("B")

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# restride_undeclared.pat:7
DOUBLE_TURNED = Op(
    "double_turned",
    params=(Param("x", Tensor(T, (M, H))),),
    results=(Result("y", Tensor(T, (M, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# restride_undeclared.pat:4
TURNED = Op(
    "turned",
    params=(Param("x", Tensor(T, (M, H))),),
    results=(Result("y", Tensor(T, (M, H))),),
    bindings=(TorchCall("lang::plus_one_columns.default"),),
)

# restride_undeclared.pat:10
#     pattern strict { double -> turned => double_turned }
STRICT = Pattern(
    "strict",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=10),
            Step("turned", op="turned", operands={"x": Use("y")}, results={"y": "y_2"}, line=10),
        ),
    ),
    right=(
        RightStep("double_turned", args={"x": Use("x")}, results={"y": "new_y"}, flatten=("x",), line=10),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="restride_undeclared.pat:10",
)

RESTRIDE_UNDECLARED_PASS = PassSpec(
    "restride_undeclared",
    patterns=(STRICT,),
    ops={"double": DOUBLE, "double_turned": DOUBLE_TURNED, "turned": TURNED},
)


def register_restride_undeclared(patterns: FusionPass) -> None:
    """Register the patterns of pass `restride_undeclared`."""
    register_replacement(
        search_fn=Left(STRICT),
        replace_fn=Right(STRICT),
        example_inputs=examples(STRICT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(STRICT, patterns),
        pattern_name="strict",
    )


PASSES = ((RESTRIDE_UNDECLARED_PASS, register_restride_undeclared),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
