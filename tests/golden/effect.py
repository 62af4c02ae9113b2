"""Fusion passes of effect.pat: stores, loads.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile effect.pat -o effect.py
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

# effect.pat:21
#     pattern store_twice { double -> store => store_twice }
STORE_TWICE_ = Pattern(
    "store_twice",
    left=Block(
        ("x", "layer"),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=21),
            Step(
                "store",
                op="store",
                operands={"x": Use("y"), "layer": Use("layer")},
                results={"dep": "dep"},
                line=21,
            ),
        ),
    ),
    right=(
        RightStep(
            "store_twice",
            args={"x": Use("x"), "layer": Use("layer")},
            results={"dep": "new_dep"},
            line=21,
        ),
    ),
    replaces=(Replace("dep", "new_dep", True),),
    inputs=(Input("x"), Input("layer")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("layer", value="example")),
    place="effect.pat:21",
)

# effect.pat:25
#     pattern load_twice { load -> double => load_twice }
LOAD_TWICE_ = Pattern(
    "load_twice",
    left=Block(
        ("x", "layer"),
        (
            Step(
                "load",
                op="load",
                operands={"x": Use("x"), "layer": Use("layer")},
                results={"y": "y"},
                line=25,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=25),
        ),
    ),
    right=(
        RightStep("load_twice", args={"x": Use("x"), "layer": Use("layer")}, results={"y": "new_y"}, line=25),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("layer")),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("layer", value="example")),
    place="effect.pat:25",
)

STORES_PASS = PassSpec(
    "stores",
    patterns=(STORE_TWICE_,),
    ops={
        "double": DOUBLE,
        "load": LOAD,
        "load_twice": LOAD_TWICE,
        "store": STORE,
        "store_twice": STORE_TWICE,
    },
)


def register_stores(patterns: FusionPass) -> None:
    """Register the patterns of pass `stores`."""
    register_replacement(
        search_fn=Left(STORE_TWICE_),
        replace_fn=Right(STORE_TWICE_),
        example_inputs=examples(STORE_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(STORE_TWICE_, patterns),
        pattern_name="store_twice",
    )


LOADS_PASS = PassSpec(
    "loads",
    patterns=(LOAD_TWICE_,),
    ops={
        "double": DOUBLE,
        "load": LOAD,
        "load_twice": LOAD_TWICE,
        "store": STORE,
        "store_twice": STORE_TWICE,
    },
)


def register_loads(patterns: FusionPass) -> None:
    """Register the patterns of pass `loads`."""
    register_replacement(
        search_fn=Left(LOAD_TWICE_),
        replace_fn=Right(LOAD_TWICE_),
        example_inputs=examples(LOAD_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(LOAD_TWICE_, patterns),
        pattern_name="load_twice",
    )


PASSES = (
    (STORES_PASS, register_stores),
    (LOADS_PASS, register_loads),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
