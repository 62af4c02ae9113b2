"""What the functions of a class say, before they are text.

In: what `left_to_python.py` and `right_to_python.py` fill in. Out: `Spelling` of a left side, `Replacement` of a right
one.
"""

from __future__ import annotations

import attrs

from patdsl.compiler.to_vllm.expr_to_python import Condition
from patdsl.expr import Expr, Lit
from patdsl.op_table import FanOut, Step

#: The kinds of scalars, as parameters of functions have them.
ANNOTATIONS = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "dtype": "torch.dtype",
    "opaque": "Any",
}


@attrs.frozen
class Line:
    """A line of the function; `each`: made for every branch of the fan-out."""

    text: str
    each: bool = False


@attrs.define
class Spelling:
    """`params`: name to annotation. `names`: each value's variable. `fixed`: captures with one value in this spelling.
    `derived`: parameters that must equal an expression. `free`: lines that make a free value anew from the inputs.
    `guards`: what each chosen binding asks for, with the step it is of. `unchanged`: what an op could have written to
    and did not, with that operand: graphs may go on with it.
    """

    params: dict[str, str] = attrs.Factory(dict)
    lines: list[Line] = attrs.Factory(list)
    names: dict[str, str] = attrs.Factory(dict)
    fixed: dict[str, Lit] = attrs.Factory(dict)
    derived: dict[str, Expr] = attrs.Factory(dict)
    options: dict[str, tuple[Expr, ...]] = attrs.Factory(dict)
    free: dict[str, list[str]] = attrs.Factory(dict)
    buffers: dict[str, str] = attrs.Factory(dict)
    guards: list[tuple[Step, Expr]] = attrs.Factory(list)
    unchanged: dict[str, str] = attrs.Factory(dict)
    ops: dict[str, None] = attrs.Factory(dict)
    has_view: bool = False
    fan_out: FanOut | None = None


@attrs.define
class Replacement:
    """`values`: Python of what each replaced value becomes."""

    lines: list[Line] = attrs.Factory(list)
    values: dict[str, str] = attrs.Factory(dict)
    buffers: dict[str, None] = attrs.Factory(dict)
    conditions: list[Condition] = attrs.Factory(list)
    ops: dict[str, None] = attrs.Factory(dict)
    has_lead: bool = False
