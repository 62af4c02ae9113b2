"""One more binding for a declared op, so that what stands in the graph is that op.

In: the step that wants the op, the `Spelling` of what is there. Out: `Edit`s of the file that declares the op: the
torch op as it is, then with a template that orders the arguments by their kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from patdsl.compiler.ast_to_graph import Unit
from patdsl.dtypes import Dtype
from patdsl.explain.cause import Spelling
from patdsl.explain.edit import Edit, inserted, literal
from patdsl.match.protocol import Handle
from patdsl.op_table import Op, Param, Plain, Step

_TARGET = re.compile(r"[A-Za-z_]\w*::[A-Za-z_]\w*\.[A-Za-z_]\w*")


def binding_edits(unit: Unit, step: Step, spelling: Spelling) -> Iterator[Edit]:
    """The declaration with a binding behind those that it has."""
    decl, op = unit.op_decls.get(step.op), unit.table.get(step.op)
    if decl is None or op is None or not decl.bindings or not _TARGET.fullmatch(spelling.target):
        return
    source, at = decl.span.source, decl.bindings[-1].span.end
    called = spelling.target.removesuffix(".default")
    look = f"{spelling.target} must compute {decl.name.text}, which only you can know: `patdsl verify` compares them"
    for template in dict.fromkeys(("", _template(op, spelling))):
        if template is not None:
            text = inserted(source, at, f"\n  | {called}{template}")
            yield Edit(source, text, f"let {decl.name.text} be spelled {called}", look)


def _template(op: Op, spelling: Spelling) -> str | None:
    """Each argument as the first parameter of its kind that no other has, else as the value that it is."""
    free = list(op.params)
    written = []
    for name, value in (*((None, value) for value in spelling.args), *spelling.kwargs.items()):
        named = next((param for param in free if param.name == name), None)
        param = named or next((param for param in free if _is_of(param, value)), None)
        text = literal(value) if param is None else param.name
        if text is None or (name is not None and not name.isidentifier()):
            return None
        if param is not None:
            free.remove(param)
        written.append(text if name is None else f"{name}={text}")
    return f"({', '.join(written)})"


def _is_of(param: Param, value: Any) -> bool:
    """Whether a parameter takes such a value."""
    if isinstance(value, Handle):
        return param.is_tensor
    if not isinstance(param.type, Plain) or param.type.is_list != isinstance(value, tuple):
        return False
    kinds = {"int": int, "float": float, "bool": bool, "str": str, "dtype": Dtype}
    each = value if isinstance(value, tuple) else (value,)
    return all(type(item) is kinds.get(param.type.kind) for item in each)
