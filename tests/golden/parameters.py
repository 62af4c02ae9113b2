"""Fusion passes of parameters.pat: parameters.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile parameters.pat -o parameters.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, Const, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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

# lang.pat:11
AFFINE = Op(
    "affine",
    params=(
        Param("x", Tensor(T, (Bs,))),
        Param("shift", Tensor(T, (Bs,)), True),
        Param("scale", Plain("float"), default=Lit(1.0)),
        Param("relu", Plain("bool"), default=Lit(False)),
        Param("mode", Plain("str"), default=Lit("plain")),
    ),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::affine.default"),),
)

# lang.pat:14
AFFINE_TWICE = Op(
    "affine_twice",
    params=(
        Param("x", Tensor(T, (Bs,))),
        Param("shift", Tensor(T, (Bs,)), True),
        Param("scale", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::affine_twice.default"),),
)

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

# parameters.pat:6, variant f=increment, fused=both
#     pattern pairs[(f, fused) in {(increment, both), (spread, double_spread)}](x: T[*B, H]) {
#       d = double(x)
#       r = f(d)
#     =>
#       r = fused(x)
#     }
PAIRS_F_INCREMENT_FUSED_BOTH = Pattern(
    "pairs",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=7),
            Step("increment", op="increment", operands={"x": Use("d")}, results={"y": "r"}, line=8),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_r"}, line=10),),
    replaces=(Replace("r", "new_r", True),),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="f=increment, fused=both",
    place="parameters.pat:6",
)

# parameters.pat:6, variant f=spread, fused=double_spread
#     pattern pairs[(f, fused) in {(increment, both), (spread, double_spread)}](x: T[*B, H]) {
#       d = double(x)
#       r = f(d)
#     =>
#       r = fused(x)
#     }
PAIRS_F_SPREAD_FUSED_DOUBLE_SPREAD = Pattern(
    "pairs",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=7),
            Step(
                "spread",
                op="spread",
                operands={"x": Use("d")},
                results={"low": "r.low", "high": "r.high"},
                line=8,
            ),
        ),
    ),
    right=(
        RightStep(
            "double_spread",
            args={"x": Use("x")},
            results={"low": "new_r_low", "high": "new_r_high"},
            line=10,
        ),
    ),
    replaces=(Replace("r.low", "new_r_low", True), Replace("r.high", "new_r_high", True)),
    inputs=(Input("x", Tensor(T, (Bs, H))),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    variant="f=spread, fused=double_spread",
    place="parameters.pat:6",
)

# parameters.pat:4, variant s=2.0
#     pattern scales[s in {2.0, 4.0}] { affine(scale=s) -> double => affine_twice(scale=s) }
SCALES_S_2_0 = Pattern(
    "scales",
    left=Block(
        ("x", "shift"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Const(Lit(2.0)),
                    "relu": Const(Lit(False)),
                    "mode": Const(Lit("plain")),
                },
                results={"y": "y"},
                line=4,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Const(Lit(2.0))},
            results={"y": "new_y"},
            line=4,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("shift", (11, 3328), Dtype("bf16"))),
    variant="s=2.0",
    place="parameters.pat:4",
)

# parameters.pat:4, variant s=4.0
#     pattern scales[s in {2.0, 4.0}] { affine(scale=s) -> double => affine_twice(scale=s) }
SCALES_S_4_0 = Pattern(
    "scales",
    left=Block(
        ("x", "shift"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Const(Lit(4.0)),
                    "relu": Const(Lit(False)),
                    "mode": Const(Lit("plain")),
                },
                results={"y": "y"},
                line=4,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Const(Lit(4.0))},
            results={"y": "new_y"},
            line=4,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("shift", (11, 3328), Dtype("bf16"))),
    variant="s=4.0",
    place="parameters.pat:4",
)

PARAMETERS_PASS = PassSpec(
    "parameters",
    patterns=(PAIRS_F_INCREMENT_FUSED_BOTH, PAIRS_F_SPREAD_FUSED_DOUBLE_SPREAD, SCALES_S_2_0, SCALES_S_4_0),
    ops={
        "affine": AFFINE,
        "affine_twice": AFFINE_TWICE,
        "both": BOTH,
        "double": DOUBLE,
        "double_spread": DOUBLE_SPREAD,
        "increment": INCREMENT,
        "spread": SPREAD,
    },
)


def register_parameters(patterns: FusionPass) -> None:
    """Register the patterns of pass `parameters`."""
    register_replacement(
        search_fn=Left(PAIRS_F_INCREMENT_FUSED_BOTH),
        replace_fn=Right(PAIRS_F_INCREMENT_FUSED_BOTH),
        example_inputs=examples(PAIRS_F_INCREMENT_FUSED_BOTH),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(PAIRS_F_INCREMENT_FUSED_BOTH, patterns),
        pattern_name="pairs[f=increment, fused=both]",
    )
    register_replacement(
        search_fn=Left(PAIRS_F_SPREAD_FUSED_DOUBLE_SPREAD),
        replace_fn=Right(PAIRS_F_SPREAD_FUSED_DOUBLE_SPREAD),
        example_inputs=examples(PAIRS_F_SPREAD_FUSED_DOUBLE_SPREAD),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(PAIRS_F_SPREAD_FUSED_DOUBLE_SPREAD, patterns),
        pattern_name="pairs[f=spread, fused=double_spread]",
    )
    register_replacement(
        search_fn=Left(SCALES_S_2_0),
        replace_fn=Right(SCALES_S_2_0),
        example_inputs=examples(SCALES_S_2_0),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SCALES_S_2_0, patterns),
        pattern_name="scales[s=2.0]",
    )
    register_replacement(
        search_fn=Left(SCALES_S_4_0),
        replace_fn=Right(SCALES_S_4_0),
        example_inputs=examples(SCALES_S_4_0),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SCALES_S_4_0, patterns),
        pattern_name="scales[s=4.0]",
    )


PASSES = ((PARAMETERS_PASS, register_parameters),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
