"""Writes `patdsl/printed/schemas.json`, what torch says of the ops that printed graphs are made of.

In: torch as installed. Out: `entries`, and the file where this is run as a program.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import torch

from patdsl.locate import library_folder
from patdsl.match.fx_schema import schema_of
from patdsl.match.layout import ALWAYS_FREE, MAY_ALIAS, RESHAPES, SAME_IF_TYPE_IS
from patdsl.op_table import TorchCall
from patdsl.pipeline import run
from patdsl.printed.schemas import TABLE, to_json
from patdsl.register_ops import OPS
from patdsl.runtime.torch_ops import find_op

#: Ops that post-grad graphs hold for their effect alone.
EFFECTS = ("aten::_assert_scalar.default", "aten::_assert_tensor_metadata.default", "aten::copy_.default")


def names() -> Iterator[str]:
    """The ops that the matcher knows, those that the library binds, aten's core, and our own."""
    yield from (*ALWAYS_FREE, *MAY_ALIAS, *RESHAPES, *SAME_IF_TYPE_IS, *EFFECTS)
    unit = run([library_folder() / "ops" / "aten.pat"], stop_after="graph")[0].unit
    assert unit is not None
    for op in unit.own_ops.values():
        yield from (binding.target for binding in op.bindings if isinstance(binding, TorchCall))
    yield from (f"patdsl::{name}.default" for name in OPS)
    for schema in torch._C._jit_get_all_schemas():
        target = f"{schema.name}.{schema.overload_name or 'default'}"
        op = find_op(target) if target.startswith("aten::") and not target.endswith("out") else None
        if op is not None and (torch.Tag.core in op.tags or torch.Tag.pointwise in op.tags):
            yield target


def entries() -> dict[str, list[Any]]:
    found = {}
    for name in sorted(set(names())):
        op = find_op(name)
        if op is not None:
            found[name] = to_json(schema_of(op))
    return found


def table_text() -> str:
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TABLE.write_text(table_text(), encoding="utf-8")
