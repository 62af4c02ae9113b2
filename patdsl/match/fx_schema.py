"""Torch schemas in the matcher's words, each read once per process.

In: a torch op as an fx node calls it. Out: its name, arguments, defaults, and what it writes or aliases.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from patdsl.dtypes import FROM_TORCH
from patdsl.match.schema import Schema, SchemaArgument


def plain(value: Any) -> Any:
    """A constant of an fx graph in the matcher's form: lists are tuples, dtypes are `Dtype`, devices and
    layouts text.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value))
    if isinstance(value, torch.dtype):
        name = str(value).removeprefix("torch.")
        return FROM_TORCH.get(name, name)
    if isinstance(value, (torch.device, torch.layout, torch.memory_format)):
        return str(value)
    return value


#: Marks ops that write buffers which the caller allocates. Older torch has no such tag, nor a form of its own.
_OUT_TAG = getattr(torch.Tag, "out", None)


@cache
def schema_of(op: torch._ops.OpOverload) -> Schema:
    schema = op._schema
    arguments = tuple(
        SchemaArgument(
            argument.name,
            plain(argument.default_value) if argument.has_default_value() else None,
            argument.has_default_value(),
            argument.alias_info is not None and argument.alias_info.is_write,
        )
        for argument in schema.arguments
    )
    tags = getattr(op, "tags", ())
    return Schema(
        target=target_name(op),
        arguments=arguments,
        index={argument.name: at for at, argument in enumerate(arguments)},
        returns=len(schema.returns),
        list_return=len(schema.returns) == 1 and isinstance(schema.returns[0].type, torch.ListType),
        written=tuple(argument.name for argument in arguments if argument.written),
        aliases=_aliased(schema),
        is_out=_OUT_TAG is not None and _OUT_TAG in tags,
        pure=not schema.is_mutable and torch.Tag.nondeterministic_seeded not in tags,
    )


def _aliased(schema: Any) -> int | None:
    for at, argument in enumerate(schema.arguments):
        # A list of views: the schema says of the argument that it ends up in a container.
        if argument.alias_info is not None and "*" in argument.alias_info.after_set:
            return at
    for returned in schema.returns:
        if returned.alias_info is None:
            continue
        sets = returned.alias_info.before_set
        for at, argument in enumerate(schema.arguments):
            if argument.alias_info is not None and argument.alias_info.before_set & sets:
                return at
    return None


@cache
def target_name(op: torch._ops.OpOverload) -> str:
    """`ns::op.overload`."""
    return f"{op._schema.name}.{op._overloadname}"


def overload_of(packet: torch._ops.OpOverloadPacket, count: int, keywords: frozenset[str]) -> Any:
    """The overload that a call of a packet with these arguments means, or None."""
    names = packet.overloads()  # type: ignore[no-untyped-call]
    for name in sorted(names, key=lambda name: name != "default"):
        overload = getattr(packet, name)
        schema = schema_of(overload)
        positional = [argument.name for argument in schema.arguments[:count]]
        required = {argument.name for argument in schema.arguments if not argument.has_default}
        fits = count <= len(schema.arguments) and keywords <= set(schema.index) - set(positional)
        if fits and required <= keywords | set(positional):
            return overload
    return None
