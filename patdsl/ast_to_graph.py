"""A loaded file to its unit: resolved ops, patterns in every variant, passes.

In: a `LoadedFile`. Out: `Unit`. Names are bound, chains and blocks are one form, clauses are checked. Nothing is proven
of shapes yet; that is `graph_to_plan.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import attrs

from patdsl import ast_nodes as ast
from patdsl.ast_to_expr import Names, resolve_expr, resolve_targets, resolve_type
from patdsl.ast_to_ops import A_VALUE, Ops, is_of_kind, type_names
from patdsl.block_builder import LAYOUT_NAMES
from patdsl.diagnostic import Note
from patdsl.expr import EvaluationError, Expr, Func, Lit, Ref, Scope, Star, evaluate
from patdsl.graph import ConstValue, HostValue, Input, Only, PassSpec, Pattern
from patdsl.imports import Entity, LoadedFile, unknown_name
from patdsl.kinds import MEND, clashes, pattern_uses
from patdsl.left_side import LeftSide, build_left, operand_names
from patdsl.near_names import suggestion
from patdsl.op_table import Op, Step, Tensor, Type
from patdsl.rewrite_names import rename
from patdsl.right_side import LeftSideNames, RightSide, build_right, names_taken
from patdsl.unused import report_unused
from patdsl.variants import Variant, expand, op_names

#: What a host value is where nobody supplies it: the test value of its kind.
TEST_VALUES = {"int": 1, "float": 1.0, "bool": True, "str": "test"}


@attrs.frozen(eq=False)
class Unit:
    """Everything that a file declares and reaches.

    `ops` are the ops visible in the file by the name used there, `own_ops` those it declares; `table` holds every op
    that a pattern needs, by key. `spans` maps a pattern's full name to its declaration.
    """

    name: str
    ops: Mapping[str, Op]
    own_ops: Mapping[str, Op]
    table: Mapping[str, Op]
    patterns: tuple[Pattern, ...]
    passes: tuple[PassSpec, ...]
    decls: Mapping[str, ast.PatternDecl]
    text: Mapping[str, str]


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
        for decl in self.file.file.declarations:
            if isinstance(decl, ast.TestDecl):
                self._test(decl)
        report_unused(self.file)
        if not passes and own_patterns:
            specs = [self._implicit_pass()]
        mine = tuple(
            pattern for entity in own_patterns for pattern in self.patterns.get(entity.decl.name.text, ())
        )
        return Unit(
            self.file.path.stem,
            visible,
            own,
            dict(sorted(self.ops.table.items())),
            mine,
            tuple(spec for spec in specs if spec is not None),
            self.decls,
            self.text,
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
            pattern = _PatternResolver(self, entity, decl, variant).resolve()
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

    def _test(self, decl: ast.TestDecl) -> None:
        """The ops and patterns that a test names."""
        for name in op_names(decl.body):
            if name.text not in LAYOUT_NAMES:
                self.ops.find(name, self.file, self.diagnostics)
        for expect in decl.expects:
            if self.file.lookup(expect.pattern.text, "pattern") is None:
                known = self.file.known("pattern")
                unknown_name(self.file, expect.pattern.span, "pattern", expect.pattern.text, known)

    def _implicit_pass(self) -> PassSpec:
        found = [pattern for patterns in self.patterns.values() for pattern in patterns]
        return self._spec(self.file.path.stem, found, (), None, ())

    def _spec(
        self,
        name: str,
        patterns: Sequence[Pattern],
        targets: tuple,  # type: ignore[type-arg]
        when: Expr | None,
        after: tuple[str, ...],
    ) -> PassSpec:
        from patdsl.reach import reached_names, reached_ops, sharing_effects

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


class _PatternResolver:
    """One variant of one pattern."""

    def __init__(self, unit: _Resolver, entity: Entity, decl: ast.PatternDecl, variant: Variant) -> None:
        self.unit = unit
        self.file = entity.owner
        self.diagnostics = entity.owner.diagnostics
        self.decl = decl
        self.variant = variant

    def resolve(self) -> Pattern | None:
        before = self.diagnostics.failures
        is_chain = isinstance(self.variant.left, ast.Chain)
        assert is_chain is isinstance(self.variant.right, ast.Chain)
        inputs = self._inputs()
        find = LeftSideNames(self._find_quietly)
        taken = names_taken(self.variant.right, find)
        dims = [name for declared in inputs.values() for name in type_names(declared)]
        left = build_left(self.variant, dims, taken, self.unit.ops, self.file, self.diagnostics)
        if self.diagnostics.failures > before:
            # What else the right side would report follows from what is reported already, but not its ops.
            self._check_ops(self.variant.right, left)
            return None
        right = build_right(self.variant, left)
        if self.diagnostics.failures > before:
            return None
        self._check_connected(left)
        if not right.replaces:
            self.diagnostics.add(
                "PAT309",
                self.decl.name.span,
                f"`{self.decl.name.text}` replaces nothing: no name is defined on both sides",
                notes=[Note(f"the left side defines: {', '.join(left.builder.defined)}")],
                help="give a result of the right side the name of the left value that it replaces",
            )
        for name, declared in self.decl_inputs.items():
            if name not in left.builder.inputs:
                self.diagnostics.add(
                    "PAT312",
                    declared.span,
                    f"input `{name}` is not used on the left side",
                    help=suggestion(name, [one for one in left.builder.inputs if one not in self.decl_inputs])
                    or f"use it, or remove it; captured on the left: {', '.join(left.builder.inputs) or 'nothing'}",
                )
        pattern = self._clauses(left, self._pattern(left, right, inputs))
        if self.diagnostics.failures == before:
            self._check_kinds(pattern, left, inputs)
        return pattern if self.diagnostics.failures == before else None

    def _check_ops(self, side: ast.Chain | tuple[ast.Statement, ...], left: LeftSide) -> None:
        """Report the ops of a side that nothing declares."""
        for name in op_names(side):
            if name.text not in LAYOUT_NAMES:
                left.builder.find_op(name)

    def _find_quietly(self, name: ast.Name) -> Op | None:
        entity = self.variant.ops.get(name.text) or self.file.lookup(name.text)
        return self.unit.ops.add(entity) if entity is not None and entity.kind == "op" else None

    def _inputs(self) -> dict[str, Type]:
        self.decl_inputs = {param.name.text: param.name for param in self.decl.inputs}
        names = Names(self.file, self.diagnostics, replaced=dict(self.variant.values))
        return {param.name.text: resolve_type(param.type, names) for param in self.decl.inputs}

    def _pattern(self, left: LeftSide, right: RightSide, inputs: Mapping[str, Type]) -> Pattern:
        line, _ = self.file.source.line_column(self.decl.span.start)
        return Pattern(
            self.decl.name.text,
            left.block,
            right.steps,
            right.replaces,
            tuple(Input(name, inputs.get(name)) for name in left.block.inputs),
            variant=self.variant.label,
            place=f"{self.file.source.file_name}:{line}",
        )

    def _clauses(self, left: LeftSide, pattern: Pattern) -> Pattern:
        where: list[Expr] = []
        lists: dict[str, list[str]] = {"keep": [], "rounds": [], "restride": []}
        targets: list = []  # type: ignore[type-arg]
        only: list[Only] = []
        for clause in self.decl.clauses:
            if isinstance(clause, ast.Where):
                where.append(self._condition(clause.condition, left))
            elif isinstance(clause, ast.On):
                targets.extend(resolve_targets(clause.targets, self.diagnostics))
            elif isinstance(clause, ast.Prefer):
                self._prefer(clause)
            elif isinstance(clause, ast.Only):
                found = self._only(clause, left)
                only.extend(found)
            else:
                kind = type(clause).__name__.lower()
                lists[kind].extend(self._value(name, left, kind) for name in clause.names)
        return attrs.evolve(
            pattern,
            where=tuple(where),
            targets=tuple(targets),
            keep=tuple(lists["keep"]),
            rounds=tuple(lists["rounds"]),
            restride=tuple(lists["restride"]),
            only=tuple(only),
        )

    def _value(self, name: ast.Name, left: LeftSide, clause: str) -> str:
        known = left.called or left.builder.defined
        if name.text in left.called:
            return left.called[name.text]
        if name.text in left.builder.bundles:
            return left.builder.bundles[name.text][0]
        if name.text in known:
            return name.text
        unknown_name(self.file, name.span, "value of the left side", name.text, known)
        return name.text

    def _condition(self, condition: ast.Expr, left: LeftSide) -> Expr:
        bound = left.builder.bound()
        types = [param.type for param in self.decl.inputs]
        names = Names(
            self.file, self.diagnostics, replaced=dict(self.variant.values), known_local=lambda: local
        )
        for declared in types:
            for dim in type_names(resolve_type(declared, names)):
                bound.setdefault(dim)
        sizes = op_dims(left, self.unit.ops.table)
        local = dict.fromkeys([*bound, *sizes])
        names.local = local.__contains__
        resolved = resolve_expr(condition, names)
        meant: dict[str, Expr] = {name: size for name, size in sizes.items() if name not in bound}
        meant.update((name, Ref(value)) for name, value in left.called.items())
        return rename(resolved, meant)

    def _check_kinds(self, pattern: Pattern, left: LeftSide, inputs: Mapping[str, Type]) -> None:
        fixed = self.file.known("const", "host")
        for clash in clashes(pattern_uses(pattern, self.unit.ops.table), fixed):
            builder = left.builder
            bound = (builder.defined, builder.inputs, builder.dims)
            places = [place[clash.name] for place in bound if clash.name in place]
            places += [
                param.type.span
                for param, declared in zip(self.decl.inputs, inputs.values(), strict=False)
                if clash.name in type_names(declared)
            ]
            span = places[-1] if places else self.decl.name.span
            self.diagnostics.add("PAT319", span, str(clash), help=MEND)

    def _prefer(self, clause: ast.Prefer) -> None:
        for name in (clause.preferred, clause.other):
            if self.file.lookup(name.text, "pattern") is None:
                unknown_name(self.file, name.span, "pattern", name.text, self.file.known("pattern"))
                return
        pair = (clause.preferred.text, clause.other.text)
        self.unit.prefers.setdefault(pair)

    def _only(self, clause: ast.Only, left: LeftSide) -> list[Only]:
        value = self._value(clause.value, left, "only")
        op = self._find_quietly(clause.op)
        if op is None:
            unknown_name(self.file, clause.op.span, "op", clause.op.text, self.file.known("op"))
            return []
        if clause.parameter.text not in op.param:
            self.diagnostics.add(
                "PAT204",
                clause.parameter.span,
                f"`{op.name}` has no parameter `{clause.parameter.text}`",
                notes=[left.builder.declared_note(op)],
                help=suggestion(clause.parameter.text, op.param) or f"parameters: {', '.join(op.param)}",
            )
        return [Only(value, op.name, clause.parameter.text)]

    def _check_connected(self, left: LeftSide) -> None:
        """The left side must hang together, or its parts could be anywhere in a graph."""
        groups: list[set[str]] = []
        for step in left.block.steps:
            if isinstance(step, Step):
                touched = {value for _, value in step.results}
                for _, operand in step.operands:
                    touched.update(operand_names(operand))
                touched.add(f"step {step.label}")
            else:
                touched = {step.value, step.source}
            joined = [group for group in groups if group & touched]
            groups = [group for group in groups if not group & touched]
            groups.append(touched.union(*joined))
        if len(groups) > 1:
            self.diagnostics.add(
                "PAT313",
                self.decl.name.span,
                f"the left side of `{self.decl.name.text}` falls into {len(groups)} parts that share no value",
                notes=[Note(f"one part: {_values_of(groups[0])}"), Note(f"another: {_values_of(groups[1])}")],
                help="let the parts share a value, or make a pattern of each",
            )


def _values_of(group: set[str]) -> str:
    return ", ".join(sorted(name for name in group if not name.startswith("step "))[:4])


def op_dims(left: LeftSide, table: Mapping[str, Op]) -> dict[str, Expr]:
    """Dims of the declarations of the ops on the left, as sizes of the values that have them.

    So that a chain can say `where H % 256 == 0` without a typed input. The first step that names a dim decides.
    """
    found: dict[str, Expr] = {}
    for step in left.block.steps:
        if not isinstance(step, Step):
            continue
        op = table[step.op]
        operands = dict(step.operands)
        results = dict(step.results)
        typed = [(param.name, param.type) for param in op.params if param.is_tensor]
        for name, declared in typed:
            operand = operands.get(name)
            value = getattr(operand, "value", None)
            if isinstance(value, str):
                _sizes(value, declared, found)
        for result in op.results:
            if result.name in results:
                _sizes(results[result.name], result.type, found)
    return found


def _sizes(value: str, declared: Type, found: dict[str, Expr]) -> None:
    if not isinstance(declared, Tensor):
        return
    before = next((at for at, dim in enumerate(declared.dims) if isinstance(dim, Star)), 0)
    for at, dim in enumerate(declared.dims):
        if isinstance(dim, Ref):
            place = at if at < before else at - len(declared.dims)
            found.setdefault(dim.name, Func("size", (Ref(value), Lit(place))))
