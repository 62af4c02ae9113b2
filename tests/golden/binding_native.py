"""Fusion passes of binding_native.pat: binding_native.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile binding_native.pat -o binding_native.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Block,
    DtypeVar,
    Native,
    Op,
    Param,
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

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

# binding_native.pat:11
ALL = Op(
    "all",
    params=(Param("x", Tensor(T, (Bs,))), Param("other", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::twice_sum_plus_one.default"),),
)

# binding_native.pat:2
DOUBLE_SUM = Op(
    "double_sum",
    params=(Param("x", Tensor(T, (Bs,))), Param("other", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        Native(
            Block(
                (),
                (
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("x"), "other": Use("other")},
                        results={"y": "s"},
                        line=4,
                    ),
                    Step(
                        "add_2",
                        op="add",
                        operands={"x": Use("s"), "other": Use("s")},
                        results={"y": "y"},
                        line=5,
                    ),
                ),
            ),
        ),
    ),
)

# binding_native.pat:8
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# binding_native.pat:14
#     pattern all(other: T[*B]) { double_sum -> increment => all }
ALL_ = Pattern(
    "all",
    left=Block(
        ("x", "other"),
        (
            Step(
                "double_sum",
                op="double_sum",
                operands={"x": Use("x"), "other": Use("other")},
                results={"y": "y"},
                line=14,
            ),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=14),
        ),
    ),
    right=(RightStep("all", args={"x": Use("x"), "other": Use("other")}, results={"y": "new_y"}, line=14),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"), Input("other", Tensor(T, (Bs,)))),
    examples=(Example("x", (11, 3328), Dtype("bf16")), Example("other", (11, 3328), Dtype("bf16"))),
    place="binding_native.pat:14",
)

BINDING_NATIVE_PASS = PassSpec(
    "binding_native",
    patterns=(ALL_,),
    ops={"add": ADD, "all": ALL, "double_sum": DOUBLE_SUM, "increment": INCREMENT},
)


def register_binding_native(patterns: FusionPass) -> None:
    """Register the patterns of pass `binding_native`."""
    register_replacement(
        search_fn=Left(ALL_),
        replace_fn=Right(ALL_),
        example_inputs=examples(ALL_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(ALL_, patterns),
        pattern_name="all",
    )


PASSES = ((BINDING_NATIVE_PASS, register_binding_native),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
