"""The schema of a torch op as calls are written from it.

In: an op. Out: its `Signature`, read once for each op: torch makes every argument anew whenever a schema is asked.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs

from patdsl.runtime.torch_api import OpOverload
from patdsl.torch_private import schema_of


@attrs.frozen
class Parameter:
    """`default` is as torch has it; `has_default` tells None the default from no default."""

    name: str
    kwarg_only: bool
    has_default: bool
    default: Any


@attrs.frozen
class Signature:
    """`returns` counts them. `written`: names of the arguments that are. `aliases`: an argument or return may share
    memory, or is written.
    """

    parameters: tuple[Parameter, ...]
    returns: int
    is_mutable: bool
    written: tuple[str, ...]
    aliases: bool


@cache
def signature_of(op: OpOverload) -> Signature:
    """What the schema of `op` says."""
    schema = schema_of(op)
    arguments, returns = schema.arguments, schema.returns
    return Signature(
        tuple(
            Parameter(each.name, each.kwarg_only, each.has_default_value(), each.default_value)
            for each in arguments
        ),
        len(returns),
        schema.is_mutable,
        tuple(each.name for each in arguments if each.alias_info is not None and each.alias_info.is_write),
        any(each.alias_info is not None for each in (*arguments, *returns)),
    )
