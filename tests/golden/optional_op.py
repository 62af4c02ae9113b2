"""Fusion passes of optional_op.pat: optional_op.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile optional_op.pat -o optional_op.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Give, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# aten.pat:75
ABS = Op(
    "abs",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::abs.default"),),
)

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

# aten.pat:72
NEG = Op(
    "neg",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::neg.default"),),
)

# optional_op.pat:8
PLUS_ONE_OF = Op(
    "plus_one_of",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::increase.by", args={0: Give(Ref("x")), 1: Give(Lit(1.0))}),),
)

# lang.pat:17
SPREAD = Op(
    "spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::spread.default"),),
)

# optional_op.pat:4, variant sign
#     pattern before { double -> sign: neg? -> spread => sign? -> double_spread }
BEFORE_SIGN = Pattern(
    "before",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=4),
            Step("sign", op="neg", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
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
        RightStep("neg", args={"x": Use("x")}, results={"y": "new_y"}, line=4),
        RightStep(
            "double_spread",
            args={"x": Use("new_y")},
            results={"low": "new_low", "high": "new_high"},
            line=4,
        ),
    ),
    replaces=(Replace("low", "new_low", True), Replace("high", "new_high", True)),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="sign",
    place="optional_op.pat:4",
)

# optional_op.pat:6, variant sign
#     pattern after { increment -> sign: abs? => plus_one_of -> sign? }
AFTER_SIGN = Pattern(
    "after",
    left=Block(
        ("x",),
        (
            Step("increment", op="increment", operands={"x": Use("x")}, results={"y": "y"}, line=6),
            Step("sign", op="abs", operands={"x": Use("y")}, results={"y": "y_2"}, line=6),
        ),
    ),
    right=(
        RightStep("plus_one_of", args={"x": Use("x")}, results={"y": "new_y"}, line=6),
        RightStep("abs", args={"x": Use("new_y")}, results={"y": "new_y_2"}, line=6),
    ),
    replaces=(Replace("y_2", "new_y_2", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="sign",
    place="optional_op.pat:6",
)

# optional_op.pat:4, variant no sign
#     pattern before { double -> sign: neg? -> spread => sign? -> double_spread }
BEFORE_NO_SIGN = Pattern(
    "before",
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
    variant="no sign",
    place="optional_op.pat:4",
)

# optional_op.pat:6, variant no sign
#     pattern after { increment -> sign: abs? => plus_one_of -> sign? }
AFTER_NO_SIGN = Pattern(
    "after",
    left=Block(
        ("x",),
        (Step("increment", op="increment", operands={"x": Use("x")}, results={"y": "y"}, line=6),),
    ),
    right=(RightStep("plus_one_of", args={"x": Use("x")}, results={"y": "new_y"}, line=6),),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="no sign",
    place="optional_op.pat:6",
)

OPTIONAL_OP_PASS = PassSpec(
    "optional_op",
    patterns=(BEFORE_SIGN, AFTER_SIGN, BEFORE_NO_SIGN, AFTER_NO_SIGN),
    ops={
        "abs": ABS,
        "double": DOUBLE,
        "double_spread": DOUBLE_SPREAD,
        "increment": INCREMENT,
        "neg": NEG,
        "plus_one_of": PLUS_ONE_OF,
        "spread": SPREAD,
    },
)


def register_optional_op(patterns: FusionPass) -> None:
    """Register the patterns of pass `optional_op`."""
    register_replacement(
        search_fn=Left(BEFORE_SIGN),
        replace_fn=Right(BEFORE_SIGN),
        example_inputs=examples(BEFORE_SIGN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(BEFORE_SIGN, patterns),
        pattern_name="before[sign]",
    )
    register_replacement(
        search_fn=Left(AFTER_SIGN),
        replace_fn=Right(AFTER_SIGN),
        example_inputs=examples(AFTER_SIGN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AFTER_SIGN, patterns),
        pattern_name="after[sign]",
    )
    register_replacement(
        search_fn=Left(BEFORE_NO_SIGN),
        replace_fn=Right(BEFORE_NO_SIGN),
        example_inputs=examples(BEFORE_NO_SIGN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(BEFORE_NO_SIGN, patterns),
        pattern_name="before[no sign]",
    )
    register_replacement(
        search_fn=Left(AFTER_NO_SIGN),
        replace_fn=Right(AFTER_NO_SIGN),
        example_inputs=examples(AFTER_NO_SIGN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(AFTER_NO_SIGN, patterns),
        pattern_name="after[no sign]",
    )


PASSES = ((OPTIONAL_OP_PASS, register_optional_op),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
