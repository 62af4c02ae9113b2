"""Fusion passes of opaque.pat: opaque.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile opaque.pat -o opaque.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, HostValue, Input, PassSpec, Pattern, Replace, RightStep
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
from patdsl.text_to_expr import expr

T = DtypeVar("T")
H = Ref("H")
Bs = Star("B")

# opaque.pat:8
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# opaque.pat:5
LOAD = Op(
    "load",
    params=(Param("x", Tensor(T, (Bs, H))), Param("layer", Plain("opaque"))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::load.default"),),
)

# opaque.pat:11
LOAD_TWICE = Op(
    "load_twice",
    params=(Param("x", Tensor(T, (Bs, H))), Param("layer", Plain("opaque"))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::load_twice.default"),),
    where=(expr('supports(layer, "twice")'),),
)

# opaque.pat:15
#     pattern load_twice { load -> double => load_twice }
LOAD_TWICE_ = Pattern(
    "load_twice",
    left=Block(
        ("x", "layer"),
        (
            Step(
                "load",
                op="load",
                operands={"x": Use("x"), "layer": Use("layer")},
                results={"y": "y"},
                line=15,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=15),
        ),
    ),
    right=(
        RightStep("load_twice", args={"x": Use("x"), "layer": Use("layer")}, results={"y": "new_y"}, line=15),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("layer")),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")), Example("layer", value="example")),
    place="opaque.pat:15",
)

OPAQUE_PASS = PassSpec(
    "opaque",
    patterns=(LOAD_TWICE_,),
    ops={"double": DOUBLE, "load": LOAD, "load_twice": LOAD_TWICE},
    hosts=(HostValue("supports", "bool", ("opaque", "str"), True),),
)


def register_opaque(patterns: FusionPass) -> None:
    """Register the patterns of pass `opaque`."""
    register_replacement(
        search_fn=Left(LOAD_TWICE_),
        replace_fn=Right(LOAD_TWICE_),
        example_inputs=examples(LOAD_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LOAD_TWICE_, patterns),
        pattern_name="load_twice",
    )


PASSES = ((OPAQUE_PASS, register_opaque),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
