"""Fusion passes of op_where.pat: op_where.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile op_where.pat -o op_where.py
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
from patdsl.text_to_expr import expr

T = DtypeVar("T")
H = Ref("H")
Bs = Star("B")
Ss = Star("S")

# op_where.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# op_where.pat:5
SCALE_BY = Op(
    "scale_by",
    params=(Param("x", Tensor(T, (Bs, H))), Param("s", Tensor(T, (Ss,)))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::mul.default"),),
)

# op_where.pat:8
SCALE_TWICE = Op(
    "scale_twice",
    params=(Param("x", Tensor(T, (Bs, H))), Param("s", Tensor(T, (Ss,)))),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::mul_twice.default"),),
    where=(expr("H % 16 == 0 and H in {32, 64, 128}"), expr("numel(s) == 1"), expr("contiguous(x)")),
)

# op_where.pat:14
#     pattern scale_twice { double -> scale_by => scale_twice }
SCALE_TWICE_ = Pattern(
    "scale_twice",
    left=Block(
        ("x", "s"),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=14),
            Step(
                "scale_by",
                op="scale_by",
                operands={"x": Use("y"), "s": Use("s")},
                results={"y": "y_2"},
                line=14,
            ),
        ),
    ),
    right=(RightStep("scale_twice", args={"x": Use("x"), "s": Use("s")}, results={"y": "new_y"}, line=14),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("s")),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")), Example("s", (19, 5888), Dtype("bf16"))),
    place="op_where.pat:14",
)

OP_WHERE_PASS = PassSpec(
    "op_where",
    patterns=(SCALE_TWICE_,),
    ops={"double": DOUBLE, "scale_by": SCALE_BY, "scale_twice": SCALE_TWICE},
)


def register_op_where(patterns: FusionPass) -> None:
    """Register the patterns of pass `op_where`."""
    register_replacement(
        search_fn=Left(SCALE_TWICE_),
        replace_fn=Right(SCALE_TWICE_),
        example_inputs=examples(SCALE_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SCALE_TWICE_, patterns),
        pattern_name="scale_twice",
    )


PASSES = ((OP_WHERE_PASS, register_op_where),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
