"""Fusion passes of block_dag.pat: block_dag.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile block_dag.pat -o block_dag.py
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

# lang.pat:8
BOTH = Op(
    "both",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# lang.pat:20
COMBINE = Op(
    "combine",
    params=(Param("x", Tensor(T, (Bs,))), Param("other", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::combine.default"),),
)

# lang.pat:2
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# block_dag.pat:13
LANG_DAG = Op(
    "lang_dag",
    params=(Param("x", Tensor(T, (Bs,))), Param("both", Tensor(T, (Bs,)))),
    results=(Result("b", Tensor(T, (Bs,))), Result("c", Tensor(T, (Bs,)))),
    bindings=(TorchCall("lang::dag.default"),),
)

# block_dag.pat:4
#     pattern dag(x: T[*B]) {
#       a = double(x)
#       b = increment(a)
#       c = combine(a, b)
#     =>
#       both_c = both(x)
#       b, c   = lang_dag(x, both_c)
#     }
DAG = Pattern(
    "dag",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "a"}, line=5),
            Step("increment", op="increment", operands={"x": Use("a")}, results={"y": "b"}, line=6),
            Step(
                "combine",
                op="combine",
                operands={"x": Use("a"), "other": Use("b")},
                results={"y": "c"},
                line=7,
            ),
        ),
    ),
    right=(
        RightStep("both", args={"x": Use("x")}, results={"y": "both_c"}, line=9),
        RightStep(
            "lang_dag",
            args={"x": Use("x"), "both": Use("both_c")},
            results={"b": "new_b", "c": "new_c"},
            line=10,
        ),
    ),
    replaces=(Replace("b", "new_b", True), Replace("c", "new_c", True)),
    inputs=(Input("x", Tensor(T, (Bs,))),),
    examples=(Example("x", (11, 3328), Dtype("bf16")),),
    place="block_dag.pat:4",
)

BLOCK_DAG_PASS = PassSpec(
    "block_dag",
    patterns=(DAG,),
    ops={"both": BOTH, "combine": COMBINE, "double": DOUBLE, "increment": INCREMENT, "lang_dag": LANG_DAG},
)


def register_block_dag(patterns: FusionPass) -> None:
    """Register the patterns of pass `block_dag`."""
    register_replacement(
        search_fn=Left(DAG),
        replace_fn=Right(DAG),
        example_inputs=examples(DAG),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(DAG, patterns),
        pattern_name="dag",
    )


PASSES = ((BLOCK_DAG_PASS, register_block_dag),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
