"""`op` declarations to `op_table.Op` values.

In: a loaded file. Out: `Ops`, which resolves the ops that a unit reaches, each once, under keys that are unique in the
unit. Reports what is wrong with a declaration in the file that holds it. Does not look at patterns.
"""

from __future__ import annotations

from collections import Counter

import attrs

from patdsl import ast_nodes as ast
from patdsl.ast_to_expr import Names, resolve_expr, resolve_targets, resolve_type
from patdsl.block_builder import BlockBuilder
from patdsl.diagnostic import Diagnostics, Note
from patdsl.dtypes import NAMES, Dtype, is_dtype
from patdsl.expr import Expr, names_in
from patdsl.imports import Entity, LoadedFile, unknown_name
from patdsl.kinds import MEND, clashes, op_uses
from patdsl.near_names import suggestion
from patdsl.op_table import (
    NO_DEFAULT,
    AnyTensor,
    Binding,
    DeclaredCall,
    DtypeOf,
    DtypeVar,
    Effect,
    Give,
    Mut,
    Native,
    Nested,
    Op,
    Out,
    Param,
    Plain,
    Result,
    Same,
    Temp,
    TemplateArg,
    Tensor,
    TorchCall,
    Type,
)

#: More parameters or results than this are a mistake or an attack.
MOST_PARAMS = 256


class Ops:
    """The ops that a unit reaches. `table` maps key to Op.

    A key is the op's name, prefixed by its file's where two files share it.
    """

    def __init__(self, root: LoadedFile) -> None:
        declared = Counter(
            decl.name.text
            for loaded in root.closure()
            for decl in loaded.file.declarations
            if isinstance(decl, ast.OpDecl)
        )
        self._shared = {name for name, count in declared.items() if count > 1}
        self._headers: dict[int, Op] = {}
        self._full: dict[int, Op] = {}
        self.entities: dict[str, Entity] = {}
        self.table: dict[str, Op] = {}

    def key(self, entity: Entity) -> str:
        name = entity.decl.name.text
        return f"{entity.owner.path.stem}.{name}" if name in self._shared else name

    def header(self, entity: Entity) -> Op:
        """The op without its bindings: enough to build a block that calls it."""
        found = self._headers.get(id(entity.decl))
        if found is None:
            assert isinstance(entity.decl, ast.OpDecl)
            found = _Header(entity.decl, entity.owner).op(self.key(entity))
            self._headers[id(entity.decl)] = found
            self.entities[found.name] = entity
        return found

    def add(self, entity: Entity) -> Op:
        """The whole op, entered into `table` with every op that its bindings name."""
        known = self._full.get(id(entity.decl))
        if known is not None:
            return known
        header = self.header(entity)
        assert isinstance(entity.decl, ast.OpDecl)
        self._full[id(entity.decl)] = header  # ends the recursion of ops that name each other
        bindings = tuple(
            resolved
            for binding in entity.decl.bindings
            if (resolved := _BindingResolver(self, entity.owner, header, binding).resolve()) is not None
        )
        full = attrs.evolve(header, bindings=bindings)
        self._full[id(entity.decl)] = full
        self.table[full.name] = full
        return full

    def find(self, name: ast.Name, file: LoadedFile, diagnostics: Diagnostics) -> Entity | None:
        """The op that `name` means in `file`, or None, reported."""
        entity = file.lookup(name.text)
        if entity is None:
            unknown_name(file, name.span, "op", name.text, file.known("op"))
            return None
        if entity.kind != "op":
            diagnostics.add(
                "PAT113",
                name.span,
                f"`{name.text}` is a {entity.kind}, not an op",
                notes=[Note("declared here", entity.decl.name.span)],
                help=suggestion(name.text, file.known("op")) or "name an op",
            )
            return None
        return entity


class _Header:
    """Types, effects and conditions of one declaration."""

    def __init__(self, decl: ast.OpDecl, file: LoadedFile) -> None:
        self.decl = decl
        self.file = file
        self.diagnostics = file.diagnostics
        self.names = Names(file, file.diagnostics)

    def op(self, key: str) -> Op:
        decl = self.decl
        dtype_params = [
            param.name.text
            for param in decl.parameters
            if isinstance(param.type, ast.PlainType) and param.type.name.text == "dtype"
        ]
        for written, what in ((decl.parameters, "parameters"), (decl.results, "results")):
            if len(written) > MOST_PARAMS:
                self.diagnostics.add(
                    "PAT211",
                    decl.name.span,
                    f"`{decl.name.text}` has {len(written):,} {what}, more than {MOST_PARAMS}",
                    help="no torch op has so many",
                )
                return Op(key, (), ())
        params = tuple(self._param(param) for param in decl.parameters)
        results = tuple(
            Result(result.name.text, resolve_type(result.type, self.names, dtype_params))
            for result in decl.results
        )
        self._unique([param.name for param in decl.parameters], "parameter")
        self._unique([result.name for result in decl.results], "result")
        for result, resolved in zip(decl.results, results, strict=True):
            self._check_result(result, resolved)
        bound = bound_names(params, results)
        scope = Names(self.file, self.diagnostics, local=bound.__contains__, known_local=lambda: bound)
        flags = {flag.text for flag in decl.flags}
        line, _ = self.file.source.line_column(decl.span.start)
        op = Op(
            key,
            params,
            results,
            where=tuple(resolve_expr(clause.condition, scope) for clause in decl.where),
            effects=tuple(Effect(effect.name.text, effect.read_only) for effect in decl.effects),
            ref=f"{decl.ref.module}:{decl.ref.function}" if decl.ref else None,
            commutative="commutative" in flags,
            free="free" in flags,
            place=f"{self.file.source.file_name}:{line}",
        )
        for clash in clashes(op_uses(op), self.file.known("const", "host")):
            spans = [each.type.span for each in decl.parameters] + [each.type.span for each in decl.results]
            types = [each.type for each in params] + [each.type for each in results]
            places = [span for span, type in zip(spans, types, strict=True) if clash.name in type_names(type)]
            span = places[-1] if places else decl.name.span
            self.diagnostics.add("PAT319", span, str(clash), help=MEND)
        return op

    def _param(self, param: ast.Parameter) -> Param:
        default = NO_DEFAULT if param.default is None else resolve_expr(param.default, self.names)
        resolved = resolve_type(param.type, self.names)
        if param.default is not None and isinstance(param.default, ast.Literal):
            self._check_default(param, resolved)
        return Param(param.name.text, resolved, param.optional, default)

    def _check_default(self, param: ast.Parameter, resolved: Type) -> None:
        assert isinstance(param.default, ast.Literal)
        value = param.default.value
        kind = resolved.kind if isinstance(resolved, Plain) and not resolved.is_list else None
        if value is None:
            fits = param.optional
        elif kind is not None:
            fits = is_of_kind(value, kind)
        else:
            fits = isinstance(resolved, AnyTensor)
        if fits:
            return
        if value is None:
            help: str | None = f"let it be none: {param.name.text}: {param.type.span.text}? = none"
        else:
            help = f"write {A_VALUE[kind]}" if kind in A_VALUE else None
        wanted = f"`{param.type.span.text}`"
        self.diagnostics.add(
            "PAT201",
            param.default.span,
            f"default `{param.default.text}` does not fit `{param.name.text}`, which is {wanted}",
            notes=[Note("declared here", param.type.span)],
            help=help,
        )

    def _unique(self, written: list[ast.Name], what: str) -> None:
        seen: dict[str, ast.Name] = {}
        for name in written:
            if name.text in seen:
                self.diagnostics.add(
                    "PAT101",
                    name.span,
                    f"{what} `{name.text}` is declared twice",
                    notes=[Note("first declared here", seen[name.text].span)],
                    help="give one of them another name",
                )
            seen.setdefault(name.text, name)

    def _check_result(self, written: ast.Result, resolved: Result) -> None:
        if isinstance(resolved.type, Plain) and resolved.type != Plain("tensor", True):
            self.diagnostics.add(
                "PAT202",
                written.type.span,
                f"result `{written.name.text}` is `{written.type.span.text}`: results are tensors",
                help="write T[*B, H], tensor or tensor[]",
            )


#: How to write a value of a plain type.
A_VALUE = {
    "int": "a whole number: 128",
    "float": "a number: 1.0",
    "bool": "`true` or `false`",
    "str": 'a string: "text"',
    "dtype": "a dtype: bf16",
}


def is_of_kind(value: object, kind: str) -> bool:
    """Is this a value of the plain type `kind`? An int is a float, a bool is no int."""
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "str": (str,),
        "dtype": (Dtype,),
    }
    return isinstance(value, kinds.get(kind, ())) and (kind == "bool" or not isinstance(value, bool))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def bound_names(params: tuple[Param, ...], results: tuple[Result, ...]) -> dict[str, None]:
    """Parameters, results, dims and dtype variables of a declaration: what its conditions may name."""
    found: dict[str, None] = {}
    for name, declared in [(each.name, each.type) for each in params] + [
        (each.name, each.type) for each in results
    ]:
        found.setdefault(name)
        for inner in type_names(declared):
            found.setdefault(inner)
    return found


def type_names(declared: Type) -> list[str]:
    """Dims and dtype variables of a type, in order."""
    if not isinstance(declared, Tensor):
        return []
    found = [declared.dtype.name] if isinstance(declared.dtype, DtypeVar) else []
    if isinstance(declared.dtype, DtypeOf):
        found.append(declared.dtype.parameter)
    for dim in declared.dims:
        found.extend(names_in(dim))
    return found


class _BindingResolver:
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
