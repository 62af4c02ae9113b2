"""Fusion passes of module_names.pat: both, other.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile module_names.pat -o module_names.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Star
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
Bs = Star("B")

# module_names.pat:2
BOTH_PASS = Op(
    "both_pass",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# module_names.pat:5
LAMBDA = Op(
    "lambda",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# module_names.pat:8
LOAD = Op(
    "load",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# module_names.pat:11
#     pattern class { both_pass -> lambda => load }
CLASS = Pattern(
    "class",
    left=Block(
        ("x",),
        (
            Step("both_pass", op="both_pass", operands={"x": Use("x")}, results={"y": "y"}, line=11),
            Step("lambda", op="lambda", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(RightStep("load", args={"x": Use("x")}, results={"y": "new_y"}, line=11),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="module_names.pat:11",
)

# module_names.pat:15
#     pattern Class { lambda -> both_pass => load }
CLASS_ = Pattern(
    "Class",
    left=Block(
        ("x",),
        (
            Step("lambda", op="lambda", operands={"x": Use("x")}, results={"y": "y"}, line=15),
            Step("both_pass", op="both_pass", operands={"x": Use("y")}, results={"y": "y_2"}, line=15),
        ),
    ),
    right=(RightStep("load", args={"x": Use("x")}, results={"y": "new_y"}, line=15),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="module_names.pat:15",
)

BOTH_PASS_ = PassSpec("both", patterns=(CLASS,), ops={"both_pass": BOTH_PASS, "lambda": LAMBDA, "load": LOAD})


def register_both(patterns: FusionPass) -> None:
    """Register the patterns of pass `both`."""
    register_replacement(
        search_fn=Left(CLASS),
        replace_fn=Right(CLASS),
        example_inputs=examples(CLASS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(CLASS, patterns),
        pattern_name="class",
    )


OTHER_PASS = PassSpec(
    "other",
    patterns=(CLASS_,),
    ops={"both_pass": BOTH_PASS, "lambda": LAMBDA, "load": LOAD},
    when=Lit(False),
)


def register_other(patterns: FusionPass) -> None:
    """Register the patterns of pass `other`."""
    register_replacement(
        search_fn=Left(CLASS_),
        replace_fn=Right(CLASS_),
        example_inputs=examples(CLASS_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(CLASS_, patterns),
        pattern_name="Class",
    )


PASSES = (
    (BOTH_PASS_, register_both),
    (OTHER_PASS, register_other),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
