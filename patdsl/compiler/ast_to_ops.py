"""`op` declarations to `op_table.Op` values.

In: a loaded file. Out: `Ops`, which resolves the ops that a unit reaches, each once, under keys that are unique in the
unit. Reports what is wrong with a declaration in the file that holds it. Does not look at patterns.
"""

from __future__ import annotations

from collections import Counter

import attrs

from patdsl.compiler.ast_to_bindings import BindingResolver
from patdsl.compiler.ast_to_expr import Names, resolve_expr, resolve_type
from patdsl.compiler.declared_names import bound_names, type_names
from patdsl.compiler.imports import Entity, LoadedFile, unknown_name
from patdsl.compiler.kinds import MEND, clashes, op_uses
from patdsl.compiler.near_names import suggestion
from patdsl.diagnostic import Diagnostics, Note
from patdsl.dtypes import Dtype
from patdsl.op_table import (
    NO_DEFAULT,
    AnyTensor,
    Effect,
    Op,
    Param,
    Plain,
    Result,
    Type,
)
from patdsl.source import portable_name
from patdsl.syntax import ast_nodes as ast

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
        #: The declarations of `table`, by the same keys.
        self.decls: dict[str, ast.OpDecl] = {}

    def key(self, entity: Entity) -> str:
        name = entity.decl.name.text
        return f"{portable_name(entity.owner.path.stem)}.{name}" if name in self._shared else name

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
            if (resolved := BindingResolver(self, entity.owner, header, binding).resolve()) is not None
        )
        full = attrs.evolve(header, bindings=bindings)
        self._full[id(entity.decl)] = full
        self.table[full.name] = full
        self.decls[full.name] = entity.decl
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
    "opaque": "a string, or nothing: what is opaque has no other value that can be written",
}


def is_of_kind(value: object, kind: str) -> bool:
    """Is this a value of the plain type `kind`? An int is a float, a bool is no int."""
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "str": (str,),
        "dtype": (Dtype,),
        "opaque": (str,),
    }
    return isinstance(value, kinds.get(kind, ())) and (kind == "bool" or not isinstance(value, bool))
