"""Fusion passes of capture_literal.pat: literals, sets.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile capture_literal.pat -o capture_literal.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Anything,
    Block,
    Const,
    DtypeVar,
    OneOf,
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

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# capture_literal.pat:4
#     pattern literal { affine(scale=3.0) -> double => affine_twice }
LITERAL = Pattern(
    "literal",
    left=Block(
        ("x", "shift"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Const(Lit(3.0)),
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
            args={"x": Use("x"), "shift": Use("shift"), "scale": Const(Lit(3.0))},
            results={"y": "new_y"},
            line=4,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("shift", (11, 3328), Dtype("bf16"))),
    place="capture_literal.pat:4",
)

# capture_literal.pat:8
#     pattern one_of { affine(scale=s in {2.0, 4.0}, mode=_) -> double => affine_twice(scale=s) }
ONE_OF = Pattern(
    "one_of",
    left=Block(
        ("s", "x", "shift"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": OneOf("s", (Lit(2.0), Lit(4.0))),
                    "relu": Const(Lit(False)),
                    "mode": Anything(),
                },
                results={"y": "y"},
                line=8,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=8),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("s")},
            results={"y": "new_y"},
            line=8,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("s"), Input("x"), Input("shift")),
    examples=(
        Example("s", value=2.0),
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
    ),
    place="capture_literal.pat:8",
)

LITERALS_PASS = PassSpec(
    "literals",
    patterns=(LITERAL,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_literals(patterns: FusionPass) -> None:
    """Register the patterns of pass `literals`."""
    register_replacement(
        search_fn=Left(LITERAL),
        replace_fn=Right(LITERAL),
        example_inputs=examples(LITERAL),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LITERAL, patterns),
        pattern_name="literal",
    )


SETS_PASS = PassSpec(
    "sets",
    patterns=(ONE_OF,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_sets(patterns: FusionPass) -> None:
    """Register the patterns of pass `sets`."""
    register_replacement(
        search_fn=Left(ONE_OF),
        replace_fn=Right(ONE_OF),
        example_inputs=examples(ONE_OF),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ONE_OF, patterns),
        pattern_name="one_of",
    )


PASSES = (
    (LITERALS_PASS, register_literals),
    (SETS_PASS, register_sets),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
