"""One variant of a pattern declaration to a `Pattern`.

In: a variant, and the ops that its file reaches. Out: the resolved pattern, or None where something was
reported. Both sides are built, clauses resolved, and what can be seen without types is checked.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from patdsl.compiler.ast_to_expr import Names, resolve_expr, resolve_targets, resolve_type
from patdsl.compiler.ast_to_ops import Ops
from patdsl.compiler.block_builder import LAYOUT_NAMES, operand_names
from patdsl.compiler.declared_names import type_names
from patdsl.compiler.imports import Entity, unknown_name
from patdsl.compiler.kinds import MEND, clashes, pattern_uses
from patdsl.compiler.left_side import LeftSide, build_left
from patdsl.compiler.names_taken import names_taken
from patdsl.compiler.near_names import suggestion
from patdsl.compiler.rewrite_names import rename
from patdsl.compiler.right_side import RightSide, build_right
from patdsl.compiler.variants import Variant, op_names
from patdsl.diagnostic import Note
from patdsl.expr import Expr, Func, Lit, Ref, Star
from patdsl.graph import Input, Only, Pattern
from patdsl.op_table import Op, Step, Tensor, Type
from patdsl.syntax import ast_nodes as ast


class PatternResolver:
    """One variant of one pattern."""

    def __init__(
        self,
        ops: Ops,
        prefers: dict[tuple[str, str], None],
        entity: Entity,
        decl: ast.PatternDecl,
        variant: Variant,
    ) -> None:
        self.ops = ops
        self.prefers = prefers
        self.file = entity.owner
        self.diagnostics = entity.owner.diagnostics
        self.decl = decl
        self.variant = variant

    def resolve(self) -> Pattern | None:
        before = self.diagnostics.failures
        is_chain = isinstance(self.variant.left, ast.Chain)
        assert is_chain is isinstance(self.variant.right, ast.Chain)
        inputs = self._inputs()
        taken = names_taken(self.variant.right, self._find_quietly)
        dims = [name for declared in inputs.values() for name in type_names(declared)]
        left = build_left(self.variant, dims, taken, self.ops, self.file, self.diagnostics)
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
        return self.ops.add(entity) if entity is not None and entity.kind == "op" else None

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
        sizes = op_dims(left, self.ops.table)
        local = dict.fromkeys([*bound, *sizes])
        names.local = local.__contains__
        resolved = resolve_expr(condition, names)
        meant: dict[str, Expr] = {name: size for name, size in sizes.items() if name not in bound}
        meant.update((name, Ref(value)) for name, value in left.called.items())
        return rename(resolved, meant)

    def _check_kinds(self, pattern: Pattern, left: LeftSide, inputs: Mapping[str, Type]) -> None:
        fixed = self.file.known("const", "host")
        for clash in clashes(pattern_uses(pattern, self.ops.table), fixed):
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
        self.prefers.setdefault(pair)

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

    So that a chain can say `where H % 256 == 0` without a typed input. The first step that names a dim
    decides.
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
