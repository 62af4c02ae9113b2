"""Ops that this process does not have -> ops of the same meaning, for as long as a test runs.

In: the ops of a pass. Out: the same ops; those without any registered binding have one more, to an op in a namespace of
ours that runs their `ref`. Imports what `ref` names. What has no `ref` stays as it is, and the pass says why it is off.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import torch

from patdsl.op_table import AnyTensor, Native, Op, Param, Plain, Tensor, TorchCall, reached
from patdsl.runtime import torch_api
from patdsl.runtime.torch_ops import exists, forget

NAMESPACE = "patdsl_stand_in"
_KINDS = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "opaque": "str",
    "dtype": "ScalarType",
    "tensor": "Tensor",
}

_numbers = itertools.count()
#: The functions of the stand-ins that are there now, by the name of their op.
running: dict[str, Callable[..., Any]] = {}


class NoReferenceError(Exception):
    """The function that a `ref` names is not to be had; the message says why."""


def reference(ref: str) -> Callable[..., Any]:
    """The function that `module:function` names. Raises NoReferenceError."""
    module, _, name = ref.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NoReferenceError(f"ref {ref}: {error}") from error
    return found


@contextlib.contextmanager
def with_stand_ins(ops: Mapping[str, Op]) -> Iterator[tuple[Mapping[str, Op], tuple[str, ...]]]:
    """Within the block: the ops with stand-ins, and the names of the ops that have one."""
    found = dict(ops)
    made: dict[str, str] = {}
    new_library: Any = torch.library.Library
    library = new_library(NAMESPACE, "FRAGMENT")
    try:
        for name, op in ops.items():
            if _is_there(name, ops) or op.ref is None:
                continue
            try:
                function = reference(op.ref)
            except NoReferenceError:
                continue
            own = f"{name}_{next(_numbers)}"  # files may be open at once, each with its own declarations
            target = f"{NAMESPACE}::{own}"
            library.define(f"{own}{_schema(op)}")
            library.impl(own, _checked(function, op), "CompositeExplicitAutograd")
            torch.library.register_fake(target, function, lib=library)
            running[target] = function
            made[name] = f"{target}.default"
            found[name] = attrs.evolve(op, bindings=(*op.bindings, TorchCall(made[name])))
        yield found, tuple(made)
    finally:
        torch_api.end_library(library)
        for target in made.values():
            forget(target)
            running.pop(target.removesuffix(".default"), None)


def plain_torch(op: Any) -> Callable[..., Any] | None:
    """The Python of an op of ours, or of a stand-in; None for any other."""
    from patdsl.register_ops import OPS

    namespace, name, *_ = str(op).split(".")
    if namespace == "patdsl" and name in OPS:
        return OPS[name].function
    return running.get(f"{namespace}::{name}")


def _is_there(name: str, ops: Mapping[str, Op]) -> bool:
    """Whether a torch op that a binding names is registered, or code can be written in its place on the left."""
    bindings = list(reached(name, ops))
    called = any(isinstance(each, TorchCall) and exists(each.target) for each in bindings)
    return called or any(isinstance(each, Native) for each in bindings)


def _checked(function: Callable[..., Any], op: Op) -> Callable[..., Any]:
    """What the op returns has to be memory of its own, which a `ref` that returns an argument is not."""

    def call(*args: Any) -> Any:
        given = {each.data_ptr() for each in args if isinstance(each, torch.Tensor) and each.numel()}
        made = function(*args)
        own = [
            each.clone()
            if isinstance(each, torch.Tensor) and each.numel() and each.data_ptr() in given
            else each
            for each in (made if isinstance(made, (tuple, list)) else (made,))
        ]
        return tuple(own) if len(op.results) > 1 else own[0]

    return call


def _schema(op: Op) -> str:
    returned = ", ".join("Tensor[]" if isinstance(each.type, Plain) else "Tensor" for each in op.results)
    return f"({', '.join(map(_parameter, op.params))}) -> {returned if len(op.results) == 1 else f'({returned})'}"


def _parameter(param: Param) -> str:
    if isinstance(param.type, (Tensor, AnyTensor)):
        kind = "Tensor"
    else:
        kind = _KINDS[param.type.kind] + ("[]" if param.type.is_list else "")
    return f"{kind}{'?' if param.optional else ''} {param.name}"
