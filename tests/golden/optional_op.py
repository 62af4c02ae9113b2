"""Fusion passes of optional_op.pat: optional_op.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile optional_op.pat -o optional_op.py
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

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# lang.pat:23
DOUBLE_SPREAD = Op(
    "double_spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::double_spread.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:17
SPREAD = Op(
    "spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::spread.default"),),
)

# optional_op.pat:4, variant shift
#     pattern optional { double -> shift: increment? -> spread => shift? -> double_spread }
OPTIONAL_SHIFT = Pattern(
    "optional",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=4),
            Step("shift", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
            Step(
                "spread",
                op="spread",
                operands={"x": Use("y_2")},
                results={"low": "low", "high": "high"},
                line=4,
            ),
        ),
    ),
    right=(
        RightStep("increment", args={"x": Use("x")}, results={"y": "new_y"}, line=4),
        RightStep(
            "double_spread",
            args={"x": Use("new_y")},
            results={"low": "new_low", "high": "new_high"},
            line=4,
        ),
    ),
    replaces=(
        Replace("y_2", "new_y", True),
        Replace("low", "new_low", True),
        Replace("high", "new_high", True),
    ),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="shift",
    place="optional_op.pat:4",
)

# optional_op.pat:4, variant no shift
#     pattern optional { double -> shift: increment? -> spread => shift? -> double_spread }
OPTIONAL_NO_SHIFT = Pattern(
    "optional",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=4),
            Step(
                "spread",
                op="spread",
                operands={"x": Use("y")},
                results={"low": "low", "high": "high"},
                line=4,
            ),
        ),
    ),
    right=(
        RightStep(
            "double_spread",
            args={"x": Use("x")},
            results={"low": "new_low", "high": "new_high"},
            line=4,
        ),
    ),
    replaces=(Replace("low", "new_low", True), Replace("high", "new_high", True)),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="no shift",
    place="optional_op.pat:4",
)

OPTIONAL_OP_PASS = PassSpec(
    "optional_op",
    patterns=(OPTIONAL_SHIFT, OPTIONAL_NO_SHIFT),
    ops={"double": DOUBLE, "double_spread": DOUBLE_SPREAD, "increment": INCREMENT, "spread": SPREAD},
)


def register_optional_op(patterns: FusionPass) -> None:
    """Register the patterns of pass `optional_op`."""
    register_replacement(
        search_fn=Left(OPTIONAL_SHIFT),
        replace_fn=Right(OPTIONAL_SHIFT),
        example_inputs=examples(OPTIONAL_SHIFT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(OPTIONAL_SHIFT, patterns),
        pattern_name="optional[shift]",
    )
    register_replacement(
        search_fn=Left(OPTIONAL_NO_SHIFT),
        replace_fn=Right(OPTIONAL_NO_SHIFT),
        example_inputs=examples(OPTIONAL_NO_SHIFT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(OPTIONAL_NO_SHIFT, patterns),
        pattern_name="optional[no shift]",
    )


PASSES = ((OPTIONAL_OP_PASS, register_optional_op),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
