"""Fusion passes of clause_last_name.pat: clause_last_name.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile clause_last_name.pat -o clause_last_name.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Result, Step, Tensor, Through, TorchCall, Use
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

# clause_last_name.pat:4
#     pattern last {
#       double -> view -> increment => both
#       where rank(y) == 3
#     }
LAST = Pattern(
    "last",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=5),
            Step("increment", op="increment", operands={"x": Through("y", 1)}, results={"y": "y_2"}, line=5),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=5),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    where=(expr("rank(y_2) == 3"),),
    place="clause_last_name.pat:4",
)

CLAUSE_LAST_NAME_PASS = PassSpec(
    "clause_last_name",
    patterns=(LAST,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
)


def register_clause_last_name(patterns: FusionPass) -> None:
    """Register the patterns of pass `clause_last_name`."""
    register_replacement(
        search_fn=Left(LAST),
        replace_fn=Right(LAST),
        example_inputs=examples(LAST),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LAST, patterns),
        pattern_name="last",
    )


PASSES = ((CLAUSE_LAST_NAME_PASS, register_clause_last_name),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
