"""Statements and chain elements to the steps of a `Block`.

Used for native bindings and for the left sides of patterns. In: AST statements, or ops one by one with their operands.
Out: `op_table.Block` and what each name stands for. Reports arity, unknown parameters, values used before they are
defined. Knows nothing of right sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from patdsl.compiler.arguments import assigned, names_written
from patdsl.compiler.ast_to_expr import ARITY, Names, resolve_expr
from patdsl.compiler.imports import Entity, LoadedFile, unknown_name
from patdsl.diagnostic import Diagnostics, Note
from patdsl.dtypes import Dtype, is_dtype
from patdsl.expr import Expr, Lit, Ref
from patdsl.op_table import (
    Anything,
    Block,
    Const,
    FanOut,
    NoDefault,
    OneOf,
    Op,
    Operand,
    Param,
    Plain,
    Step,
    Through,
    Use,
    Values,
    ViewStep,
)
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast

if TYPE_CHECKING:
    from patdsl.compiler.ast_to_ops import Ops

#: Longer lists are a mistake or an attack.
MOST_ITEMS = 128

LAYOUT_NAMES = ("view",)


class BlockBuilder:
    """Builds one block.

    `known` are names bound from outside (the parameters and dims of an op); any other free name is an input, if
    `free_names` allows it. `replaced` and `replaced_ops` are what pattern parameters stand for.
    """

    def __init__(
        self,
        ops: Ops,
        file: LoadedFile,
        diagnostics: Diagnostics,
        *,
        known: Iterable[str] = (),
        free_names: bool = False,
        replaced: Mapping[str, Expr] | None = None,
        replaced_ops: Mapping[str, Entity] | None = None,
    ) -> None:
        self.ops = ops
        self.file = file
        self.diagnostics = diagnostics
        self.known = dict.fromkeys(known)
        self.free_names = free_names
        self.replaced = dict(replaced or {})
        self.replaced_ops = dict(replaced_ops or {})
        self.steps: list[Step | ViewStep] = []
        self.fan_outs: list[FanOut] = []
        self.defined: dict[str, Span] = {}
        self.bundles: dict[str, tuple[str, ...]] = {}
        self.inputs: dict[str, Span] = {}
        self.dims: dict[str, Span] = {}
        self.fan_out_of: dict[str, str | None] = {}
        self.later: dict[str, Span] = {}
        self._labels: dict[str, int] = {}

    def block(self) -> Block:
        inputs = tuple(name for name in self.inputs if name not in self.dims or self._is_operand(name))
        return Block(inputs, tuple(self.steps), tuple(self.fan_outs))

    def _is_operand(self, name: str) -> bool:
        return any(
            isinstance(step, Step) and any(name in operand_names(operand) for _, operand in step.operands)
            for step in self.steps
        )

    def bound(self) -> dict[str, None]:
        """Every name that has a value once the block is found."""
        return dict.fromkeys([*self.known, *self.inputs, *self.dims, *self.defined, *self.bundles])

    def names(self) -> Names:
        bound = self.bound()
        return Names(
            self.file,
            self.diagnostics,
            local=bound.__contains__,
            known_local=lambda: bound,
            replaced=self.replaced,
        )

    # Statements

    def add_statements(self, statements: Iterable[ast.Statement]) -> None:
        statements = tuple(statements)
        for statement in statements:
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    self.later.setdefault(target.text, target.span)
        for statement in statements:
            self._add_statement(statement)

    def _add_statement(self, statement: ast.Statement) -> None:
        value = statement.value
        if not isinstance(value, ast.Call):
            self.diagnostics.add(
                "PAT301",
                value.span,
                "the left side matches calls; this is not one",
                help="write a call: name = op(...); plain names are for the right side",
            )
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    self.defined.setdefault(target.text, target.span)
            return
        self._call(value, statement.targets)

    def _call(self, call: ast.Call, targets: tuple[ast.Name | ast.Wildcard, ...]) -> str | None:
        """Add the steps of a call; the name of its first result, or None where it failed."""
        if call.function.text in LAYOUT_NAMES:
            return self._view(call, targets)
        entity = self.find_op(call.function)
        if entity is None:
            for target in targets:
                if isinstance(target, ast.Name):
                    self._define(target.text, target.span, None)
            return None
        op = self.ops.add(entity)
        before = self.diagnostics.failures
        operands = self.operands(op, call.arguments, None)
        are_right = self.diagnostics.failures == before
        fan_out = self.add_fan_out(call.fan_out, op.name) if call.fan_out else None
        for param in op.params:
            if are_right and param.name not in operands:
                operands[param.name] = self.unwritten(op, param, call.span)
        fan_out = fan_out or self.inherited_fan_out(operands)
        return self.add_step(op, operands, targets, call.span, fan_out=fan_out)

    def unwritten(self, op: Op, param: Param, span: Span) -> Operand:
        """A parameter that a block does not write must be at its default."""
        if isinstance(param.default, NoDefault):
            self.diagnostics.add(
                "PAT203",
                span,
                f"`{op.name}` needs `{param.name}`",
                notes=[self.declared_note(op)],
                help=f"write it: {param.name}=..., or {param.name}=_ to match any value",
            )
            return Anything()
        return Const(param.default)

    def declared_note(self, op: Op) -> Note:
        return Note("declared here", self.ops.entities[op.name].decl.name.span)

    def find_op(self, name: ast.Name) -> Entity | None:
        if name.text in self.replaced_ops:
            return self.replaced_ops[name.text]
        return self.ops.find(name, self.file, self.diagnostics)

    # Arguments

    def operands(
        self,
        op: Op,
        arguments: tuple[ast.Argument, ...],
        fed: tuple[str, Operand] | None,
    ) -> dict[str, Operand]:
        """Written arguments by parameter. `fed` is the parameter that an arrow feeds, with its operand."""
        found: dict[str, Operand] = {} if fed is None else {fed[0]: fed[1]}
        pairs = assigned(op, arguments, fed[0] if fed else None, self.declared_note(op), self.diagnostics)
        for name, argument in pairs:
            found[name] = self.operand(argument.value, op.param[name])
        return found

    def operand(self, value: ast.Expr, param: Param) -> Operand:
        if isinstance(value, ast.Wildcard):
            return Anything()
        if isinstance(value, ast.Name):
            return self._name_operand(value, param)
        if isinstance(value, ast.Member):
            return self._one_of(value, param)
        if isinstance(value, ast.ListExpr):
            return self._list_operand(value, param)
        if isinstance(value, ast.Call) and not self.is_function(value):
            return self._call_operand(value)
        open_names = self._dim_names(value)
        return Const(resolve_expr(value, open_names))

    def is_function(self, call: ast.Call) -> bool:
        """Whether a call asks for a number or a type, and is of no op."""
        name = call.function.text
        if name in self.replaced_ops or name in LAYOUT_NAMES:
            return False
        entity = self.file.lookup(name)
        return (entity is None and name in ARITY) or (entity is not None and entity.kind == "host")

    def _call_operand(self, call: ast.Call) -> Operand:
        if call.function.text in LAYOUT_NAMES and len(call.arguments) == 1:
            source = self._source(call.arguments[0].value)
            return Through(source, 0 if call.maybe else 1) if source else Anything()
        result = self._call(call, ())
        return Use(result) if result else Anything()

    def _name_operand(self, name: ast.Name, param: Param) -> Operand:
        text = name.text
        if text in self.replaced:
            return Const(self.replaced[text])
        if text in self.bundles:
            return Use(self.bundles[text][0])
        if text in self.defined or text in self.known or text in self.inputs or text in self.dims:
            return self._use(name)
        kind = self.file.lookup(text)
        if kind is not None and kind.kind in ("const", "host"):
            return Const(Ref(text))
        if is_dtype(text):
            return Const(Lit(Dtype(text)))
        return self._use(name)

    def _use(self, name: ast.Name) -> Operand:
        text = name.text
        if text in self.defined or text in self.known:
            return Use(text)
        if text in self.later:
            self.diagnostics.add(
                "PAT303",
                name.span,
                f"`{text}` is used before it is defined",
                notes=[Note("defined here", self.later[text])],
                help="put the line that defines it first",
            )
            return Anything()
        if not self.free_names:
            unknown_name(self.file, name.span, "name", text, self.bound())
            return Anything()
        self.inputs.setdefault(text, name.span)
        return Use(text)

    def _one_of(self, value: ast.Member, param: Param) -> Operand:
        options = tuple(resolve_expr(option, self.names()) for option in value.options)
        if not isinstance(value.item, ast.Name):
            self.diagnostics.add(
                "PAT302", value.item.span, "a set constrains a name", help="write: name in {...}"
            )
            return Anything()
        self.inputs.setdefault(value.item.text, value.item.span)
        return OneOf(value.item.text, options)

    def _list_operand(self, value: ast.ListExpr, param: Param) -> Operand:
        if len(value.items) > MOST_ITEMS:
            self.diagnostics.add(
                "PAT318",
                value.span,
                f"a list of {len(value.items):,} items, more than {MOST_ITEMS}",
                help="split the pattern",
            )
            return Anything()
        of_tensors = isinstance(param.type, Plain) and param.type.kind == "tensor"
        if of_tensors or any(isinstance(item, ast.Wildcard) for item in value.items):
            return Values(tuple(self.operand(item, param) for item in value.items))
        return Const(resolve_expr(value, self._dim_names(value)))

    def _dim_names(self, value: ast.Expr) -> Names:
        """Names for an arithmetic expression: in a pattern, unknown ones are dims to solve for."""
        names = self.names()
        if not self.free_names:
            return names
        names.open_names = True
        for name in names_written(value):
            text = name.text
            entity = self.file.lookup(text)
            fixed = text in self.replaced or (entity is not None and entity.kind in ("const", "host"))
            if not (fixed or text in self.known or text in self.defined or is_dtype(text)):
                self.dims.setdefault(text, name.span)
        return names

    # Views

    def _view(self, call: ast.Call, targets: tuple[ast.Name | ast.Wildcard, ...]) -> str | None:
        if len(call.arguments) != 2 or not isinstance(call.arguments[1].value, ast.ListExpr):
            self.diagnostics.add(
                "PAT205",
                call.span,
                "a view of its own takes a value and a shape",
                help="write view(x, [M, H]); view?(x) and view(x) stand as arguments",
            )
            for target in targets:
                if isinstance(target, ast.Name):
                    self._define(target.text, target.span, None)
            return None
        source = self._source(call.arguments[0].value)
        dims: list[Expr | Anything] = []
        for item in call.arguments[1].value.items:
            if isinstance(item, ast.Wildcard):
                dims.append(Anything())
            else:
                dims.append(resolve_expr(item, self._dim_names(item)))
        first = targets[0] if targets else None
        name = first.text if isinstance(first, ast.Name) else self.fresh("view")
        if source is None:
            self._define(name, call.span, None)
            return None
        fan_out = self.fan_out_of.get(source)
        line, _ = self.file.source.line_column(call.span.start)
        self.steps.append(ViewStep(name, source, tuple(dims), fan_out, line))
        self._define(name, first.span if first else call.span, fan_out)
        return name

    def _source(self, value: ast.Expr) -> str | None:
        if isinstance(value, ast.Call) and not self.is_function(value):
            return self._call(value, ())
        if isinstance(value, ast.Name):
            operand = self._name_operand(value, Param("x", Plain("tensor")))
            return operand.value if isinstance(operand, Use) else None
        self.diagnostics.add(
            "PAT302", value.span, "a view is taken of a value", help="write a name or the call of an op"
        )
        return None

    # Steps

    def add_fan_out(self, written: ast.FanOut, op: str) -> str:
        name = self.fresh(op)
        self.fan_outs.append(FanOut(name, written.low, written.high))
        return name

    def inherited_fan_out(self, operands: Mapping[str, Operand]) -> str | None:
        """The fan-out whose branch values these operands read."""
        found = {
            fan_out
            for operand in operands.values()
            for name in operand_names(operand)
            if (fan_out := self.fan_out_of.get(name)) is not None
        }
        return sorted(found)[0] if found else None

    def add_step(
        self,
        op: Op,
        operands: Mapping[str, Operand],
        targets: tuple[ast.Name | ast.Wildcard, ...],
        span: Span,
        *,
        fan_out: str | None = None,
        label: str | None = None,
    ) -> str | None:
        """Append a step; gives the first result's name.

        `targets` name its results; without any, results get their declared names.
        """
        results = self._result_names(op, targets, span)
        line, _ = self.file.source.line_column(span.start)
        ordered = tuple((param.name, operands.get(param.name, Anything())) for param in op.params)
        self.steps.append(Step(label or self.fresh(op.name), op.name, ordered, results, fan_out, line))
        places = [target.span for target in targets if isinstance(target, ast.Name)]
        for index, (_, value) in enumerate(results):
            self._define(value, places[index] if index < len(places) else span, fan_out)
        return results[0][1] if results else None

    def _result_names(
        self, op: Op, targets: tuple[ast.Name | ast.Wildcard, ...], span: Span
    ) -> tuple[tuple[str, str], ...]:
        is_list = len(op.results) == 1 and op.results[0].type == Plain("tensor", True)
        if is_list:
            parts = op.results[0].name
            return tuple(
                (f"{parts}.{index}", target.text)
                for index, target in enumerate(targets)
                if isinstance(target, ast.Name)
            )
        if not targets:
            return tuple((result.name, self.fresh(result.name)) for result in op.results)
        if len(targets) == 1 and len(op.results) > 1 and isinstance(targets[0], ast.Name):
            bundle = targets[0].text
            named = tuple((result.name, f"{bundle}.{result.name}") for result in op.results)
            self.bundles[bundle] = tuple(value for _, value in named)
            return named
        if len(targets) != len(op.results):
            self.diagnostics.add(
                "PAT206",
                span,
                f"`{op.name}` has {len(op.results)} result{'s' * (len(op.results) != 1)} "
                f"({', '.join(op.result)}), {len(targets)} are named",
                notes=[self.declared_note(op)],
                help="write `_` for a result that is not needed",
            )
        return tuple(
            (result.name, target.text)
            for result, target in zip(op.results, targets, strict=False)
            if isinstance(target, ast.Name)
        )

    def _define(self, name: str, span: Span, fan_out: str | None) -> None:
        before = self.defined.get(name)
        if before is not None:
            self.diagnostics.add(
                "PAT101",
                span,
                f"`{name}` is defined twice",
                notes=[Note("first defined here", before)],
                help="give one of them another name",
            )
            return
        used = self.inputs.get(name)
        if used is not None:
            self.diagnostics.add(
                "PAT303",
                used,
                f"`{name}` is used before it is defined",
                notes=[Note("defined here", span)],
                help="put the line that defines it first",
            )
        self.later.pop(name, None)
        self.defined[name] = span
        self.fan_out_of[name] = fan_out

    def fresh(self, stem: str) -> str:
        """`stem`, or `stem_2`, ... where it is taken."""
        stem = stem.replace(".", "_")
        while True:
            count = self._labels[stem] = self._labels.get(stem, 0) + 1
            name = stem if count == 1 else f"{stem}_{count}"
            if not any(name in used for used in (self.defined, self.inputs, self.known, self.later)):
                return name


def operand_names(operand: Operand) -> list[str]:
    """The values and captures that an operand names."""
    if isinstance(operand, (Use, Through)):
        return [operand.value]
    if isinstance(operand, OneOf):
        return [operand.name]
    if isinstance(operand, Values):
        return [name for item in operand.items for name in operand_names(item)]
    return []
