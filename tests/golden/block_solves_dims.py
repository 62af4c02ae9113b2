"""Fusion passes of block_solves_dims.pat: block_solves_dims.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile block_solves_dims.pat -o block_solves_dims.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Block,
    Const,
    DtypeVar,
    Op,
    Param,
    Plain,
    Result,
    Step,
    Tensor,
    TorchCall,
    Use,
)
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
A = Ref("A")
C = Ref("C")
M = Ref("M")
Q = Ref("Q")
R = Ref("R")
Bs = Star("B")

# block_solves_dims.pat:2
MIDDLE = Op(
    "middle",
    params=(Param("x", Tensor(T, (M, A))), Param("start", Plain("int")), Param("size", Plain("int"))),
    results=(Result("y", Tensor(T, (M, Ref("size")))),),
    bindings=(TorchCall("lang::negated_part.default"),),
)

# aten.pat:72
NEG = Op(
    "neg",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::neg.default"),),
)

# aten.pat:6
SPLIT = Op(
    "split",
    params=(
        Param("x", AnyTensor()),
        Param("sizes", Plain("int", True)),
        Param("dim", Plain("int"), default=Lit(0)),
    ),
    results=(Result("parts", Plain("tensor", True)),),
    bindings=(TorchCall("aten::split_with_sizes.default"), TorchCall("aten::split.Tensor")),
    free=True,
)

# block_solves_dims.pat:5
#     pattern negated(x: T[M, A]) {
#       q, rest = split(x, [Q, C + R], -1)
#       c, r    = split(rest, [C, R], -1)
#       n       = neg(c)
#     =>
#       n = middle(x, Q, C)
#     }
NEGATED = Pattern(
    "negated",
    left=Block(
        ("x",),
        (
            Step(
                "split",
                op="split",
                operands={"x": Use("x"), "sizes": Const(expr("[Q, C + R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "q", "parts.1": "rest"},
                line=6,
            ),
            Step(
                "split_2",
                op="split",
                operands={"x": Use("rest"), "sizes": Const(expr("[C, R]")), "dim": Const(Lit(-1))},
                results={"parts.0": "c", "parts.1": "r"},
                line=7,
            ),
            Step("neg", op="neg", operands={"x": Use("c")}, results={"y": "n"}, line=8),
        ),
    ),
    right=(
        RightStep(
            "middle",
            args={"x": Use("x"), "start": Use("Q"), "size": Use("C")},
            results={"y": "new_n"},
            flatten=("x",),
            line=10,
        ),
    ),
    replaces=(Replace("n", "new_n", True),),
    inputs=(Input("x", Tensor(T, (M, A))),),
    examples=(Example("x", (11, 12544), Dtype("bf16")),),
    place="block_solves_dims.pat:5",
)

BLOCK_SOLVES_DIMS_PASS = PassSpec(
    "block_solves_dims",
    patterns=(NEGATED,),
    ops={"middle": MIDDLE, "neg": NEG, "split": SPLIT},
)


def register_block_solves_dims(patterns: FusionPass) -> None:
    """Register the patterns of pass `block_solves_dims`."""
    register_replacement(
        search_fn=Left(NEGATED),
        replace_fn=Right(NEGATED),
        example_inputs=examples(NEGATED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NEGATED, patterns),
        pattern_name="negated",
    )


PASSES = ((BLOCK_SOLVES_DIMS_PASS, register_block_solves_dims),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
