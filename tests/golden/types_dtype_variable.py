"""Fusion passes of types_dtype_variable.pat: one_dtype, two_dtypes.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile types_dtype_variable.pat -o types_dtype_variable.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import Block, DtypeVar, Op, Param, Plain, Result, Step, Tensor, TorchCall, Use
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
W = DtypeVar("W")
H = Ref("H")
Bs = Star("B")

# types_dtype_variable.pat:8
DOUBLE = Op(
    "double",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# types_dtype_variable.pat:2
NORM = Op(
    "norm",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(T, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
)

# types_dtype_variable.pat:11
NORM_TWICE = Op(
    "norm_twice",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::norm_twice.default"),),
)

# types_dtype_variable.pat:5
NORM_OF_ANY_WEIGHT = Op(
    "norm_of_any_weight",
    params=(
        Param("x", Tensor(T, (Bs, H))),
        Param("weight", Tensor(W, (H,))),
        Param("epsilon", Plain("float")),
    ),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("patdsl::rms_norm.default"),),
)

# types_dtype_variable.pat:14
#     pattern one { norm -> double => norm_twice }
ONE = Pattern(
    "one",
    left=Block(
        ("x", "weight", "epsilon"),
        (
            Step(
                "norm",
                op="norm",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=14,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=14),
        ),
    ),
    right=(
        RightStep(
            "norm_twice",
            args={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
            results={"y": "new_y"},
            line=14,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("weight"), Input("epsilon")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
    ),
    place="types_dtype_variable.pat:14",
)

# types_dtype_variable.pat:18
#     pattern two { norm_of_any_weight -> double => norm_twice }
TWO = Pattern(
    "two",
    left=Block(
        ("x", "weight", "epsilon"),
        (
            Step(
                "norm_of_any_weight",
                op="norm_of_any_weight",
                operands={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
                results={"y": "y"},
                line=18,
            ),
            Step("double", op="double", operands={"x": Use("y")}, results={"y": "y_2"}, line=18),
        ),
    ),
    right=(
        RightStep(
            "norm_twice",
            args={"x": Use("x"), "weight": Use("weight"), "epsilon": Use("epsilon")},
            results={"y": "new_y"},
            line=18,
        ),
    ),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("weight"), Input("epsilon")),
    examples=(
        Example("x", (11, 13, 4352), Dtype("bf16")),
        Example("weight", (4352,), Dtype("bf16")),
        Example("epsilon", value=1e-06),
    ),
    place="types_dtype_variable.pat:18",
)

ONE_DTYPE_PASS = PassSpec(
    "one_dtype",
    patterns=(ONE,),
    ops={"double": DOUBLE, "norm": NORM, "norm_twice": NORM_TWICE},
)


def register_one_dtype(patterns: FusionPass) -> None:
    """Register the patterns of pass `one_dtype`."""
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


TWO_DTYPES_PASS = PassSpec(
    "two_dtypes",
    patterns=(TWO,),
    ops={"double": DOUBLE, "norm_of_any_weight": NORM_OF_ANY_WEIGHT, "norm_twice": NORM_TWICE},
)


def register_two_dtypes(patterns: FusionPass) -> None:
    """Register the patterns of pass `two_dtypes`."""
    register_replacement(
        search_fn=Left(TWO),
        replace_fn=Right(TWO),
        example_inputs=examples(TWO),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(TWO, patterns),
        pattern_name="two",
    )


PASSES = (
    (ONE_DTYPE_PASS, register_one_dtype),
    (TWO_DTYPES_PASS, register_two_dtypes),
)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
