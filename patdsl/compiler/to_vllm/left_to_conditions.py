"""What a match of a left side has to meet that torch's matcher does not ask.

In: a spelling, the types of its values. Out: conditions over what a match hands over.
"""

from __future__ import annotations

from collections.abc import Mapping

from patdsl.compiler.to_vllm.expr_to_python import (
    Condition,
    ExprToPython,
    Known,
    Lookup,
    TensorCode,
    UnsayableError,
    all_of,
    any_of,
    python,
)
from patdsl.compiler.to_vllm.names_of_ops import declared_at, pattern_name
from patdsl.compiler.to_vllm.spelling import Spelling
from patdsl.compiler.to_vllm.supplied_to_python import host_functions
from patdsl.compiler.to_vllm.value_types import ValueTypes
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Lit, Member, Ref
from patdsl.graph import Pattern
from patdsl.op_table import Const, DtypeOf, DtypeSet, DtypeVar, Op, Operand, Param, Step, Tensor, Through, Use


def conditions_of(
    made: Spelling,
    pattern: Pattern,
    ops: Mapping[str, Op],
    types: ValueTypes,
    outer: Mapping[str, Known],
) -> list[Condition]:
    """What a match of this spelling has to meet: the bindings' guards, what derived numbers are, the pattern's `where`.
    Raises UnsayableError.
    """
    hosts = host_functions(outer)
    found: list[Condition] = []
    for step, guard in made.guards:
        lookup = guard_lookup(step, ops[step.op], made, types, outer)
        found.append(ExprToPython(lookup, hosts).condition(guard))

    def named(name: str) -> Known | None:
        return pattern_name(name, made, types, outer)

    for step in (each for each in pattern.left.steps if isinstance(each, Step)):
        for result, value in step.results:
            declared = ops[step.op].result[result].type if value in made.buffers else None
            if isinstance(declared, Tensor) and not isinstance(declared.dtype, DtypeSet):
                dtype = _dtype_of(declared.dtype, guard_lookup(step, ops[step.op], made, types, outer))
                found.append(Condition(f"{made.buffers[value]}.dtype == {python(dtype)}"))

    for name, expr in made.derived.items():
        found.append(ExprToPython(named).condition(Binary("==", Ref(name), expr)))
    for name, options in made.options.items():
        found.append(ExprToPython(named).condition(Member(Ref(name), options)))
    for expr in pattern.where:
        found.append(ExprToPython(named, hosts).condition(expr))
    found += _typed_inputs(types)
    return found


def guard_lookup(step: Step, op: Op, made: Spelling, types: ValueTypes, outer: Mapping[str, Known]) -> Lookup:
    """What names in a binding's guard, or in an op's `where`, stand for at a step of the left side."""
    operands = dict(step.operands)

    def lookup(name: str) -> Known | None:
        if name in op.param:
            return _operand_known(operands.get(name), op.param[name], made, types, outer)
        for param, at in declared_at(name, op):
            if at is None:
                known = _operand_known(operands.get(param.name), param, made, types, outer)
                if isinstance(known, TensorCode) and known.dtype is not None:
                    return known.dtype
                continue
            operand = operands.get(param.name)
            meta = types.left.types.get(operand.value) if isinstance(operand, (Use, Through)) else None
            if meta is not None:
                return types.dim(meta.dims[at])
        return outer.get(name)

    return lookup


def _operand_known(
    operand: Operand | None, param: Param, made: Spelling, types: ValueTypes, outer: Mapping[str, Known]
) -> Known | None:
    if isinstance(operand, Use):
        if operand.value in made.fixed:
            return made.fixed[operand.value]
        if param.is_tensor:
            return types.tensor(operand.value)
        return types.scalars.get(variable(operand.value))
    if isinstance(operand, Through):
        known = types.tensor(operand.value)
        if types.left.case.view == "same":
            return TensorCode(None, known.dtype, known.rank)
        return TensorCode(None, known.dtype, Lit(2))
    if isinstance(operand, Const):
        return ExprToPython(
            lambda name: made.fixed.get(name) or types.scalars.get(variable(name)) or outer.get(name)
        ).value(operand.value)
    return None


def _dtype_of(dtype: Dtype | DtypeVar | DtypeOf, lookup: Lookup) -> Known:
    if isinstance(dtype, Dtype):
        return Lit(dtype)
    found = lookup(dtype.name if isinstance(dtype, DtypeVar) else dtype.parameter)
    if found is None:
        raise UnsayableError("nothing in a match tells the dtype of a buffer")
    return found


def _typed_inputs(types: ValueTypes) -> list[Condition]:
    """The declared types of what a match hands over, as far as one value tells of another."""
    found = []
    for name, optional in types.tensors.items():
        if name not in types.left.types:
            raise UnsayableError(f"the type of `{name}` is not known")
        meta = types.left.types[name]
        if meta is None:
            continue
        parts = []
        dtype = types.dtype(meta.dtype)
        if dtype is not None and python(dtype) != f"{name}.dtype":
            parts.append(f"{name}.dtype == {python(dtype)}")
        parts += _ranks(name, types)
        for other, at, dim in types.dims_of_tensors():
            source = types.dim(dim) if other == name else None
            if source is not None and python(source) != f"{name}.shape[{at}]":
                parts.append(f"known({name}.shape[{at}] == {python(source)})")
        whole = all_of([Condition(part) for part in parts])
        if optional and parts:
            whole = any_of([Condition(f"{name} is None"), whole])
        found.append(whole)
    return found


def _ranks(name: str, types: ValueTypes) -> list[str]:
    if not types.is_open(name):
        return [f"{name}.dim() == {types.tail(name)}"]
    leading = types.leading(name)
    tail = types.tail(name)
    own = f"{name}.shape[:-{tail}]" if tail else f"{name}.shape"
    if leading is not None and leading != own:
        return [f"same_dims({own}, {leading})"]
    return [f"{name}.dim() >= {tail}"] if tail else []
