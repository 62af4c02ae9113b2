"""Fusion passes of list_argument.pat: list_argument.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile list_argument.pat -o list_argument.py
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
    Values,
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
D = Ref("D")
M = Ref("M")
Bs = Star("B")

# aten.pat:116
CAT = Op(
    "cat",
    params=(Param("tensors", Plain("tensor", True)), Param("dim", Plain("int"), default=Lit(0))),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::cat.default"),),
)

# list_argument.pat:2
FLIP_HALVES = Op(
    "flip_halves",
    params=(Param("x", Tensor(T, (M, expr("2 * D")))),),
    results=(Result("y", Tensor(T, (M, expr("2 * D")))),),
    bindings=(TorchCall("lang::flip_halves.default"),),
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

# list_argument.pat:5
#     pattern flip(x: T[M, 2 * D]) {
#       a, b = split(x, [D, D], -1)
#       y    = cat([neg(b), a], -1)
#     =>
#       y = flip_halves(x)
#     }
FLIP = Pattern(
    "flip",
    left=Block(
        ("x",),
        (
            Step(
                "split",
                op="split",
                operands={"x": Use("x"), "sizes": Const(expr("[D, D]")), "dim": Const(Lit(-1))},
                results={"parts.0": "a", "parts.1": "b"},
                line=6,
            ),
            Step("neg", op="neg", operands={"x": Use("b")}, results={"y": "y_2"}, line=7),
            Step(
                "cat",
                op="cat",
                operands={"tensors": Values((Use("y_2"), Use("a"))), "dim": Const(Lit(-1))},
                results={"y": "y"},
                line=7,
            ),
        ),
    ),
    right=(RightStep("flip_halves", args={"x": Use("x")}, results={"y": "new_y"}, line=9),),
    replaces=(Replace("y", "new_y"),),
    inputs=(Input("x", Tensor(T, (M, expr("2 * D")))),),
    examples=(Example("x", (11, 6656), Dtype("bf16")),),
    place="list_argument.pat:5",
)

LIST_ARGUMENT_PASS = PassSpec(
    "list_argument",
    patterns=(FLIP,),
    ops={"cat": CAT, "flip_halves": FLIP_HALVES, "neg": NEG, "split": SPLIT},
)


def register_list_argument(patterns: FusionPass) -> None:
    """Register the patterns of pass `list_argument`."""
    register_replacement(
        search_fn=Left(FLIP),
        replace_fn=Right(FLIP),
        example_inputs=examples(FLIP),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FLIP, patterns),
        pattern_name="flip",
    )


PASSES = ((LIST_ARGUMENT_PASS, register_list_argument),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
