"""A torch binding against the schema of the torch op that it names.

In: a declared op, one of its `TorchCall` bindings, and torch's schema of that op. Out: sentences that say where the two
contradict each other. Looks only at what a declaration says: arity, names, kinds, what is written, how many results.
Imports no torch; the schema is read through the attributes that torch's `FunctionSchema` has.
"""

from __future__ import annotations

import re
from types import NoneType
from typing import Any, Protocol

from patdsl.dtypes import Dtype
from patdsl.expr import Items, Lit, Ref
from patdsl.match.aten_forms import BECOMES_LIST
from patdsl.op_table import (
    AnyTensor,
    Give,
    Mut,
    Nested,
    NoDefault,
    Op,
    Out,
    Plain,
    Same,
    Temp,
    TemplateArg,
    Tensor,
    TorchCall,
)
from patdsl.resolved_to_text import literal_text


class Argument(Protocol):
    """What is read of `torch.Argument`."""

    name: str
    alias_info: Any
    kwarg_only: bool
    N: int | None

    @property
    def type(self) -> Any: ...

    def has_default_value(self) -> bool: ...


class Schema(Protocol):
    """What is read of `torch.FunctionSchema`."""

    arguments: list[Any]
    returns: list[Any]


#: Kind of a declared parameter -> torch types that take it, as torch prints them, without `Optional` and `List`; None
#: for all but tensors.
ACCEPTED: dict[str, set[str] | None] = {
    "int": {"int", "SymInt", "Scalar", "number"},
    "float": {"float", "SymFloat", "Scalar", "number"},
    "bool": {"bool", "Scalar", "number", "int"},
    "str": {"str"},
    "dtype": {"int", "ScalarType"},
    "opaque": None,
    "tensor": {"Tensor"},
}


#: Kind of a torch argument -> what may be written there; of other kinds nothing is said. To torch a dtype is an int.
TAKES: dict[str, tuple[type, ...]] = {
    "int": (int, Dtype, NoneType),
    "SymInt": (int, NoneType),
    "float": (int, float, NoneType),
    "SymFloat": (int, float, NoneType),
    "bool": (bool, NoneType),
    "str": (str, NoneType),
}


def contradictions(op: Op, binding: TorchCall, schema: Schema) -> list[str]:
    """Why this binding cannot be a call of an op with this schema; empty where nothing speaks against it."""
    found: list[str] = []
    reached: set[str] = set()
    for place, template in binding.args:
        argument = _argument(schema, place)
        if argument is None:
            if not _is_default(op, template):
                found.append(_missing(op, binding, schema, place))
            continue
        reached.add(argument.name)
        if (binding.target, argument.name) in BECOMES_LIST:
            continue
        found.extend(_fits(op, template, argument))
    for argument in schema.arguments:
        if argument.name not in reached and not argument.has_default_value():
            found.append(f"its argument `{argument.name}` has no default and is not given")
    found.extend(_results(op, binding, schema))
    return found


def _argument(schema: Schema, place: int | str) -> Argument | None:
    if isinstance(place, int):
        positional = [argument for argument in schema.arguments if not argument.kwarg_only]
        return positional[place] if place < len(positional) else None
    return next((argument for argument in schema.arguments if argument.name == place), None)


def _missing(op: Op, binding: TorchCall, schema: Schema, place: int | str) -> str:
    names = ", ".join(argument.name for argument in schema.arguments)
    if isinstance(place, str):
        return f"it has no argument `{place}`; its arguments: {names}"
    return f"it takes {len(schema.arguments)} arguments ({names}); {len(binding.args)} are given"


def _is_default(op: Op, template: TemplateArg) -> bool:
    """A parameter with a default may be one that this op does not have: then it must be at that default."""
    if not isinstance(template, Give) or not isinstance(template.value, Ref):
        return False
    param = op.param.get(template.value.name)
    return param is not None and not isinstance(param.default, NoDefault)


def _fits(op: Op, template: TemplateArg, argument: Argument) -> list[str]:
    written = argument.alias_info is not None and argument.alias_info.is_write
    if isinstance(template, (Out, Mut, Same)):
        name = template.result if isinstance(template, Out) else template.param
        if not written:
            return [
                f"its argument `{argument.name}` is not written; `{name}` is declared out, mut or same there"
            ]
        return []
    nothing = isinstance(template, Give) and template.value == Lit(None)
    if written and not nothing and not isinstance(template, (Temp, Nested)):
        return [
            f"it writes its argument `{argument.name}`, which is declared as an input; say mut, out or same"
        ]
    if isinstance(template, (Nested, Temp)):
        return [] if _core(argument) == "Tensor" else [f"its argument `{argument.name}` is no tensor"]
    return _kind_fits(op, template, argument)


def _kind_fits(op: Op, template: Give, argument: Argument) -> list[str]:
    kind = _core(argument)
    value = template.value
    if isinstance(value, Ref) and value.name in op.param:
        declared = op.param[value.name].type
        if isinstance(declared, (Tensor, AnyTensor)):
            accepted = {"Tensor"} | ({"Scalar", "number"} if isinstance(declared, AnyTensor) else set())
            shown = "a tensor"
        else:
            assert isinstance(declared, Plain)
            accepted = ACCEPTED[declared.kind] or {kind} - {"Tensor"}
            shown = declared.kind + ("[]" if declared.is_list else "")
        is_list = isinstance(declared, Plain) and declared.is_list
        # `int[1]` takes an int too.
        alike = is_list == _is_list(argument.type) or (not is_list and argument.N is not None)
        if kind not in accepted or not alike:
            return [f"its argument `{argument.name}` is {argument.type}; `{value.name}` is declared {shown}"]
        return []
    if isinstance(value, Lit) and value.value is None and not str(argument.type).startswith("Optional"):
        return [f"its argument `{argument.name}` is {argument.type}, which cannot be none"]
    if isinstance(value, Items) and not _is_list(argument.type):
        return [f"its argument `{argument.name}` is {argument.type}, which takes no list"]
    if isinstance(value, Lit) and not any(isinstance(value.value, one) for one in TAKES.get(kind, (object,))):
        return [
            f"its argument `{argument.name}` is {argument.type}, which takes no {literal_text(value.value)}"
        ]
    return []


def _is_list(type_: Any) -> bool:
    return str(type_).startswith(("List[", "Optional[List["))


def _core(argument: Argument) -> str:
    """The type without `Optional` and `List`."""
    return re.sub(r"^(?:Optional\[|List\[)*|\]*$", "", str(argument.type))


def _results(op: Op, binding: TorchCall, schema: Schema) -> list[str]:
    is_list = len(op.results) == 1 and op.results[0].type == Plain("tensor", True)
    returns = len(schema.returns)
    named = len(binding.results)
    if is_list and returns != 1:
        return [f"it returns {returns} values, declared is one list"]
    if is_list:
        only = schema.returns[0].type
        return [] if _is_list(only) else [f"it returns {only}, declared is a list"]
    for name, each in zip(binding.results, schema.returns, strict=False):
        if name is not None and _is_list(each.type):
            return [f"it returns {each.type}, `{name}` is declared a tensor"]
    # An op that returns what it wrote returns it beside; a template without results leaves that out.
    aliased = [each for each in schema.returns if each.alias_info is not None and each.alias_info.is_write]
    if named not in (returns, returns - len(aliased)):
        return [f"it returns {returns} value{'s' * (returns != 1)}; {named} are named"]
    return []
