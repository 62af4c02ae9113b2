"""Fusion passes of import_renamed.pat: import_renamed.

Made by patdsl 0.1.0; edit the .pat file, not this one. To make it again:

    patdsl compile import_renamed.pat -o import_renamed.py
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

# import_renamed.pat:12
FUSED_OTHER = Op(
    "fused_other",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one_twice.default"),),
)

# import_renamed.pat:5
IMPORT_RENAMED_DOUBLE = Op(
    "import_renamed.double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:5
INCREMENT = Op(
    "increment",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::plus_one.default"),),
)

# lang.pat:2
LANG_DOUBLE = Op(
    "lang.double",
    params=(Param("x", Tensor(T, (Bs, H))),),
    results=(Result("y", Tensor(T, (Bs, H))),),
    bindings=(TorchCall("lang::twice.default"),),
)

# import_renamed.pat:10
#     pattern own { double -> times_two => fused_other }
OWN = Pattern(
    "own",
    left=Block(
        ("x",),
        (
            Step(
                "import_renamed_double",
                op="import_renamed.double",
                operands={"x": Use("x")},
                results={"y": "y"},
                line=10,
            ),
            Step("lang_double", op="lang.double", operands={"x": Use("y")}, results={"y": "y_2"}, line=10),
        ),
    ),
    right=(RightStep("fused_other", args={"x": Use("x")}, results={"y": "new_y"}, line=10),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="import_renamed.pat:10",
)

# import_renamed.pat:8
#     pattern renamed { times_two -> increment => fused }
RENAMED = Pattern(
    "renamed",
    left=Block(
        ("x",),
        (
            Step("lang_double", op="lang.double", operands={"x": Use("x")}, results={"y": "y"}, line=8),
            Step("increment", op="increment", operands={"x": Use("y")}, results={"y": "y_2"}, line=8),
        ),
    ),
    right=(RightStep("both", args={"x": Use("x")}, results={"y": "new_y"}, line=8),),
    replaces=(Replace("y_2", "new_y", True),),
    inputs=(Input("x"),),
    examples=(Example("x", (11, 13, 4352), Dtype("bf16")),),
    place="import_renamed.pat:8",
)

IMPORT_RENAMED_PASS = PassSpec(
    "import_renamed",
    patterns=(OWN, RENAMED),
    ops={
        "both": BOTH,
        "fused_other": FUSED_OTHER,
        "import_renamed.double": IMPORT_RENAMED_DOUBLE,
        "increment": INCREMENT,
        "lang.double": LANG_DOUBLE,
    },
)


def register_import_renamed(patterns: FusionPass) -> None:
    """Register the patterns of pass `import_renamed`."""
    register_replacement(
        search_fn=Left(OWN),
        replace_fn=Right(OWN),
        example_inputs=examples(OWN),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(OWN, patterns),
        pattern_name="own",
    )
    register_replacement(
        search_fn=Left(RENAMED),
        replace_fn=Right(RENAMED),
        example_inputs=examples(RENAMED),
        trace_fn=trace,
        pass_dicts=patterns,
        extra_check=rewrite,
        search_fn_pattern=Matcher(RENAMED, patterns),
        pattern_name="renamed",
    )


PASSES = ((IMPORT_RENAMED_PASS, register_import_renamed),)


def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)
