"""Fusion passes of predeclared.pat: predeclared.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile predeclared.pat -o predeclared.py
"""

from __future__ import annotations

from patdsl.dtypes import Dtype
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import Example, Input, PassSpec, Pattern, Replace, RightStep
from patdsl.op_table import (
    AnyTensor,
    Block,
    Const,
    DtypeOf,
    DtypeVar,
    Give,
    Native,
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
H = Ref("H")
Bs = Star("B")

# aten.pat:51
ADD = Op(
    "add",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::add.Tensor"), TorchCall("aten::add.Scalar")),
    commutative=True,
)

# aten.pat:65
DIV = Op(
    "div",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::div.Tensor"), TorchCall("aten::div.Scalar")),
)

# aten.pat:78
EXP = Op(
    "exp",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::exp.default"),),
)

# aten.pat:60
MUL = Op(
    "mul",
    params=(Param("x", AnyTensor()), Param("other", AnyTensor())),
    results=(Result("y", AnyTensor()),),
    bindings=(TorchCall("aten::mul.Tensor"), TorchCall("aten::mul.Scalar")),
    commutative=True,
)

# aten.pat:72
NEG = Op(
    "neg",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("aten::neg.default"),),
)

# aten.pat:94
SILU = Op(
    "silu",
    params=(Param("x", Tensor(T, (Bs,))),),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(
        TorchCall("aten::silu.default"),
        Native(
            Block(
                (),
                (
                    Step("neg", op="neg", operands={"x": Use("x")}, results={"y": "y_2"}, line=96),
                    Step("exp", op="exp", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=96),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_3"), "other": Const(Lit(1))},
                        results={"y": "y_4"},
                        line=96,
                    ),
                    Step(
                        "div",
                        op="div",
                        operands={"x": Use("x"), "other": Use("y_4")},
                        results={"y": "y"},
                        line=96,
                    ),
                ),
            ),
        ),
        Native(
            Block(
                (),
                (
                    Step(
                        "to",
                        op="to",
                        operands={"x": Use("x"), "to_dtype": Const(Lit(Dtype("f32")))},
                        results={"y": "x32"},
                        line=98,
                    ),
                    Step("neg", op="neg", operands={"x": Use("x32")}, results={"y": "y_2"}, line=99),
                    Step("exp", op="exp", operands={"x": Use("y_2")}, results={"y": "y_3"}, line=99),
                    Step(
                        "add",
                        op="add",
                        operands={"x": Use("y_3"), "other": Const(Lit(1))},
                        results={"y": "y_4"},
                        line=99,
                    ),
                    Step(
                        "div",
                        op="div",
                        operands={"x": Use("x32"), "other": Use("y_4")},
                        results={"y": "y_5"},
                        line=99,
                    ),
                    Step(
                        "to_2",
                        op="to",
                        operands={"x": Use("y_5"), "to_dtype": Use("T")},
                        results={"y": "y"},
                        line=99,
                    ),
                ),
            ),
        ),
    ),
)

# predeclared.pat:2
SILU_MUL = Op(
    "silu_mul",
    params=(Param("x", Tensor(T, (Bs,))), Param("up", Tensor(T, (Bs,)))),
    results=(Result("y", Tensor(T, (Bs,))),),
    bindings=(TorchCall("lang::silu_mul.default"),),
)

# aten.pat:46
TO = Op(
    "to",
    params=(Param("x", Tensor(T, (Bs,))), Param("to_dtype", Plain("dtype"))),
    results=(Result("y", Tensor(DtypeOf("to_dtype"), (Bs,))),),
    bindings=(
        TorchCall("prims::convert_element_type.default"),
        TorchCall("aten::_to_copy.default", args={0: Give(Ref("x")), "dtype": Give(Ref("to_dtype"))}),
        TorchCall("aten::to.dtype"),
    ),
)

# predeclared.pat:5
#     pattern silu_mul(x: T[*B, H], up: T[*B, H]) {
#       y = mul(silu(x), up)
#     =>
#       y = silu_mul(x, up)
#     }
SILU_MUL_ = Pattern(
    "silu_mul",
    left=Block(
        ("x", "up"),
        (
            Step("silu", op="silu", operands={"x": Use("x")}, results={"y": "y_2"}, line=6),
            Step("mul", op="mul", operands={"x": Use("y_2"), "other": Use("up")}, results={"y": "y"}, line=6),
        ),
    ),
    right=(RightStep("silu_mul", args={"x": Use("x"), "up": Use("up")}, results={"y": "new_y"}, line=8),),
    replaces=(Replace("y", "new_y"),),
    inputs=(Input("x", Tensor(T, (Bs, H))), Input("up", Tensor(T, (Bs, H)))),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")), Example("up", (11, 13, 4352), Dtype("bf16"))),
    place="predeclared.pat:5",
)

PREDECLARED_PASS = PassSpec(
    "predeclared",
    patterns=(SILU_MUL_,),
    ops={
        "add": ADD,
        "div": DIV,
        "exp": EXP,
        "mul": MUL,
        "neg": NEG,
        "silu": SILU,
        "silu_mul": SILU_MUL,
        "to": TO,
    },
)


def register_predeclared(patterns: FusionPass) -> None:
    """Register the patterns of pass `predeclared`."""
    register_replacement(
        search_fn=Left(SILU_MUL_),
        replace_fn=Right(SILU_MUL_),
        example_inputs=examples(SILU_MUL_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(SILU_MUL_, patterns),
        pattern_name="silu_mul",
    )


PASSES = ((PREDECLARED_PASS, register_predeclared),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
