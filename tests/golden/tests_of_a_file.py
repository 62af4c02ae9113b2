"""Fusion passes of tests_of_a_file.pat: tests_of_a_file.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile tests_of_a_file.pat -o tests_of_a_file.py
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

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# tests_of_a_file.pat:4
#     pattern both { double -> increment => both }
BOTH_ = Pattern(
    "both",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=4),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=4),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="tests_of_a_file.pat:4",
)

TESTS_OF_A_FILE_PASS = PassSpec(
    "tests_of_a_file",
    patterns=(BOTH_,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_tests_of_a_file(patterns: FusionPass) -> None:
    """Register the patterns of pass `tests_of_a_file`."""
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


PASSES = ((TESTS_OF_A_FILE_PASS, register_tests_of_a_file),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
