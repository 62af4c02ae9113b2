"""A call of a torch op as lines of Python.

In: a binding, its arguments as Python, the variables of its results. Out: the call, in the form that graphs have, and a
line for each result that is used.
"""

from __future__ import annotations

from collections.abc import Mapping

from patdsl.compiler.to_vllm.expr_to_python import literal
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.op_table import Mut, Op, Out, Plain, Same, TorchCall


def overload(target: str) -> str:
    """`ns::op.overload` with its overload said."""
    return target if "." in target else f"{target}.default"


def torch_name(target: str) -> str:
    """`ns::op.overload` as Python."""
    return f"torch.ops.{overload(target).replace('::', '.')}"


def call_lines(
    binding: TorchCall,
    op: Op,
    args: list[str],
    written: Mapping[int | str, str],
    values: Mapping[str, str],
    names: Mapping[str, str],
) -> list[str]:
    """The call, and a line for each result that is used."""
    target = torch_name(binding.target)
    is_list = len(op.results) == 1 and isinstance(op.results[0].type, Plain)
    in_place = writes(binding)
    stem = (
        variable(op.name) if not any(name == variable(op.name) for name in names.values()) else f"{op.name}_"
    )
    if not in_place and not is_list and len(binding.results) == 1:
        value = next((values[r] for r in binding.results if r is not None and r in values), None)
        return [f"{names[value] if value is not None else stem} = {target}({', '.join(args)})"]
    lines = []
    if in_place:
        returned = any(result in values for result in binding.results)
        lines.append(
            f"{f'{stem}_returns' if returned else '_'}, {stem} = functionalized({', '.join([target, *args])})"
        )
        lines += [f"{names[value]} = {stem}[{literal(key)}]" for key, value in written.items()]
        lines += [
            f"{names[values[result]]} = {stem}_returns[{index}]"
            for index, result in enumerate(binding.results)
            if result is not None and result in values
        ]
        return lines
    lines.append(f"{stem} = {target}({', '.join(args)})")
    if is_list:
        return lines + [
            f"{names[value]} = {stem}[{result.rsplit('.', 1)[1]}]" for result, value in values.items()
        ]
    return lines + [
        f"{names[values[result]]} = {stem}[{index}]"
        for index, result in enumerate(binding.results)
        if result is not None and result in values
    ]


def writes(binding: TorchCall) -> bool:
    """Whether the torch op writes to an operand, so that graphs hold it functionalised."""
    return any(isinstance(arg, (Out, Mut, Same)) for _, arg in binding.args)
