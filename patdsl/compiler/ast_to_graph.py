"""A loaded file to its unit: resolved ops, patterns in every variant, passes.

In: a `LoadedFile`. Out: `Unit`. Names are bound, chains and blocks are one form, clauses are checked. Nothing is proven
of shapes yet; that is `graph_to_plan.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import attrs

from patdsl.compiler.ast_to_expr import Names, resolve_expr, resolve_targets, resolve_type
from patdsl.compiler.ast_to_ops import A_VALUE, Ops, is_of_kind
from patdsl.compiler.declared_names import type_names
from patdsl.compiler.imports import Entity, LoadedFile, unknown_name
from patdsl.compiler.left_side import build_left
from patdsl.compiler.pattern_to_graph import PatternResolver
from patdsl.compiler.unused import report_unused
from patdsl.compiler.variants import Variant, expand
from patdsl.diagnostic import Note
from patdsl.expr import EvaluationError, Expr, Scope, evaluate
from patdsl.graph import ConstValue, HostValue, Input, PassSpec, Pattern
from patdsl.op_table import Op
from patdsl.source import portable_name
from patdsl.syntax import ast_nodes as ast

#: What a host value is where nobody supplies it: the test value of its kind.
TEST_VALUES = {"int": 1, "float": 1.0, "bool": True, "str": "test"}


@attrs.frozen
class WrittenTest:
    """A `test` declaration. `model` has its left side alone; `leaves` are the values that no step reads.

    `expects` pairs a pattern, as the file names it, with the number of its matches, and says on which line.
    """

    title: str
    model: Pattern
    leaves: tuple[str, ...]
    expects: tuple[tuple[str, int, int], ...]


@attrs.frozen(eq=False)
class Unit:
    """Everything that a file declares and reaches.

    `ops` are the ops visible in the file by the name used there, `own_ops` those it declares; `table` holds every op
    that a pattern needs, by key, `op_decls` their declarations. `decls` has the patterns' declarations, by name.
    """

    name: str
    ops: Mapping[str, Op]
    own_ops: Mapping[str, Op]
    table: Mapping[str, Op]
    patterns: tuple[Pattern, ...]
    passes: tuple[PassSpec, ...]
    decls: Mapping[str, ast.PatternDecl]
    text: Mapping[str, str]
    op_decls: Mapping[str, ast.OpDecl]
    tests: tuple[WrittenTest, ...] = ()


def resolve(loaded: LoadedFile) -> Unit:
    """The unit of a file. Findings go to the diagnostics of the files they are in."""
    return _Resolver(loaded).unit()


class _Resolver:
    def __init__(self, loaded: LoadedFile) -> None:
        self.file = loaded
        self.diagnostics = loaded.diagnostics
        self.ops = Ops(loaded)
        self.patterns: dict[str, list[Pattern]] = {}
        self.decls: dict[str, ast.PatternDecl] = {}
        self.text: dict[str, str] = {}
        self.prefers: dict[tuple[str, str], None] = {}

    def unit(self) -> Unit:
        visible = {
            name: self.ops.add(entity) for (_, name), entity in self.file.names.items() if entity.kind == "op"
        }
        own = {
            name: self.ops.add(entity) for (_, name), entity in self.file.own.items() if entity.kind == "op"
        }
        for loaded in self.file.closure():
            for entity in loaded.own.values():
                if isinstance(entity.decl, ast.OpDecl) and entity.decl.effects:
                    self.ops.add(entity)  # another op with its effect is a barrier, imported or not
        for entity in self.file.own.values():
            if entity.kind == "const":
                self._const(entity)
            elif entity.kind == "host":
                self._host(entity)
        passes = [entity for entity in self.file.own.values() if entity.kind == "pass"]
        own_patterns = [entity for entity in self.file.own.values() if entity.kind == "pattern"]
        for entity in own_patterns:
            self._pattern(entity)
        for entity in passes:
            assert isinstance(entity.decl, ast.PassDecl)
            for name in entity.decl.patterns:
                listed = self.file.lookup(name.text, "pattern")
                if listed is not None:
                    self._pattern(listed)
        self._apply_prefers()
        specs = [self._pass(entity) for entity in passes]
        self._check_order(passes)
        tests = [self._test(decl) for decl in self.file.file.declarations if isinstance(decl, ast.TestDecl)]
        report_unused(self.file)
        if not passes and own_patterns:
            specs = [self._implicit_pass()]
        mine = tuple(
            pattern for entity in own_patterns for pattern in self.patterns.get(entity.decl.name.text, ())
        )
        return Unit(
            portable_name(self.file.path.stem),
            visible,
            own,
            dict(sorted(self.ops.table.items())),
            mine,
            tuple(spec for spec in specs if spec is not None),
            self.decls,
            self.text,
            self.ops.decls,
            tuple(test for test in tests if test is not None),
        )

    # Patterns

    def _pattern(self, entity: Entity) -> None:
        decl = entity.decl
        assert isinstance(decl, ast.PatternDecl)
        name = decl.name.text
        if name in self.patterns:
            return
        self.patterns[name] = []
        self.decls[name] = decl
        self.text[name] = decl.span.text
        for variant in expand(decl, entity.owner, entity.owner.diagnostics):
            pattern = PatternResolver(self.ops, self.prefers, entity, decl, variant).resolve()
            if pattern is not None:
                self.patterns[name].append(pattern)

    def _apply_prefers(self) -> None:
        for preferred, other in self.prefers:
            for index, pattern in enumerate(self.patterns.get(preferred, ())):
                self.patterns[preferred][index] = attrs.evolve(pattern, over=(*pattern.over, other))

    # Passes

    def _pass(self, entity: Entity) -> PassSpec | None:
        decl = entity.decl
        assert isinstance(decl, ast.PassDecl)
        found: list[Pattern] = []
        seen: dict[str, ast.Name] = {}
        for name in decl.patterns:
            if name.text in seen:
                self.diagnostics.add(
                    "PAT101",
                    name.span,
                    f"pass `{decl.name.text}` lists `{name.text}` twice",
                    notes=[Note("listed here first", seen[name.text].span)],
                    help="remove it",
                )
                continue
            seen[name.text] = name
            listed = self.file.lookup(name.text, "pattern")
            if listed is None:
                unknown_name(self.file, name.span, "pattern", name.text, self.file.known("pattern"))
                continue
            found.extend(self.patterns.get(listed.decl.name.text, ()))
        for name in decl.after:
            if self.file.lookup(name.text, "pass") is None:
                unknown_name(self.file, name.span, "pass", name.text, self.file.known("pass"))
        when = None
        if decl.condition is not None:
            # `tokens` is the range of token counts that a graph is compiled for, supplied with it.
            local = {"tokens"}
            when = resolve_expr(
                decl.condition, Names(self.file, self.diagnostics, local.__contains__, lambda: local)
            )
        targets = resolve_targets(decl.targets, self.diagnostics)
        return self._spec(decl.name.text, found, targets, when, tuple(name.text for name in decl.after))

    def _check_order(self, passes: Sequence[Entity]) -> None:
        """`after` must not lead back to where it starts."""
        decls = {decl.name.text: decl for entity in passes if isinstance(decl := entity.decl, ast.PassDecl)}
        waits = {
            name: [other.text for other in decl.after if other.text in decls] for name, decl in decls.items()
        }
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]
            self.diagnostics.add(
                "PAT406",
                next(other.span for other in decls[circle[0]].after if other.text == circle[1]),
                f"passes wait for each other: {' after '.join(f'`{name}`' for name in circle)}",
                help="remove one `after`",
            )

    def _test(self, decl: ast.TestDecl) -> WrittenTest | None:
        """The model of a test; None where something in it was reported."""
        before = self.diagnostics.failures
        names = Names(self.file, self.diagnostics)
        types = {param.name.text: resolve_type(param.type, names) for param in decl.inputs}
        dims = [name for declared in types.values() for name in type_names(declared)]
        variant = Variant("", {}, {}, decl.body, ())
        left = build_left(variant, dims, types, self.ops, self.file, self.diagnostics)
        for name in left.block.inputs:
            if name not in types:
                unknown_name(self.file, left.builder.inputs[name], "name", name, types)
        expects = []
        for expect in decl.expects:
            line, _ = self.file.source.line_column(expect.span.start)
            entity = self.file.lookup(expect.pattern.text, "pattern")
            if entity is None:
                known = self.file.known("pattern")
                unknown_name(self.file, expect.pattern.span, "pattern", expect.pattern.text, known)
            else:
                expects.append((entity.decl.name.text, expect.count, line))
        if self.diagnostics.failures > before:
            return None
        line, _ = self.file.source.line_column(decl.span.start)
        inputs = tuple(Input(name, types[name]) for name in left.block.inputs)
        place = f"{self.file.source.file_name}:{line}"
        model = Pattern(decl.name, left.block, (), (), inputs, place=place)
        return WrittenTest(decl.name, model, left.leaves, tuple(expects))

    def _implicit_pass(self) -> PassSpec:
        found = [pattern for patterns in self.patterns.values() for pattern in patterns]
        return self._spec(portable_name(self.file.path.stem), found, (), None, ())

    def _spec(
        self,
        name: str,
        patterns: Sequence[Pattern],
        targets: tuple,  # type: ignore[type-arg]
        when: Expr | None,
        after: tuple[str, ...],
    ) -> PassSpec:
        from patdsl.compiler.reach import reached_names, reached_ops, sharing_effects

        ops = sharing_effects(reached_ops(patterns, self.ops.table), self.ops.table)
        names = reached_names(patterns, ops, when)
        supplied = self._supplied
        used = sorted(name for name in names if name in supplied)
        consts = {name: self._const(supplied[name]) for name in used if supplied[name].kind == "const"}
        hosts = [self._host(supplied[name]) for name in used if supplied[name].kind == "host"]
        return PassSpec(
            name,
            tuple(patterns),
            ops,
            consts,
            tuple(hosts),
            targets,
            when,
            after,
        )

    # Constants and hosts

    @cached_property
    def _supplied(self) -> dict[str, Entity]:
        """Every constant and host of the unit by name, the nearest declaration of each."""
        found: dict[str, Entity] = {}
        for loaded in self.file.closure():
            for entity in loaded.own.values():
                if entity.kind in ("const", "host"):
                    found.setdefault(entity.decl.name.text, entity)
        return found

    def _const(self, entity: Entity) -> tuple[ConstValue, ...]:
        decl = entity.decl
        assert isinstance(decl, ast.Const)
        names = Names(entity.owner, entity.owner.diagnostics)
        found = []
        for value in decl.values:
            before = entity.owner.diagnostics.failures
            expr = resolve_expr(value.value, names)
            if entity.owner.diagnostics.failures > before:
                continue
            try:
                result = evaluate(expr, Scope({}))
            except EvaluationError as error:
                entity.owner.diagnostics.add(
                    "PAT208",
                    value.span,
                    f"`{decl.name.text}` has no value: {error}",
                    help="a constant is computed from numbers alone",
                )
                continue
            found.append(ConstValue(result, resolve_targets(value.targets, entity.owner.diagnostics)))
        if found and not any(not value.targets for value in found):
            entity.owner.diagnostics.add(
                "PAT209",
                decl.name.span,
                f"`{decl.name.text}` has no value on other targets",
                help="add an alternative without `on`",
            )
        return tuple(found)

    def _host(self, entity: Entity) -> HostValue:
        decl = entity.decl
        assert isinstance(decl, ast.Host)
        kind = decl.type.name.text
        params = None
        if decl.parameters is not None:
            params = tuple(
                param.type.name.text if isinstance(param.type, ast.PlainType) else "tensor"
                for param in decl.parameters
            )
        default = TEST_VALUES.get(kind)
        if decl.default is not None:
            before = entity.owner.diagnostics.failures
            value = resolve_expr(decl.default, Names(entity.owner, entity.owner.diagnostics))
            if entity.owner.diagnostics.failures > before:
                return HostValue(decl.name.text, kind, params, default)
            default = self._host_default(decl, value, entity)
        return HostValue(decl.name.text, kind, params, default)

    def _host_default(self, decl: ast.Host, value: Expr, entity: Entity) -> object:
        assert decl.default is not None
        try:
            default = evaluate(value, Scope({}))
        except EvaluationError as error:
            entity.owner.diagnostics.add(
                "PAT208",
                decl.default.span,
                f"the test value of `{decl.name.text}` has no value: {error}",
                help="a test value is computed from numbers alone",
            )
            return None
        kind = decl.type.name.text
        if not is_of_kind(default, kind) and not decl.type.is_list and kind in TEST_VALUES:
            entity.owner.diagnostics.add(
                "PAT201",
                decl.default.span,
                f"the test value of `{decl.name.text}` is no {kind}",
                notes=[Note("declared here", decl.type.span)],
                help=f"write {A_VALUE[kind]}",
            )
        return default
