"""Fusion passes of number_for_tensor.pat: number_for_tensor.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile number_for_tensor.pat -o number_for_tensor.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import AnyTensor, Block, Const, DtypeVar, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# aten.pat:60
MUL = Op(
    "mul",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::mul.Tensor"), TorchCall("aten::mul.Scalar")),
    commutative=True,
)

# number_for_tensor.pat:6
#     pattern scaled(x: T[*B, H]) {
#       y = mul(double(x), 3.0)
#     =>
#       y = mul(x, twice * 3.0)
#     }
SCALED = Pattern(
    "scaled",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y_2"}, line=7),
            Step(
                "mul",
                op="mul",
                operands={"x": Use("y_2"), "other": Const(Lit(3.0))},
                results={"y": "y"},
                line=7,
            ),
        ),
    ),
    right=(
        RightStep(
            "mul",
            args={"x": Use("x"), "other": Const(expr("twice * 3.0"))},
            results={"y": "new_y"},
            line=9,
        ),
    ),
    replaces=(Replace("y", "new_y"),),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="number_for_tensor.pat:6",
)

NUMBER_FOR_TENSOR_PASS = PassSpec(
    "number_for_tensor",
    patterns=(SCALED,),
    ops={"double": DOUBLE, "mul": MUL},
    consts={"twice": (ConstValue(2.0),)},
)


def register_number_for_tensor(patterns: FusionPass) -> None:
    """Register the patterns of pass `number_for_tensor`."""
    register_replacement(
        search_fn=Left(SCALED),
        replace_fn=Right(SCALED),
        example_inputs=examples(SCALED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SCALED, patterns),
        pattern_name="scaled",
    )


PASSES = ((NUMBER_FOR_TENSOR_PASS, register_number_for_tensor),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
