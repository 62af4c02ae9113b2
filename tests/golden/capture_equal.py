"""Fusion passes of capture_equal.pat: capture_equal.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile capture_equal.pat -o capture_equal.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    Const,
    DtypeVar,
    Give,
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

T = DtypeVar("T")
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

# lang.pat:20
COMBINE = Op(
    "combine",
    params=(Param("x", Tensor(T, (Bs,))), Param("other", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::combine.default"),),
)

# capture_equal.pat:4
SCALED = Op(
    "scaled",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall(
            "lang::affine_reordered.default",
            args={
                0: Give(Lit(0.0)),
                1: Give(Ref("x")),
                "scale": Give(Ref("scale")),
                "mode": Give(Lit("plain")),
            },
            results=(None, "y"),
        ),
    ),
)

# capture_equal.pat:7
SCALED_TWICE = Op(
    "scaled_twice",
    params=(Param("x", Tensor(T, (Bs,))), Param("shift", Tensor(T, (Bs,))), Param("scale", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::scaled_twice.default"),),
)

# capture_equal.pat:10
#     pattern equal {
#       a = affine(x, shift, s)
#       y = scaled(a, s)
#       z = combine(y, shift)
#     =>
#       z = scaled_twice(x, shift, s)
#     }
EQUAL = Pattern(
    "equal",
    left=Block(
        ("x", "shift", "s"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Use("s"),
                    "relu": Const(Lit(False)),
                    "mode": Const(Lit("plain")),
                },
                results={"y": "a"},
                line=11,
            ),
            Step(
                "scaled",
                op="scaled",
                operands={"x": Use("a"), "scale": Use("s")},
                results={"y": "y"},
                line=12,
            ),
            Step(
                "combine",
                op="combine",
                operands={"x": Use("y"), "other": Use("shift")},
                results={"y": "z"},
                line=13,
            ),
        ),
    ),
    right=(
        RightStep(
            "scaled_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("s")},
            results={"y": "new_z"},
            line=15,
        ),
    ),
    replaces=(Replace("z", "new_z", True),),
    inputs=(Input("x"), Input("shift"), Input("s")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
        Example("s", value=1e-06),
    ),
    place="capture_equal.pat:10",
)

CAPTURE_EQUAL_PASS = PassSpec(
    "capture_equal",
    patterns=(EQUAL,),
    ops={"affine": AFFINE, "combine": COMBINE, "scaled": SCALED, "scaled_twice": SCALED_TWICE},
)


def register_capture_equal(patterns: FusionPass) -> None:
    """Register the patterns of pass `capture_equal`."""
    register_replacement(
        search_fn=Left(EQUAL),
        replace_fn=Right(EQUAL),
        example_inputs=examples(EQUAL),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(EQUAL, patterns),
        pattern_name="equal",
    )


PASSES = ((CAPTURE_EQUAL_PASS, register_capture_equal),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
