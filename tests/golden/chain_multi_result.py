"""Fusion passes of chain_multi_result.pat: chain_multi_result.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile chain_multi_result.pat -o chain_multi_result.py
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

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:17
SPREAD = Op(
    "spread",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("low", Tensor(T, (Bs,))), Result("high", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::spread.default"),),
)

# chain_multi_result.pat:4
SPREAD_PLUS_ONE = Op(
    "spread_plus_one",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))), Result("high", Tensor(T, (Bs, H)))),
    bindings=(TorchCall("lang::spread_plus_one.default"),),
)

# chain_multi_result.pat:7
#     pattern spread_plus_one { spread -> increment => spread_plus_one }
SPREAD_PLUS_ONE_ = Pattern(
    "spread_plus_one",
    left=Block(
        ("x",),
        (
            Step(
                "spread",
                op="spread",
                operands={"x": Use("x")},
                results={"low": "low", "high": "high"},
                line=7,
            ),
            Step("increment", op="increment", operands={"x": Use("low")}, results={"y": "y"}, line=7),
        ),
    ),
    right=(
        RightStep(
            "spread_plus_one",
            args={"x": Use("x")},
            results={"y": "new_y", "high": "new_high"},
            line=7,
        ),
    ),
    replaces=(Replace("y", "new_y", True), Replace("high", "new_high", True)),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="chain_multi_result.pat:7",
)

CHAIN_MULTI_RESULT_PASS = PassSpec(
    "chain_multi_result",
    patterns=(SPREAD_PLUS_ONE_,),
    ops={"increment": INCREMENT, "spread": SPREAD, "spread_plus_one": SPREAD_PLUS_ONE},
)


def register_chain_multi_result(patterns: FusionPass) -> None:
    """Register the patterns of pass `chain_multi_result`."""
    register_replacement(
        search_fn=Left(SPREAD_PLUS_ONE_),
        replace_fn=Right(SPREAD_PLUS_ONE_),
        example_inputs=examples(SPREAD_PLUS_ONE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SPREAD_PLUS_ONE_, patterns),
        pattern_name="spread_plus_one",
    )


PASSES = ((CHAIN_MULTI_RESULT_PASS, register_chain_multi_result),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
