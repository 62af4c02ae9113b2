"""Fusion passes of module_strings.pat: module_strings.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile module_strings.pat -o module_strings.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Star
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
Bs = Star("B")

# module_strings.pat:2
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

# module_strings.pat:8
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

# module_strings.pat:5
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# module_strings.pat:11
#     pattern quoted { affine(mode="a \"b\" 'c' \\ \n é \u0041") -> double => affine_twice }
QUOTED = Pattern(
    "quoted",
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
                    "mode": Const(Lit("a \"b\" 'c' \\ \n \xe9 A")),
                },
                results={"y": "y"},
                line=11,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=11),
        ),
    ),
    right=(
        RightStep(
            "affine_twice",
            args={"x": Use("x"), "shift": Use("shift"), "scale": Use("scale")},
            results={"y": "new_y"},
            line=11,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("shift"), Input("scale")),
    examples=(
        Example("x", (11, 3328), Dtype("bf16")),
        Example("shift", (11, 3328), Dtype("bf16")),
        Example("scale", value=1e-06),
    ),
    place="module_strings.pat:11",
)

MODULE_STRINGS_PASS = PassSpec(
    "module_strings",
    patterns=(QUOTED,),
    ops={"affine": AFFINE, "affine_twice": AFFINE_TWICE, "double": DOUBLE},
)


def register_module_strings(patterns: FusionPass) -> None:
    """Register the patterns of pass `module_strings`."""
    register_replacement(
        search_fn=Left(QUOTED),
        replace_fn=Right(QUOTED),
        example_inputs=examples(QUOTED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(QUOTED, patterns),
        pattern_name="quoted",
    )


PASSES = ((MODULE_STRINGS_PASS, register_module_strings),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
