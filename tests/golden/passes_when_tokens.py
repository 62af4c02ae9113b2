"""Fusion passes of passes_when_tokens.pat: short.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile passes_when_tokens.pat -o passes_when_tokens.py
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

# passes_when_tokens.pat:4
#     pattern short { double -> increment => both }
SHORT = Pattern(
    "short",
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
    place="passes_when_tokens.pat:4",
)

SHORT_PASS = PassSpec(
    "short",
    patterns=(SHORT,),
    ops={"both": BOTH, "double": DOUBLE, "increment": INCREMENT},
    when=expr("tokens <= 512"),
)


def register_short(patterns: FusionPass) -> None:
    """Register the patterns of pass `short`."""
    register_replacement(
        search_fn=Left(SHORT),
        replace_fn=Right(SHORT),
        example_inputs=examples(SHORT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SHORT, patterns),
        pattern_name="short",
    )


PASSES = ((SHORT_PASS, register_short),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
