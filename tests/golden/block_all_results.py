"""Fusion passes of block_all_results.pat: block_all_results.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile block_all_results.pat -o block_all_results.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Result, Step, Tensor, TorchCall, Use
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

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# lang.pat:23
DOUBLE_SPREAD = Op(
    "double_spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::double_spread.default"),),
)

# lang.pat:17
SPREAD = Op(
    "spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::spread.default"),),
)

# block_all_results.pat:4
#     pattern bundle {
#       d    = double(x)
#       pair = spread(d)
#     =>
#       pair = double_spread(x)
#     }
BUNDLE = Pattern(
    "bundle",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "d"}, line=5),
            Step(
                "spread",
                op="spread",
                operands={"x": Use("d")},
                results={"low": "pair.low", "high": "pair.high"},
                line=6,
            ),
        ),
    ),
    right=(
        RightStep(
            "double_spread",
            args={"x": Use("x")},
            results={"low": "new_pair_low", "high": "new_pair_high"},
            line=8,
        ),
    ),
    replaces=(Replace("pair.low", "new_pair_low", True), Replace("pair.high", "new_pair_high", True)),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="block_all_results.pat:4",
)

BLOCK_ALL_RESULTS_PASS = PassSpec(
    "block_all_results",
    patterns=(BUNDLE,),
    ops={"double": DOUBLE, "double_spread": DOUBLE_SPREAD, "spread": SPREAD},
)


def register_block_all_results(patterns: FusionPass) -> None:
    """Register the patterns of pass `block_all_results`."""
    register_replacement(
        search_fn=Left(BUNDLE),
        replace_fn=Right(BUNDLE),
        example_inputs=examples(BUNDLE),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(BUNDLE, patterns),
        pattern_name="bundle",
    )


PASSES = ((BLOCK_ALL_RESULTS_PASS, register_block_all_results),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
