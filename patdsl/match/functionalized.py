"""`auto_functionalized` nodes, both versions, as calls of the op inside.

In: the schema of the op inside, the node's arguments as the matcher's operands, by name. Out: a `Call`, or None
where the node says something this file does not know. Version 1 passes every argument by name and returns the
op's returns, then every argument it writes, in schema order. Version 2 passes the *bases* of written arguments
in `_all_bases` and how each argument lies in its base, and returns the bases instead; `out=` overloads have no
bases and return their outputs. An op without returns has a None first in both.
"""

from __future__ import annotations

from typing import Any

from patdsl.match.found import TensorMeta
from patdsl.match.layout import contiguous_strides
from patdsl.match.protocol import Argument, Call, Handle, Window
from patdsl.match.schema import MetaOf, Schema


def functionalized_call(version: int, schema: Schema, kwargs: dict[str, Any], meta_of: MetaOf) -> Call | None:
    """`kwargs` without those of the node itself (`_op_...`)."""
    if version == 2:
        if schema.is_out:
            return _out_call(schema, kwargs)
        placed = _place_in_bases(schema, kwargs, meta_of)
        if placed is None:
            return None
        kwargs, outputs = placed
    else:
        first = max(1, schema.returns)
        outputs = {name: first + at for at, name in enumerate(schema.written)}
    after = {name: at for name, at in outputs.items() if isinstance(kwargs.get(name), Handle)}
    arguments = tuple(_argument(schema, at, kwargs) for at in range(len(schema.arguments)))
    return Call(schema.target, arguments, tuple(range(schema.returns)), after)


def _argument(schema: Schema, at: int, kwargs: dict[str, Any]) -> Argument:
    argument = schema.arguments[at]
    value = kwargs.get(argument.name, argument.default)
    same = (
        type(value) is type(argument.default) and not isinstance(value, Handle) and value == argument.default
    )
    return Argument(argument.name, value, argument.has_default and bool(same))


def _out_call(schema: Schema, kwargs: dict[str, Any]) -> Call:
    """Outputs are made by the call itself: the operand is a buffer that nothing holds."""
    single = len(schema.written) == 1
    after: dict[str, int | None] = {name: None if single else at for at, name in enumerate(schema.written)}
    values = {**kwargs, **dict.fromkeys(schema.written, FRESH)}
    arguments = tuple(_argument(schema, at, values) for at in range(len(schema.arguments)))
    returns = tuple(after[name] for name in schema.written[: schema.returns])
    return Call(schema.target, arguments, returns, after)


#: The operand of an `out=` call that allocates its own result.
FRESH = "<fresh buffer>"


def _place_in_bases(
    schema: Schema, kwargs: dict[str, Any], meta_of: MetaOf
) -> tuple[dict[str, Any], dict[str, int]] | None:
    """The written arguments as windows of their bases, and the output that holds each one's base afterwards."""
    bases = kwargs.pop("_all_bases", ())
    first = max(1, schema.returns)
    outputs: dict[str, int] = {}
    for name in schema.written:
        if f"_{name}_length" in kwargs:
            length = kwargs[f"_{name}_length"]
            items = [_place(f"_{name}_{at}", kwargs, bases, meta_of) for at in range(length or 0)]
            kwargs[name] = None if length is None else tuple(items)
            continue
        if f"_{name}_base_index" not in kwargs:
            return None
        index = kwargs[f"_{name}_base_index"]
        kwargs[name] = _place(f"_{name}", kwargs, bases, meta_of)
        if index is not None:
            outputs[name] = first + index
    return kwargs, outputs


def _place(prefix: str, kwargs: dict[str, Any], bases: tuple[Any, ...], meta_of: MetaOf) -> Any:
    index = kwargs.get(f"{prefix}_base_index")
    if index is None:
        return None
    base = bases[index]
    if f"{prefix}_storage_offset" in kwargs:
        window = Window(
            kwargs[f"{prefix}_size"], kwargs[f"{prefix}_stride"], kwargs[f"{prefix}_storage_offset"]
        )
        return Handle(base.node, window)
    if f"{prefix}_slice_dim" in kwargs:
        return Handle(base.node, _slice(meta_of(base.node), prefix, kwargs))
    return base


def _slice(base: TensorMeta | None, prefix: str, kwargs: dict[str, Any]) -> Window:
    """A slice of a base as a window; offset -1 (which no reader accepts) where the base is not known."""
    dim, start, end = (kwargs[f"{prefix}_slice_{part}"] for part in ("dim", "start", "end"))
    dims = base.dims if base is not None else ()
    strides = base.strides if base is not None and base.strides is not None else contiguous_strides(dims)
    offset = start * strides[dim] if dims else -1
    return Window((*dims[:dim], end - start, *dims[dim + 1 :]), strides, offset)
