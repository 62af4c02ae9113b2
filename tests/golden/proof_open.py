"""Fusion passes of proof_open.pat: proof_open.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile proof_open.pat -o proof_open.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import AnyTensor, Block, DtypeVar, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# proof_open.pat:4
ANYTHING = Op(
    "anything",
    params=(Param("x", AnyTensor()),),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# proof_open.pat:7
DOUBLE_ANYTHING = Op(
    "double_anything",
    params=(Param("x", AnyTensor()),),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# proof_open.pat:10
#     pattern open { double -> anything => double_anything }
OPEN = Pattern(
    "open",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=10),
            Step("anything", op="anything", operands={"x": Use("y")}, results={"y": "y_2"}, line=10),
        ),
    ),
    right=(RightStep("double_anything", args={"x": Use("x")}, results={"y": "new_y"}, line=10),),
    replaces=(Replace("y_2", "new_y"),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="proof_open.pat:10",
)

PROOF_OPEN_PASS = PassSpec(
    "proof_open",
    patterns=(OPEN,),
    ops={"anything": ANYTHING, "double": DOUBLE, "double_anything": DOUBLE_ANYTHING},
)


def register_proof_open(patterns: FusionPass) -> None:
    """Register the patterns of pass `proof_open`."""
    register_replacement(
        search_fn=Left(OPEN),
        replace_fn=Right(OPEN),
        example_inputs=examples(OPEN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(OPEN, patterns),
        pattern_name="open",
    )


PASSES = ((PROOF_OPEN_PASS, register_proof_open),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
