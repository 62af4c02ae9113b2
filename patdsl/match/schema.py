"""The schema of a torch op in the matcher's words, and a node's arguments by it.

In: a schema, from torch (`fx_schema.py`) or from a table; the arguments that a node passes. Out: `Call`: positional,
keyword, omitted and explicit defaults are the same call. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from patdsl.expr import UNKNOWN
from patdsl.match.found import TensorMeta
from patdsl.match.protocol import Argument, Call, Handle

#: A node's argument -> the matcher's operand.
Operand = Callable[[Any], Any]
#: A node -> the type of its value.
MetaOf = Callable[[Any], TensorMeta | None]


@attrs.frozen
class SchemaArgument:
    """`default` is already plain; `has_default` tells None the default from no default."""

    name: str
    default: Any
    has_default: bool
    written: bool


@attrs.frozen
class Schema:
    """`returns` counts them; `list_return` for a single list of tensors; `aliases` is the position of the
    argument whose memory a return may share; `pure` without writes and randomness.
    """

    target: str
    arguments: tuple[SchemaArgument, ...]
    index: dict[str, int]
    returns: int
    list_return: bool
    written: tuple[str, ...]
    aliases: int | None
    is_out: bool
    pure: bool


def normal_call(
    schema: Schema, args: Sequence[Any], kwargs: Mapping[str, Any], operand: Operand, meta_of: MetaOf
) -> Call:
    """The call of an op with these arguments, each by its name in the schema."""
    given = dict(zip((argument.name for argument in schema.arguments), args, strict=False))
    given.update(kwargs)
    arguments: list[Argument] = []
    for argument in schema.arguments:
        if argument.name not in given:
            arguments.append(Argument(argument.name, argument.default, argument.has_default))
            continue
        value = operand(given[argument.name])
        is_default = same_plain(value, argument.default) or _means_default(
            argument.name, value, arguments, schema, meta_of
        )
        arguments.append(Argument(argument.name, value, argument.has_default and is_default))
    returns: tuple[Any, ...] = (None,)
    if schema.list_return:
        returns = ("list",)
    elif schema.returns != 1:
        returns = tuple(range(schema.returns))
    return Call(schema.target, tuple(arguments), returns, {})


def _means_default(name: str, value: Any, before: list[Argument], schema: Schema, meta_of: MetaOf) -> bool:
    """What traces write out in factory calls though it is what the default does, and how a copy is laid out, which its
    strides say.
    """
    if name == "memory_format":
        return True
    if "pin_memory" not in schema.index:
        return False
    if name == "pin_memory":
        return value is False
    if name == "layout":
        return bool(value == "torch.strided")
    first = before[0].value if before else None
    meta = meta_of(first.node) if isinstance(first, Handle) else None
    return meta is not None and value == {"dtype": meta.dtype, "device": meta.device}.get(name, UNKNOWN)


def same_plain(one: Any, other: Any) -> bool:
    """Equal and of one type: 1, 1.0 and True are three values."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same_plain, one, other))
    return type(one) is type(other) and not isinstance(one, Handle) and bool(one == other)


def handles(value: Any) -> list[Any]:
    """The nodes of the tensors in an operand."""
    if isinstance(value, Handle):
        return [value.node]
    if isinstance(value, tuple):
        return [node for item in value for node in handles(item)]
    return []
