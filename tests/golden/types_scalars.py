"""Fusion passes of types_scalars.pat: types_scalars.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_scalars.pat -o types_scalars.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    Const,
    DtypeOf,
    DtypeVar,
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

# types_scalars.pat:2
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

# types_scalars.pat:8
FIXED = Op(
    "fixed",
    params=(Param("x", Tensor(Dtype("f32"), (Bs,))), Param("shift", Tensor(Dtype("f32"), (Bs,)), True)),
    results=(Result("y", Tensor(Dtype("f32"), (Bs,))),),
    bindings=(TorchCall("lang::fixed.default"),),
)

# types_scalars.pat:5
REPEAT = Op(
    "repeat",
    params=(Param("x", Tensor(T, (Bs,))), Param("times", Plain("int")), Param("to_dtype", Plain("dtype"))),
    results=(Result("y", Tensor(DtypeOf("to_dtype"), (Bs,))),),
    bindings=(TorchCall("lang::repeat.default"),),
)

# types_scalars.pat:11
#     pattern fixed(x: f32[*B], shift: f32[*B]) {
#       a = affine(x, shift, 2.0, true, "fast")
#       y = repeat(a, 3, f32)
#     =>
#       y = fixed(x, shift)
#     }
FIXED_ = Pattern(
    "fixed",
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
                    "relu": Const(Lit(True)),
                    "mode": Const(Lit("fast")),
                },
                results={"y": "a"},
                line=12,
            ),
            Step(
                "repeat",
                op="repeat",
                operands={"x": Use("a"), "times": Const(Lit(3)), "to_dtype": Const(Lit(Dtype("f32")))},
                results={"y": "y"},
                line=13,
            ),
        ),
    ),
    right=(RightStep("fixed", args={"x": Use("x"), "shift": Use("shift")}, results={"y": "new_y"}, line=15),),
    replaces=(Replace("y", "new_y", True),),
    inputs=(Input("x", Tensor(Dtype("f32"), (Bs,))), Input("shift", Tensor(Dtype("f32"), (Bs,)))),
    examples=(Example("x", (11, 3328), Dtype("f32")), Example("shift", (11, 3328), Dtype("f32"))),
    place="types_scalars.pat:11",
)

TYPES_SCALARS_PASS = PassSpec(
    "types_scalars",
    patterns=(FIXED_,),
    ops={"affine": AFFINE, "fixed": FIXED, "repeat": REPEAT},
)


def register_types_scalars(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_scalars`."""
    register_replacement(
        search_fn=Left(FIXED_),
        replace_fn=Right(FIXED_),
        example_inputs=examples(FIXED_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FIXED_, patterns),
        pattern_name="fixed",
    )


PASSES = ((TYPES_SCALARS_PASS, register_types_scalars),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
