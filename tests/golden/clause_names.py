"""Fusion passes of clause_names.pat: clause_names.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile clause_names.pat -o clause_names.py
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
N = Ref("N")
Bs = Star("B")

# clause_names.pat:7
CLAUSE_NAMES_BOTH = Op(
    "clause_names.both",
    params=(Param("x", Tensor(T, (N, Bs, H))),),
    results=(Result("y", Tensor(T, (N, Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# clause_names.pat:4
STRETCH = Op(
    "stretch",
    params=(Param("x", Tensor(T, (N, Bs, H))),),
    results=(Result("y", Tensor(T, (N, Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# clause_names.pat:10
#     pattern named {
#       stretch -> increment => both
#       where rank(y) == 3 and numel(y) <= 1000 and N == 2
#     }
NAMED = Pattern(
    "named",
    left=Block(
        ("x",),
        (
            Step("stretch", op="stretch", operands={"x": Use("x")}, results={"y": "y"}, line=11),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(RightStep("clause_names.both", args={"x": Use("x")}, results={"y": "new_y"}, line=11),),
    replaces=(Replace("y_2", "new_y"),),
    inputs=(Input("x"),),
    examples=(Example("x", (2, 11, 3328), Dtype("bf16")),),
    where=(expr("rank(y_2) == 3 and numel(y_2) <= 1000 and size(x, 0) == 2"),),
    place="clause_names.pat:10",
)

CLAUSE_NAMES_PASS = PassSpec(
    "clause_names",
    patterns=(NAMED,),
    ops={"clause_names.both": CLAUSE_NAMES_BOTH, "increment": INCREMENT, "stretch": STRETCH},
)


def register_clause_names(patterns: FusionPass) -> None:
    """Register the patterns of pass `clause_names`."""
    register_replacement(
        search_fn=Left(NAMED),
        replace_fn=Right(NAMED),
        example_inputs=examples(NAMED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NAMED, patterns),
        pattern_name="named",
    )


PASSES = ((CLAUSE_NAMES_PASS, register_clause_names),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
