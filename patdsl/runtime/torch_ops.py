"""Torch ops by their names.

In: `ns::op.overload` as bindings write it. Out: the op as registered in this process, or None. Imports nothing that
would register one: what the process has not loaded does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from patdsl.op_table import Op, TorchCall
from patdsl.schema_check import contradictions
from patdsl.torch_private import schema_of

if TYPE_CHECKING:
    from patdsl.runtime.torch_api import OpOverload

_found: dict[str, OpOverload] = {}


def find_op(target: str) -> OpOverload | None:
    """The overload `ns::op.overload` (overload `default` unless written), or None. A later registration is seen."""
    op = _found.get(target)
    if op is None:
        namespace, _, rest = target.partition("::")
        name, _, overload = rest.partition(".")
        packet = getattr(getattr(torch.ops, namespace), name, None)
        op = getattr(packet, overload or "default", None)
        if op is not None:
            _found[target] = op
    return op


def exists(target: str) -> bool:
    """Whether the op is registered in this process."""
    return find_op(target) is not None


def unusable(op: Op, binding: TorchCall) -> str | None:
    """Why no call of this binding can be found or made in this process; None where it can."""
    found = find_op(binding.target)
    if found is None:
        return "not registered in this process"
    wrong = contradictions(op, binding, schema_of(found))
    return f"its schema contradicts the declaration: {wrong[0]}" if wrong else None


def what_runs(target: str, device: str) -> str:
    """What a call of a registered op runs on `device` (a target's name), in words: ours say kernel or plain torch."""
    namespace, _, rest = target.partition("::")
    if namespace == "aten":
        return "torch"
    if namespace != "patdsl":
        return f"an op of {namespace}"
    from patdsl.register_ops import runs_on

    kernel = runs_on(rest.partition(".")[0], "cpu" if device == "cpu" else "cuda") == "kernel"
    return "kernel" if kernel else "plain torch"


def usable(op: Op) -> Op:
    """The op without the bindings that their torch schemas contradict; what is not registered is never met."""
    kept = tuple(
        binding
        for binding in op.bindings
        if not (isinstance(binding, TorchCall) and exists(binding.target) and unusable(op, binding))
    )
    return op if len(kept) == len(op.bindings) else attrs.evolve(op, bindings=kept)
