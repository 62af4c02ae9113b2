"""What a name stands for, of a pattern or in the declaration of one of its ops.

In: a name, the op, what is known of its arguments. Out: a value, or Python of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patdsl.compiler.to_vllm.expr_to_python import Code, Known, Lookup, TensorCode, UnsayableError
from patdsl.compiler.to_vllm.guards import default_of
from patdsl.compiler.to_vllm.spelling import Spelling
from patdsl.compiler.to_vllm.value_types import ValueTypes
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.expr import Lit, Ref, Star
from patdsl.graph import RightStep
from patdsl.op_table import DtypeVar, Op, Param, Tensor, Use


def pattern_name(name: str, made: Spelling, types: ValueTypes, outer: Mapping[str, Known]) -> Known | None:
    if name in made.fixed:
        return made.fixed[name]
    if variable(name) in types.scalars:
        return types.scalars[variable(name)]
    if variable(name) in types.tensors or name in types.left.types:
        return types.tensor(name)
    return types.named(name) or outer.get(name) or types.first_dim(name)


def declared_at(name: str, op: Op) -> Iterator[tuple[Param, int | None]]:
    """Where the types of the parameters have a name: a parameter, and which of its dims, None for its dtype."""
    for param in op.params:
        declared = param.type
        if isinstance(declared, Tensor):
            if declared.dtype == DtypeVar(name):
                yield param, None
            if Ref(name) in declared.dims:
                yield param, declared.dims.index(Ref(name)) - len(declared.dims)


def in_code(
    step: RightStep, op: Op, known: Mapping[str, str], left: Spelling, outer: Mapping[str, Known]
) -> Lookup:
    """What names of the op stand for in the function itself: dims are those of its own arguments."""

    def lookup(name: str) -> Known | None:
        if name in op.param:
            param = op.param[name]
            if param.is_tensor:
                return TensorCode(known.get(name), None, None)
            if name in known:
                arg = dict(step.args)[name]
                if isinstance(arg, Use) and arg.value in left.fixed:
                    return left.fixed[arg.value]
                return Code(known[name], getattr(param.type, "kind", "int"))
            return default_of(param)
        for param, at in declared_at(name, op):
            if param.name in known:
                return (
                    Code(f"{known[param.name]}.dtype", "dtype")
                    if at is None
                    else Code(f"{known[param.name]}.shape[{at}]", "dim")
                )
        return _solved_dim(name, op, known) or outer.get(name)

    return lookup


def star_of(name: str, op: Op, known: Mapping[str, str]) -> str:
    for param in op.params:
        if isinstance(param.type, Tensor) and Star(name) in param.type.dims and param.name in known:
            behind = len(param.type.dims) - 1
            return f"{known[param.name]}.shape[:-{behind}]" if behind else f"{known[param.name]}.shape"
    raise UnsayableError(f"nothing says `*{name}` of `{op.name}`")


def _solved_dim(name: str, op: Op, known: Mapping[str, str]) -> Known | None:
    """`D` of a parameter whose last dim is `2 * D`."""
    for param in op.params:
        declared = param.type
        if not isinstance(declared, Tensor) or param.name not in known or not declared.dims:
            continue
        last = declared.dims[-1]
        factor = getattr(last, "left", None)
        if (
            getattr(last, "op", "") == "*"
            and isinstance(factor, Lit)
            and getattr(last, "right", None) == Ref(name)
        ):
            return Code(f"({known[param.name]}.shape[-1] // {factor.value})", "dim")
    return None
