"""Fusion passes of effect_lost.pat: effect_lost.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile effect_lost.pat -o effect_lost.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Effect, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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

# effect.pat:10
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# effect.pat:6
LOAD = Op(
    "load",
    params=(Param("x", Tensor(T, (Bs,))), Param("layer", Plain("str"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::load.default"),),
    effects=(Effect("cache", True),),
)

# effect.pat:17
LOAD_TWICE = Op(
    "load_twice",
    params=(Param("x", Tensor(T, (Bs,))), Param("layer", Plain("str"))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::load_twice.default"),),
    effects=(Effect("cache", True),),
)

# effect.pat:2
STORE = Op(
    "store",
    params=(Param("x", Tensor(T, (Bs,))), Param("layer", Plain("str"))),
    results=(Result("dep", Tensor(T, (Lit(0),))),),
    bindings=(TorchCall("lang::store.default"),),
    effects=(Effect("cache"),),
)

# effect_lost.pat:4
STORE_NOWHERE = Op(
    "store_nowhere",
    params=(Param("x", Tensor(T, (Bs,))), Param("layer", Plain("str"))),
    results=(Result("dep", Tensor(T, (Lit(0),))),),
    bindings=(TorchCall("lang::store_twice.default"),),
)

# effect.pat:13
STORE_TWICE = Op(
    "store_twice",
    params=(Param("x", Tensor(T, (Bs,))), Param("layer", Plain("str"))),
    results=(Result("dep", Tensor(T, (Lit(0),))),),
    bindings=(TorchCall("lang::store_twice.default"),),
    effects=(Effect("cache"),),
)

# effect_lost.pat:7
#     pattern lose { double -> store => store_nowhere }
LOSE = Pattern(
    "lose",
    left=Block(
        ("x", "layer"),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=7),
            Step(
                "store",
                op="store",
                operands={"x": Use("y"), "layer": Use("layer")},
                results={"dep": "dep"},
                line=7,
            ),
        ),
    ),
    right=(
        RightStep(
            "store_nowhere",
            args={"x": Use("x"), "layer": Use("layer")},
            results={"dep": "new_dep"},
            line=7,
        ),
    ),
    replaces=(Replace("dep", "new_dep", True),),
    inputs=(Input("x"), Input("layer")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("layer", value="example")),
    place="effect_lost.pat:7",
)

EFFECT_LOST_PASS = PassSpec(
    "effect_lost",
    patterns=(LOSE,),
    ops={
        "double": DOUBLE,
        "load": LOAD,
        "load_twice": LOAD_TWICE,
        "store": STORE,
        "store_nowhere": STORE_NOWHERE,
        "store_twice": STORE_TWICE,
    },
)


def register_effect_lost(patterns: FusionPass) -> None:
    """Register the patterns of pass `effect_lost`."""
    register_replacement(
        search_fn=Left(LOSE),
        replace_fn=Right(LOSE),
        example_inputs=examples(LOSE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LOSE, patterns),
        pattern_name="lose",
    )


PASSES = ((EFFECT_LOST_PASS, register_effect_lost),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
