"""Schemas of the ops in printed graphs, without torch.

In: an op's name, a node that calls it, the declared ops. Out: a `Schema`. That of aten's, prims' and our own common ops
stands in `schemas.json` (made from torch by `tests/explain/schema_table.py`, which a test compares); that of any other
op follows from the bindings that name it, and what they do not say is not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from patdsl.expr import Ref
from patdsl.match.schema import Schema, SchemaArgument
from patdsl.op_table import Give, Mut, Op, Out, Plain, Same, Temp, TorchCall
from patdsl.printed.text_to_graph import PrintedNode

TABLE = Path(__file__).with_name("schemas.json")


@cache
def table() -> dict[str, Schema]:
    """The schemas that are known by heart."""
    return {
        target: _from_json(target, entry) for target, entry in json.loads(TABLE.read_text("utf-8")).items()
    }


def to_json(schema: Schema) -> list[Any]:
    """An entry of the table. An argument is its name, behind `!` where it is written, and its default if it has one."""
    arguments = [
        [f"{'!' * each.written}{each.name}", *([each.default] if each.has_default else [])]
        for each in schema.arguments
    ]
    return [arguments, schema.returns, schema.list_return, schema.aliases, schema.is_out, schema.pure]


def _from_json(target: str, entry: list[Any]) -> Schema:
    arguments = tuple(
        SchemaArgument(
            name.lstrip("!"), _plain(default[0]) if default else None, bool(default), name[0] == "!"
        )
        for name, *default in entry[0]
    )
    return _schema(target, arguments, *entry[1:])


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def _schema(
    target: str,
    arguments: tuple[SchemaArgument, ...],
    returns: int,
    list_return: bool,
    aliases: int | None,
    is_out: bool,
    pure: bool,
) -> Schema:
    index = {argument.name: at for at, argument in enumerate(arguments)}
    written = tuple(argument.name for argument in arguments if argument.written)
    return Schema(target, arguments, index, returns, list_return, written, aliases, is_out, pure)


@attrs.define
class Schemas:
    """Schemas for the graphs that these ops are looked for in."""

    ops: Mapping[str, Op]
    _bindings: dict[str, list[tuple[Op, TorchCall]]] | None = None

    def of(self, node: PrintedNode) -> Schema | None:
        """The schema of the op that the node calls; None where nothing is known of it."""
        if node.target is None:
            return None
        known = table().get(node.target)
        if known is not None:
            return known
        bindings = self._by_target().get(node.target)
        return _inferred(node, bindings) if bindings else None

    def _by_target(self) -> dict[str, list[tuple[Op, TorchCall]]]:
        if self._bindings is None:
            self._bindings = {}
            for op in self.ops.values():
                for binding in op.bindings:
                    if isinstance(binding, TorchCall):
                        self._bindings.setdefault(binding.target, []).append((op, binding))
        return self._bindings


def _inferred(node: PrintedNode, bindings: list[tuple[Op, TorchCall]]) -> Schema:
    """What the bindings of a target say of its schema, with the argument names that the node gives.

    A functionalised call names its arguments: those it only reads in the schema's order, and those it writes in
    theirs. The templates say which positions are written.
    """
    op, binding = max(bindings, key=lambda each: len(each[1].args))
    positional = {key: arg for key, arg in binding.args if isinstance(key, int)}
    named = {key: arg for key, arg in binding.args if isinstance(key, str)}
    read, written = _given_names(node)
    arguments: list[SchemaArgument] = []
    # What a plain call does not give is not among its arguments: the template then wants its parameter's default.
    given = max(positional, default=-1) + 1 if node.functionalized else len(node.args)
    for at in range(given):
        template = positional.get(at)
        is_written = isinstance(template, (Out, Mut, Same, Temp))
        own = _name_of(template, at)
        if node.functionalized == 1:
            own = read.pop(0) if read else own
        elif node.functionalized:
            names = written if is_written else read
            own = names.pop(0) if names else own
        arguments.append(SchemaArgument(own, None, False, is_written))
    taken = {argument.name for argument in arguments}
    rest = dict.fromkeys((*(name for name in named if name in node.kwargs), *read, *written))
    for name in rest:
        if name not in taken:
            is_written = isinstance(named.get(name), (Out, Mut, Same, Temp)) or name in written
            # Of an argument that no binding names, none is the only value that may be taken for a default.
            arguments.append(SchemaArgument(name, None, name not in named, is_written))
    results = [name for name in binding.results if name is not None]
    declared = op.result.get(results[0]) if len(binding.results) == 1 and results else None
    as_list = declared is not None and isinstance(declared.type, Plain) and declared.type.is_list
    pure = not any(argument.written for argument in arguments)
    return _schema(binding.target, tuple(arguments), len(binding.results), as_list, None, False, pure)


def _given_names(node: PrintedNode) -> tuple[list[str], list[str]]:
    """The names of the arguments that a node gives by name, read and written."""
    if node.functionalized != 2:
        return [name for name in node.kwargs if not name.startswith("_op_")], []
    written = [
        name[1:].removesuffix(ending)
        for name in node.kwargs
        for ending in ("_base_index", "_length")
        if name.startswith("_") and name.endswith(ending)
    ]
    return [name for name in node.kwargs if not name.startswith("_")], written


def _name_of(template: Any, at: int) -> str:
    if isinstance(template, Give) and isinstance(template.value, Ref):
        return template.value.name
    if isinstance(template, Out):
        return template.result
    if isinstance(template, (Mut, Same)):
        return template.param
    return f"argument {at}"
