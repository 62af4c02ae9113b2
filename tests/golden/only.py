"""Fusion passes of only.pat: only.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile only.pat -o only.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, Only, PassSpec, Pattern, Replace, RightStep
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

# only.pat:10
ATTEND = Op(
    "attend",
    params=(Param("query", Tensor(T, (Bs, H))), Param("key", Tensor(T, (Bs, H)))),
    results=(Result("o", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::combine.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# only.pat:4
ROTATE = Op(
    "rotate",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("k", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# only.pat:7
ROTATE_UNSCALED = Op(
    "rotate_unscaled",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("k", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# only.pat:13
#     pattern rotate(x: T[*B, H]) {
#       d = double(x)
#       k = rotate(d)
#     =>
#       k = rotate_unscaled(x)
#       only k -> attend.key
#     }
ROTATE_ = Pattern(
    "rotate",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=14),
            Step("rotate", op="rotate", operands={"x": Use("d")}, results={"k": "k"}, line=15),
        ),
    ),
    right=(RightStep("rotate_unscaled", args={"x": Use("x")}, results={"k": "new_k"}, line=17),),
    replaces=(Replace("k", "new_k", True),),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    only=(Only("k", "attend", "key"),),
    place="only.pat:13",
)

ONLY_PASS = PassSpec(
    "only",
    patterns=(ROTATE_,),
    ops={"attend": ATTEND, "double": DOUBLE, "rotate": ROTATE, "rotate_unscaled": ROTATE_UNSCALED},
)


def register_only(patterns: FusionPass) -> None:
    """Register the patterns of pass `only`."""
    register_replacement(
        search_fn=Left(ROTATE_),
        replace_fn=Right(ROTATE_),
        example_inputs=examples(ROTATE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ROTATE_, patterns),
        pattern_name="rotate",
    )


PASSES = ((ONLY_PASS, register_only),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
