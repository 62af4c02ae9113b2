"""Fusion passes of host_values.pat: host_values.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile host_values.pat -o host_values.py
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

# host_values.pat:8
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# host_values.pat:5
LOAD = Op(
    "load",
    params=(Param("x", Tensor(T, (Bs, H))), Param("layer", Plain("str"))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::load.default"),),
)

# host_values.pat:11
LOAD_TWICE = Op(
    "load_twice",
    params=(Param("x", Tensor(T, (Bs, H))), Param("layer", Plain("str"))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::load_twice.default"),),
    where=(expr('supports(layer, "twice")'),),
)

# host_values.pat:15
#     pattern load_twice {
#       load -> double => load_twice
#       where H == 8 * width
#     }
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
                line=16,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=16),
        ),
    ),
    right=(
        RightStep("load_twice", args={"x": Use("x"), "layer": Use("layer")}, results={"y": "new_y"}, line=16),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("layer")),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")), Example("layer", value="example")),
    where=(expr("size(x, -1) == 8 * width"),),
    place="host_values.pat:15",
)

HOST_VALUES_PASS = PassSpec(
    "host_values",
    patterns=(LOAD_TWICE_,),
    ops={"double": DOUBLE, "load": LOAD, "load_twice": LOAD_TWICE},
    hosts=(HostValue("supports", "bool", ("str", "str"), False), HostValue("width", "int", default=1)),
)


def register_host_values(patterns: FusionPass) -> None:
    """Register the patterns of pass `host_values`."""
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


PASSES = ((HOST_VALUES_PASS, register_host_values),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
