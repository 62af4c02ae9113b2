"""Which bindings can be used in this process, and what a call of one runs.

In: a declared op, its bindings. Out: why a binding cannot be used, words for what runs, and both as `THIS_PROCESS`.
"""

from __future__ import annotations

from patdsl.match.fx_known import known
from patdsl.op_table import Op, TorchCall
from patdsl.runtime.resolve import Process
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


#: This process, as it is when asked.
THIS_PROCESS = Process(exists, unusable, what_runs, known)
