"""Fusion passes of effect_imported.pat: effect_imported.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile effect_imported.pat -o effect_imported.py
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

# effect.pat:13
STORE_TWICE = Op(
    "store_twice",
    params=(Param("x", Tensor(T, (Bs,))), Param("layer", Plain("str"))),
    results=(Result("dep", Tensor(T, (Lit(0),))),),
    bindings=(TorchCall("lang::store_twice.default"),),
    effects=(Effect("cache"),),
)

# effect_imported.pat:4
#     pattern one { load -> double => load_twice }
ONE = Pattern(
    "one",
    left=Block(
        ("x", "layer"),
        (
            Step(
                "load",
                op="load",
                operands={"x": Use("x"), "layer": Use("layer")},
                results={"y": "y"},
                line=4,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=4),
        ),
    ),
    right=(
        RightStep("load_twice", args={"x": Use("x"), "layer": Use("layer")}, results={"y": "new_y"}, line=4),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("layer")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("layer", value="example")),
    place="effect_imported.pat:4",
)

EFFECT_IMPORTED_PASS = PassSpec(
    "effect_imported",
    patterns=(ONE,),
    ops={
        "double": DOUBLE,
        "load": LOAD,
        "load_twice": LOAD_TWICE,
        "store": STORE,
        "store_twice": STORE_TWICE,
    },
)


def register_effect_imported(patterns: FusionPass) -> None:
    """Register the patterns of pass `effect_imported`."""
    register_replacement(
        search_fn=Left(ONE),
        replace_fn=Right(ONE),
        example_inputs=examples(ONE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ONE, patterns),
        pattern_name="one",
    )


PASSES = ((EFFECT_IMPORTED_PASS, register_effect_imported),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
