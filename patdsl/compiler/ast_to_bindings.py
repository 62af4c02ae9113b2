"""The bindings of an op declaration to `op_table` bindings.

In: one written binding, and the op without its bindings. Out: `TorchCall`, `DeclaredCall` or `Native`.
Reports what the template names that the op does not have, and results that nothing yields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patdsl.compiler.ast_to_expr import Names, resolve_expr, resolve_targets, resolve_type
from patdsl.compiler.block_builder import BlockBuilder
from patdsl.compiler.declared_names import bound_names, type_names
from patdsl.compiler.imports import Entity, LoadedFile, unknown_name
from patdsl.compiler.near_names import suggestion
from patdsl.diagnostic import Note
from patdsl.dtypes import NAMES, Dtype, is_dtype
from patdsl.expr import Expr
from patdsl.op_table import (
    Binding,
    DeclaredCall,
    Give,
    Mut,
    Native,
    Nested,
    Op,
    Out,
    Param,
    Result,
    Same,
    Temp,
    TemplateArg,
    Tensor,
    TorchCall,
)
from patdsl.syntax import ast_nodes as ast

if TYPE_CHECKING:
    from patdsl.compiler.ast_to_ops import Ops


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


class BindingResolver:
    """One binding of one op."""

    def __init__(self, ops: Ops, file: LoadedFile, op: Op, written: ast.Binding) -> None:
        self.ops = ops
        self.file = file
        self.op = op
        self.written = written
        self.diagnostics = file.diagnostics
        bound = bound_names(op.params, op.results)
        self.names = Names(file, self.diagnostics, local=bound.__contains__, known_local=lambda: bound)

    def resolve(self) -> Binding | None:
        written = self.written
        targets = resolve_targets(written.targets, self.diagnostics)
        guard = resolve_expr(written.guard, self.names) if written.guard is not None else None
        if written.block is not None:
            return self._native(targets, guard)
        assert written.op is not None
        if written.op.namespace is None:
            return self._declared(written.op, targets, guard)
        name = f"{written.op.namespace.text}::{written.op.name.text}"
        target = f"{name}.{written.op.overload.text if written.op.overload else 'default'}"
        args = self._arguments()
        return TorchCall(target, args, self._results(args), targets, guard)

    def _arguments(self) -> tuple[tuple[int | str, TemplateArg], ...]:
        if self.written.arguments is None:
            return self.op.plain_args
        found: list[tuple[int | str, TemplateArg]] = []
        for index, argument in enumerate(self.written.arguments):
            place = argument.keyword.text if argument.keyword else index
            if argument.keyword is None and found and isinstance(found[-1][0], str):
                self.diagnostics.add(
                    "PAT501",
                    argument.span,
                    "an argument by position stands after one by name",
                    notes=[Note("by name", self.written.arguments[index - 1].span)],
                    help="write its name too, or put it first",
                )
            if any(place == other for other, _ in found):
                self.diagnostics.add(
                    "PAT501", argument.span, f"argument `{place}` is given twice", help="leave one of them"
                )
            found.append((place, self._argument(argument)))
        return tuple(found)

    def _argument(self, argument: ast.TemplateArgument) -> TemplateArg:
        if argument.kind == "out":
            view_as = argument.view_as
            if view_as is not None and not is_dtype(view_as.text):
                unknown_name(self.file, view_as.span, "dtype", view_as.text, NAMES)
            return Out(
                self._known(argument.names[0], self.op.result, "result"),
                Dtype(view_as.text) if view_as else None,
            )
        if argument.kind == "mut":
            param, after = argument.names
            assert isinstance(param, ast.Name)
            return Mut(
                self._known(param, self.op.param, "parameter"),
                self._known(after, self.op.result, "result") if isinstance(after, ast.Name) else None,
            )
        if argument.kind == "same":
            return Same(self._known(argument.names[0], self.op.param, "parameter"))
        if argument.kind == "temp":
            assert argument.type is not None
            resolved = resolve_type(argument.type, self.names)
            assert isinstance(resolved, Tensor)
            self._check_temp(argument.type, resolved)
            return Temp(resolved)
        assert argument.value is not None
        if isinstance(argument.value, ast.Call):
            entity = self.file.lookup(argument.value.function.text)
            if entity is not None and entity.kind == "op":
                return self._nested(argument.value, entity)
        return Give(resolve_expr(argument.value, self.names))

    def _check_temp(self, written: ast.TensorType, resolved: Tensor) -> None:
        """A scratch buffer is made before the call: its dims and dtype must be known from the op's parameters."""
        known = bound_names(self.op.params, self.op.results)
        for name in type_names(resolved):
            if name not in known and self.names.entity_kind(name) not in ("const", "host"):
                self.diagnostics.add(
                    "PAT210",
                    written.span,
                    f"nothing says what `{name}` is in this scratch buffer",
                    help=f"take dims and dtypes of the parameters and results: {', '.join(known)}",
                )
                return

    def _nested(self, call: ast.Call, entity: Entity) -> Nested:
        op = self.ops.add(entity)
        pairs: list[tuple[str, TemplateArg]] = []
        for index, argument in enumerate(call.arguments):
            if argument.name is not None:
                param = self._known(argument.name, op.param, "parameter")
            elif index < len(op.params):
                param = op.params[index].name
            else:
                self.diagnostics.add(
                    "PAT109",
                    argument.span,
                    f"`{op.name}` takes {_count(len(op.params), 'argument')}, got {len(call.arguments)}",
                    notes=[Note("declared here", entity.decl.name.span)],
                    help=f"parameters: {', '.join(op.param) or 'none'}",
                )
                continue
            inner = ast.TemplateArgument(argument.span, "value", value=argument.value)
            pairs.append((param, self._argument(inner)))
        return Nested(op.name, tuple(pairs))

    def _known(self, name: ast.Name, known: dict[str, Param] | dict[str, Result], what: str) -> str:
        if name.text not in known:
            self.diagnostics.add(
                "PAT502",
                name.span,
                f"`{self.op.name}` has no {what} `{name.text}`",
                help=suggestion(name.text, known) or f"{what}s: {', '.join(known) or 'none'}",
            )
        return name.text

    def _results(self, args: tuple[tuple[int | str, TemplateArg], ...]) -> tuple[str | None, ...]:
        if self.written.results is None:
            return self.op.plain_results(args)
        in_place = {arg.result for _, arg in args if isinstance(arg, (Out, Mut))}
        found: list[str | None] = []
        for written in self.written.results:
            if isinstance(written, ast.Wildcard):
                found.append(None)
            else:
                found.append(self._known(written, self.op.result, "result"))
        missing = [name for name in self.op.result if name not in in_place and name not in found]
        if missing:
            self.diagnostics.add(
                "PAT503",
                self.written.span,
                f"nothing in this binding yields result `{missing[0]}` of `{self.op.name}`",
                help=f"name it among the results, -> ({missing[0]}), or as a buffer, out {missing[0]}",
            )
        return tuple(found)

    def _declared(self, named: ast.TorchOp, targets: tuple, guard: Expr | None) -> Binding | None:  # type: ignore[type-arg]
        entity = self.ops.find(named.name, self.file, self.diagnostics)
        if entity is None:
            return None
        if entity.decl is self.ops.entities[self.op.name].decl:
            self.diagnostics.add(
                "PAT504",
                named.span,
                f"`{self.op.name}` is bound to itself",
                help="name a torch op, ns::op, or another declared op",
            )
            return None
        inner = self.ops.add(entity)
        args = self._arguments()
        pairs = []
        for place, arg in args:
            if isinstance(place, int) and place >= len(inner.params):
                self.diagnostics.add(
                    "PAT109",
                    named.span,
                    f"`{inner.name}` takes {_count(len(inner.params), 'argument')}, got {len(args)}",
                    notes=[Note("declared here", entity.decl.name.span)],
                    help=f"write a template with its parameters: {', '.join(inner.param) or 'none'}",
                )
                return None
            param = inner.params[place].name if isinstance(place, int) else place
            if param not in inner.param:
                self.diagnostics.add(
                    "PAT502",
                    named.span,
                    f"`{inner.name}` has no parameter `{param}`",
                    notes=[Note("declared here", entity.decl.name.span)],
                    help=suggestion(param, inner.param) or f"parameters: {', '.join(inner.param) or 'none'}",
                )
                return None
            pairs.append((param, arg))
        ours = self._results(args)
        theirs = [result.name for result in inner.results]
        if len(ours) > len(theirs):
            self.diagnostics.add(
                "PAT503",
                named.span,
                f"`{inner.name}` has {_count(len(theirs), 'result')}, {len(ours)} are bound",
                notes=[Note("declared here", entity.decl.name.span)],
                help=f"its results: {', '.join(theirs)}",
            )
            return None
        results = tuple((their, our) for their, our in zip(theirs, ours, strict=False) if our is not None)
        return DeclaredCall(inner.name, tuple(pairs), results, targets, guard)

    def _native(self, targets: tuple, guard: Expr | None) -> Native | None:  # type: ignore[type-arg]
        assert self.written.block is not None
        builder = BlockBuilder(self.ops, self.file, self.diagnostics, known=bound_names(self.op.params, ()))
        builder.add_statements(self.written.block)
        missing = [result.name for result in self.op.results if result.name not in builder.defined]
        if missing:
            self.diagnostics.add(
                "PAT503",
                self.written.span,
                f"this block does not define result `{missing[0]}` of `{self.op.name}`",
                help=f"add a line: {missing[0]} = ...",
            )
            return None
        return Native(builder.block(), targets, guard)
