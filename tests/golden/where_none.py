"""Fusion passes of where_none.pat: where_none.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile where_none.pat -o where_none.py
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
from patdsl.text_to_expr import expr

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

# where_none.pat:4
#     pattern without {
#       affine -> double => affine_twice
#       where shift == none or rank(shift) == 2
#     }
WITHOUT = Pattern(
    "without",
    left=Block(
        ("x", "shift", "scale"),
        (
            Step(
                "affine",
                op="affine",
                operands={
                    "x": Use("x"),
                    "shift": Use("shift"),
                    "scale": Use("scale"),
                    "relu": Const(Lit(False)),
                    "mode": Const(Lit("plain")),
                },
                results={"y": "y"},
                line=5,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=5),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("scale")},
            results={"y": "new_y"},
            line=5,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift"), Input("scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
        Example("scale", value=1e-06),
    ),
    where=(expr("shift == none or rank(shift) == 2"),),
    place="where_none.pat:4",
)

WHERE_NONE_PASS = PassSpec(
    "where_none",
    patterns=(WITHOUT,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_where_none(patterns: FusionPass) -> None:
    """Register the patterns of pass `where_none`."""
    register_replacement(
        search_fn=Left(WITHOUT),
        replace_fn=Right(WITHOUT),
        example_inputs=examples(WITHOUT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(WITHOUT, patterns),
        pattern_name="without",
    )


PASSES = ((WHERE_NONE_PASS, register_where_none),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
