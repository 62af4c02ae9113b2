"""Fusion passes of rule_typed.pat: rule_typed.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rule_typed.pat -o rule_typed.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
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

T = DtypeVar("T")
W = DtypeVar("W")
H = Ref("H")
Bs = Star("B")

# rule_typed.pat:5
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# rule_typed.pat:2
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,)), True),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
)

# rule_typed.pat:8
NORM_TWICE = Op(
    "norm_twice",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::norm_twice.default"),),
)

# rule_typed.pat:11
#     pattern norm_twice { norm -> double => norm_twice }
NORM_TWICE_ = Pattern(
    "norm_twice",
    left=Block(
        ("x", "weight", "epsilon"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=11,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(
        RightStep(
            "norm_twice",
            args={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
            results={"y": "new_y"},
            line=11,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("weight"), Input("epsilon")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
    ),
    place="rule_typed.pat:11",
)

RULE_TYPED_PASS = PassSpec(
    "rule_typed",
    patterns=(NORM_TWICE_,),
    ops={"double": DOUBLE, "norm": NORM, "norm_twice": NORM_TWICE},
)


def register_rule_typed(patterns: FusionPass) -> None:
    """Register the patterns of pass `rule_typed`."""
    register_replacement(
        search_fn=Left(NORM_TWICE_),
        replace_fn=Right(NORM_TWICE_),
        example_inputs=examples(NORM_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NORM_TWICE_, patterns),
        pattern_name="norm_twice",
    )


PASSES = ((RULE_TYPED_PASS, register_rule_typed),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
