"""Fusion passes of binding_declared.pat: binding_declared.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_declared.pat -o binding_declared.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    Block,
    Const,
    DeclaredCall,
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

# binding_declared.pat:2
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

# binding_declared.pat:5
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        DeclaredCall(
            "affine",
            args={"x": Give(Ref("x")), "shift": Give(Lit(None)), "scale": Give(Lit(2.0))},
            results={"y": "y"},
        ),
        TorchCall("lang::twice.default"),
    ),
)

# binding_declared.pat:12
FAST = Op(
    "fast",
    params=(Param("x", Tensor(T, (Bs,))), Param("scale", Plain("float"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        DeclaredCall(
            "affine",
            args={
                "x": Give(Ref("x")),
                "shift": Give(Lit(None)),
                "scale": Give(Ref("scale")),
                "relu": Give(Lit(False)),
                "mode": Give(Lit("fast")),
            },
            results={"y": "y"},
        ),
    ),
)

# binding_declared.pat:9
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# binding_declared.pat:15
#     pattern fast { double -> increment => fast(scale=2.0) }
FAST_ = Pattern(
    "fast",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=15),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=15),
        ),
    ),
    right=(
        RightStep("fast", args={"x": Use("x"), "scale": Const(Lit(2.0))}, results={"y": "new_y"}, line=15),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="binding_declared.pat:15",
)

BINDING_DECLARED_PASS = PassSpec(
    "binding_declared",
    patterns=(FAST_,),
    ops={"affine": AFFINE, "double": DOUBLE, "fast": FAST, "increment": INCREMENT},
)


def register_binding_declared(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_declared`."""
    register_replacement(
        search_fn=Left(FAST_),
        replace_fn=Right(FAST_),
        example_inputs=examples(FAST_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FAST_, patterns),
        pattern_name="fast",
    )


PASSES = ((BINDING_DECLARED_PASS, register_binding_declared),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
