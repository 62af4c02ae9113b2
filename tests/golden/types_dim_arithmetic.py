"""Fusion passes of types_dim_arithmetic.pat: rounded, exact, joined.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_dim_arithmetic.pat -o types_dim_arithmetic.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
A = Ref("A")
C = Ref("C")
D = Ref("D")
H = Ref("H")
M = Ref("M")

# types_dim_arithmetic.pat:11
BLOCKS = Op(
    "blocks",
    params=(Param("x", Tensor(T, (M, H))), Param("size", Plain("int"))),
    results=(Result("y", Tensor(T, (M, expr("ceil(H / size)")))),),
    bindings=(TorchCall("lang::blocks.default"),),
)

# types_dim_arithmetic.pat:5
HALVE = Op(
    "halve",
    params=(Param("x", Tensor(T, (M, expr("2 * D")))),),
    results=(Result("y", Tensor(T, (M, D))),),
    bindings=(TorchCall("lang::halve.default"),),
)

# types_dim_arithmetic.pat:17
HALVE_BLOCKS = Op(
    "halve_blocks",
    params=(Param("x", Tensor(T, (M, expr("2 * D")))), Param("size", Plain("int"))),
    results=(Result("y", Tensor(T, (M, expr("ceil(D / size)")))),),
    bindings=(TorchCall("lang::halve_blocks.default"),),
)

# types_dim_arithmetic.pat:14
GROUPS = Op(
    "groups",
    params=(Param("x", Tensor(T, (M, H))), Param("size", Plain("int"))),
    results=(Result("y", Tensor(T, (M, expr("H / size")))),),
    bindings=(TorchCall("lang::blocks.default"),),
)

# types_dim_arithmetic.pat:20
HALVE_GROUPS = Op(
    "halve_groups",
    params=(Param("x", Tensor(T, (M, expr("2 * D")))), Param("size", Plain("int"))),
    results=(Result("y", Tensor(T, (M, expr("D / size")))),),
    bindings=(TorchCall("lang::halve_blocks.default"),),
)

# types_dim_arithmetic.pat:2
JOIN = Op(
    "join",
    params=(Param("x", Tensor(T, (M, A))), Param("other", Tensor(T, (M, C)))),
    results=(Result("y", Tensor(T, (M, expr("A + C")))),),
    bindings=(TorchCall("lang::join.default"),),
)

# types_dim_arithmetic.pat:23
JOIN_SHORTEN = Op(
    "join_shorten",
    params=(Param("x", Tensor(T, (M, A))), Param("other", Tensor(T, (M, C)))),
    results=(Result("y", Tensor(T, (M, expr("A + C - 1")))),),
    bindings=(TorchCall("lang::join_shorten.default"),),
)

# types_dim_arithmetic.pat:8
SHORTEN = Op(
    "shorten",
    params=(Param("x", Tensor(T, (M, H))),),
    results=(Result("y", Tensor(T, (M, expr("H - 1")))),),
    bindings=(TorchCall("lang::shorten.default"),),
)

# types_dim_arithmetic.pat:26
#     pattern rounded { halve -> blocks => halve_blocks }
ROUNDED = Pattern(
    "rounded",
    left=Block(
        ("x", "size"),
        (
            Step("halve", op="halve", operands={"x": Use("x")}, results={"y": "y"}, line=26),
            Step(
                "blocks",
                op="blocks",
                operands={"x": Use("y"), "size": Use("size")},
                results={"y": "y_2"},
                line=26,
            ),
        ),
    ),
    right=(
        RightStep(
            "halve_blocks",
            args={"x": Use("x"), "size": Use("size")},
            results={"y": "new_y"},
            flatten=("x",),
            line=26,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("size")),
    examples=(Example("x", (11, 6656), Dtype("bf16")), Example("size", value=17)),
    place="types_dim_arithmetic.pat:26",
)

# types_dim_arithmetic.pat:30
#     pattern exact { halve -> groups => halve_groups }
EXACT = Pattern(
    "exact",
    left=Block(
        ("x", "size"),
        (
            Step("halve", op="halve", operands={"x": Use("x")}, results={"y": "y"}, line=30),
            Step(
                "groups",
                op="groups",
                operands={"x": Use("y"), "size": Use("size")},
                results={"y": "y_2"},
                line=30,
            ),
        ),
    ),
    right=(
        RightStep(
            "halve_groups",
            args={"x": Use("x"), "size": Use("size")},
            results={"y": "new_y"},
            flatten=("x",),
            line=30,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("size")),
    examples=(Example("x", (11, 113152), Dtype("bf16")), Example("size", value=17)),
    place="types_dim_arithmetic.pat:30",
)

# types_dim_arithmetic.pat:34
#     pattern joined { join -> shorten => join_shorten }
JOINED = Pattern(
    "joined",
    left=Block(
        ("x", "other"),
        (
            Step(
                "join",
                op="join",
                operands={"x": Use("x"), "other": Use("other")},
                results={"y": "y"},
                line=34,
            ),
            Step("shorten", op="shorten", operands={"x": Use("y")}, results={"y": "y_2"}, line=34),
        ),
    ),
    right=(
        RightStep(
            "join_shorten",
            args={"x": Use("x"), "other": Use("other")},
            results={"y": "new_y"},
            flatten=("x", "other"),
            line=34,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("other")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("other", (11, 4864), Dtype("bf16"))),
    place="types_dim_arithmetic.pat:34",
)

ROUNDED_PASS = PassSpec(
    "rounded",
    patterns=(ROUNDED,),
    ops={"blocks": BLOCKS, "halve": HALVE, "halve_blocks": HALVE_BLOCKS},
)


def register_rounded(patterns: FusionPass) -> None:
    """Register the patterns of pass `rounded`."""
    register_replacement(
        search_fn=Left(ROUNDED),
        replace_fn=Right(ROUNDED),
        example_inputs=examples(ROUNDED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ROUNDED, patterns),
        pattern_name="rounded",
    )


EXACT_PASS = PassSpec(
    "exact",
    patterns=(EXACT,),
    ops={"groups": GROUPS, "halve": HALVE, "halve_groups": HALVE_GROUPS},
)


def register_exact(patterns: FusionPass) -> None:
    """Register the patterns of pass `exact`."""
    register_replacement(
        search_fn=Left(EXACT),
        replace_fn=Right(EXACT),
        example_inputs=examples(EXACT),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(EXACT, patterns),
        pattern_name="exact",
    )


JOINED_PASS = PassSpec(
    "joined",
    patterns=(JOINED,),
    ops={"join": JOIN, "join_shorten": JOIN_SHORTEN, "shorten": SHORTEN},
)


def register_joined(patterns: FusionPass) -> None:
    """Register the patterns of pass `joined`."""
    register_replacement(
        search_fn=Left(JOINED),
        replace_fn=Right(JOINED),
        example_inputs=examples(JOINED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(JOINED, patterns),
        pattern_name="joined",
    )


PASSES = (
    (ROUNDED_PASS, register_rounded),
    (EXACT_PASS, register_exact),
    (JOINED_PASS, register_joined),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
