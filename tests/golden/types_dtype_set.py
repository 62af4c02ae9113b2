"""Fusion passes of types_dtype_set.pat: types_dtype_set.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_dtype_set.pat -o types_dtype_set.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeSet, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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

# types_dtype_set.pat:4
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# types_dtype_set.pat:1
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(DtypeSet((Dtype("bf16"), Dtype("f16"))), (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
)

# types_dtype_set.pat:7
NORM_TWICE = Op(
    "norm_twice",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(DtypeSet((Dtype("bf16"), Dtype("f16"))), (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::norm_twice.default"),),
)

# types_dtype_set.pat:10
#     pattern norm_twice { norm -> double => norm_twice }
NORM_TWICE_ = Pattern(
    "norm_twice",
    left=Block(
        ("x", "weight", "epsilon"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=10,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=10),
        ),
    ),
    right=(
        RightStep(
            "norm_twice",
            args={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
            results={"y": "new_y"},
            line=10,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("weight"), Input("epsilon")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
    ),
    place="types_dtype_set.pat:10",
)

TYPES_DTYPE_SET_PASS = PassSpec(
    "types_dtype_set",
    patterns=(NORM_TWICE_,),
    ops={"double": DOUBLE, "norm": NORM, "norm_twice": NORM_TWICE},
)


def register_types_dtype_set(patterns: FusionPass) -> None:
    """Register the patterns of pass `types_dtype_set`."""
    register_replacement(
        search_fn=Left(NORM_TWICE_),
        replace_fn=Right(NORM_TWICE_),
        example_inputs=examples(NORM_TWICE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(NORM_TWICE_, patterns),
        pattern_name="norm_twice",
    )


PASSES = ((TYPES_DTYPE_SET_PASS, register_types_dtype_set),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
