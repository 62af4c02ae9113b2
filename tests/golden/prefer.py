"""Fusion passes of prefer.pat: prefer.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile prefer.pat -o prefer.py
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

# prefer.pat:4
FAST = Op(
    "fast",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one_fast.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# prefer.pat:9
#     pattern faster {
#       double -> increment => fast
#       prefer faster over slower
#     }
FASTER = Pattern(
    "faster",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=10),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=10),
        ),
    ),
    right=(RightStep("fast", args={"x": Use("x")}, results={"y": "new_y"}, line=10),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    over=("slower",),
    place="prefer.pat:9",
)

# prefer.pat:7
#     pattern slower { double -> increment => both }
SLOWER = Pattern(
    "slower",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=7),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=7),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=7),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="prefer.pat:7",
)

PREFER_PASS = PassSpec(
    "prefer",
    patterns=(FASTER, SLOWER),
    ops={"both": BOTH, "double": DOUBLE, "fast": FAST, "increment": INCREMENT},
)


def register_prefer(patterns: FusionPass) -> None:
    """Register the patterns of pass `prefer`."""
    register_replacement(
        search_fn=Left(FASTER),
        replace_fn=Right(FASTER),
        example_inputs=examples(FASTER),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FASTER, patterns),
        pattern_name="faster",
    )
    register_replacement(
        search_fn=Left(SLOWER),
        replace_fn=Right(SLOWER),
        example_inputs=examples(SLOWER),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SLOWER, patterns),
        pattern_name="slower",
    )


PASSES = ((PREFER_PASS, register_prefer),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
