"""Fusion passes of rounds.pat: rounds.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile rounds.pat -o rounds.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import AnyTensor, Block, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

# kernels.pat:6
ADD_NORM = Op(
    "add_norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("residual", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))), Result("residual_out", Tensor(T, (Bs, H)))),
    bindings=(TorchCall("patdsl::fused_add_rms_norm.default"),),
    ref="patdsl.reference:fused_add_rms_norm",
)

# kernels.pat:2
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
    ref="patdsl.reference:rms_norm",
)

# rounds.pat:4
#     pattern add_norm(x: T[*B, H], residual: T[*B, H], weight: T[H]) {
#       r = add(x, residual)
#       y = norm(r, weight, epsilon)
#     =>
#       y, r = add_norm(x, residual, weight, epsilon)
#       rounds r
#     }
ADD_NORM_ = Pattern(
    "add_norm",
    left=Block(
        ("x", "residual", "weight", "epsilon"),
        (
            Step(
                "add",
                op="add",
                operands={"x": Use("x"), "other": Use("residual")},
                results={"y": "r"},
                line=5,
            ),
            Step(
                "norm",
                op="norm",
                operands={"x": Use("r"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=6,
            ),
        ),
    ),
    right=(
        RightStep(
            "add_norm",
            args={
                "x": Use("x"),
                "residual": Use("residual"),
                "weight": Use("weight"),
                "epsilon": Use("epsilon"),
            },
            results={"y": "new_y", "residual_out": "new_r"},
            line=8,
        ),
    ),
    replaces=(Replace("y", "new_y"), Replace("r", "new_r")),
    inputs=(
        Input("x", Tensor(T, (Bs, H))),
        Input("residual", Tensor(T, (Bs, H))),
        Input("weight", Tensor(T, (H,))),
        Input("epsilon"),
    ),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("residual", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
    ),
    rounds=("r",),
    place="rounds.pat:4",
)

ROUNDS_PASS = PassSpec("rounds", patterns=(ADD_NORM_,), ops={"add": ADD, "add_norm": ADD_NORM, "norm": NORM})


def register_rounds(patterns: FusionPass) -> None:
    """Register the patterns of pass `rounds`."""
    register_replacement(
        search_fn=Left(ADD_NORM_),
        replace_fn=Right(ADD_NORM_),
        example_inputs=examples(ADD_NORM_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ADD_NORM_, patterns),
        pattern_name="add_norm",
    )


PASSES = ((ROUNDS_PASS, register_rounds),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
