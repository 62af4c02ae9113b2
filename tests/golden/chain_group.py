"""Fusion passes of chain_group.pat: chain_group.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile chain_group.pat -o chain_group.py
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

# chain_group.pat:4
GROUP = Op(
    "group",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(
        Result("y", Tensor(T, (Bs, H))),
        Result("low", Tensor(T, (Bs, H))),
        Result("high", Tensor(T, (Bs, H))),
    ),
    bindings=(TorchCall("lang::double_group.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:17
SPREAD = Op(
    "spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::spread.default"),),
)

# chain_group.pat:7
#     pattern group { double -> (increment, spread) => group }
GROUP_ = Pattern(
    "group",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=7),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=7),
            Step(
                "spread",
                op="spread",
                operands={"x": Use("y")},
                results={"low": "low", "high": "high"},
                line=7,
            ),
        ),
    ),
    right=(
        RightStep(
            "group",
            args={"x": Use("x")},
            results={"y": "new_y", "low": "new_low", "high": "new_high"},
            line=7,
        ),
    ),
    replaces=(
        Replace("y_2", "new_y", True),
        Replace("low", "new_low", True),
        Replace("high", "new_high", True),
    ),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="chain_group.pat:7",
)

CHAIN_GROUP_PASS = PassSpec(
    "chain_group",
    patterns=(GROUP_,),
    ops={"double": DOUBLE, "group": GROUP, "increment": INCREMENT, "spread": SPREAD},
)


def register_chain_group(patterns: FusionPass) -> None:
    """Register the patterns of pass `chain_group`."""
    register_replacement(
        search_fn=Left(GROUP_),
        replace_fn=Right(GROUP_),
        example_inputs=examples(GROUP_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(GROUP_, patterns),
        pattern_name="group",
    )


PASSES = ((CHAIN_GROUP_PASS, register_chain_group),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
