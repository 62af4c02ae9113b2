"""Fusion passes of where_clause.pat: where_clause.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile where_clause.pat -o where_clause.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import ConstValue, Example, HostValue, Input, PassSpec, Pattern, Replace, RightStep
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
M = Ref("M")
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

# where_clause.pat:8
#     pattern conditions(x: T[M, H], shift: T[M, H]) {
#       a = affine(x, shift, scale)
#       y = double(a)
#     =>
#       y = affine_twice(x, shift, scale)
#       where M <= most and H % 8 == 0
#       where scale > 0.5 or scale in {0.25, 0.125}
#       where dtype(x) in {f32, bf16} and rank(x) == 2 and numel(x) == M * H
#       where contiguous(x) and device(x) == "cpu" and not tp_size > 1
#     }
CONDITIONS = Pattern(
    "conditions",
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
                results={"y": "a"},
                line=9,
            ),
            Step("double", op="double", operands={"x": Use("a")}, results={"y": "y"}, line=10),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("scale")},
            results={"y": "new_y"},
            line=12,
        ),
    ),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x", Tensor(T, (M, H))), Input("shift", Tensor(T, (M, H))), Input("scale")),
    examples=(
        Example("x", (11, 3328), Dtype("f32")),
        Example("shift", (11, 3328), Dtype("f32")),
        Example("scale", value=1e-06),
    ),
    where=(
        expr("M <= most and H % 8 == 0"),
        expr("scale > 0.5 or scale in {0.25, 0.125}"),
        expr("dtype(x) in {f32, bf16} and rank(x) == 2 and numel(x) == M * H"),
        expr('contiguous(x) and device(x) == "cpu" and not tp_size > 1'),
    ),
    place="where_clause.pat:8",
)

WHERE_CLAUSE_PASS = PassSpec(
    "where_clause",
    patterns=(CONDITIONS,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
    consts={"most": (ConstValue(64),)},
    hosts=(HostValue("tp_size", "int", default=1),),
)


def register_where_clause(patterns: FusionPass) -> None:
    """Register the patterns of pass `where_clause`."""
    register_replacement(
        search_fn=Left(CONDITIONS),
        replace_fn=Right(CONDITIONS),
        example_inputs=examples(CONDITIONS),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(CONDITIONS, patterns),
        pattern_name="conditions",
    )


PASSES = ((WHERE_CLAUSE_PASS, register_where_clause),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
