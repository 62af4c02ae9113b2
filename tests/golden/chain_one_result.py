"""Fusion passes of chain_one_result.pat: chain_one_result.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile chain_one_result.pat -o chain_one_result.py
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
Bs = Star("B")

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

# chain_one_result.pat:4
OTHER = Op(
    "other",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("differently", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# chain_one_result.pat:7
#     pattern other { double -> increment => other }
OTHER_ = Pattern(
    "other",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=7),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=7),
        ),
    ),
    right=(RightStep("other", args={"x": Use("x")}, results={"differently": "differently"}, line=7),),
    replaces=(Replace("y_2", "differently", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="chain_one_result.pat:7",
)

CHAIN_ONE_RESULT_PASS = PassSpec(
    "chain_one_result",
    patterns=(OTHER_,),
    ops={"double": DOUBLE, "increment": INCREMENT, "other": OTHER},
)


def register_chain_one_result(patterns: FusionPass) -> None:
    """Register the patterns of pass `chain_one_result`."""
    register_replacement(
        search_fn=Left(OTHER_),
        replace_fn=Right(OTHER_),
        example_inputs=examples(OTHER_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(OTHER_, patterns),
        pattern_name="other",
    )


PASSES = ((CHAIN_ONE_RESULT_PASS, register_chain_one_result),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
