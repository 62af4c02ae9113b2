"""Fusion passes of namespaces.pat: fuse.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile namespaces.pat -o namespaces.py
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

# namespaces.pat:4
FUSE = Op(
    "fuse",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice_plus_one.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# namespaces.pat:7
#     pattern fuse { double -> increment => fuse }
FUSE_ = Pattern(
    "fuse",
    left=Block(
        ("x",),
        (
            Step("double", op="double", operands={"x": Use("x")}, results={"y": "y"}, line=7),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=7),
        ),
    ),
    right=(RightStep("fuse", args={"x": Use("x")}, results={"y": "new_y"}, line=7),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="namespaces.pat:7",
)

FUSE_PASS = PassSpec("fuse", patterns=(FUSE_,), ops={"double": DOUBLE, "fuse": FUSE, "increment": INCREMENT})


def register_fuse(patterns: FusionPass) -> None:
    """Register the patterns of pass `fuse`."""
    register_replacement(
        search_fn=Left(FUSE_),
        replace_fn=Right(FUSE_),
        example_inputs=examples(FUSE_),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(FUSE_, patterns),
        pattern_name="fuse",
    )


PASSES = ((FUSE_PASS, register_fuse),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
