"""Which bindings can be used in this process, and what a call of one runs.

In: a declared op, its bindings. Out: why a binding cannot be used, the op without such bindings, words for what runs.
"""

from __future__ import annotations

import attrs

from patdsl.op_table import Op, TorchCall
from patdsl.runtime.torch_ops import exists, find_op
from patdsl.schema_check import contradictions
from patdsl.torch_private import schema_of


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
