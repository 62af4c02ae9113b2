"""The right side of a pattern variant: the calls to make and the values that they replace.

In: a chain or statements and the finished `LeftSide`. Out: `RightSide`. Reports names that nothing binds, results that
correspond to nothing, `Nx` that has no counterpart on the left. Proves no types.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from patdsl.compiler.arguments import assigned
from patdsl.compiler.ast_to_expr import Names, resolve_expr
from patdsl.compiler.block_builder import LAYOUT_NAMES
from patdsl.compiler.leading_dims import takes_fixed_rank, views_allowed
from patdsl.compiler.left_side import LeftSide, report_after_group
from patdsl.compiler.near_names import suggestion
from patdsl.compiler.variants import Variant
from patdsl.diagnostic import Note
from patdsl.dtypes import Dtype, is_dtype
from patdsl.expr import Expr, Items, Lit, Ref
from patdsl.graph import Replace, RightOperand, RightStep, RightView
from patdsl.op_table import Const, NoDefault, Op, Param, Plain, Step, Use, Values
from patdsl.resolved_to_text import fan_out_text
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast


@attrs.frozen
class RightSide:
    steps: tuple[RightStep | RightView, ...]
    replaces: tuple[Replace, ...]


def build_right(variant: Variant, left: LeftSide) -> RightSide:
    builder = _RightBuilder(variant, left)
    if isinstance(variant.right, ast.Chain):
        before = builder.diagnostics.failures
        builder.add_chain(variant.right, None, None)
        if builder.diagnostics.failures == before:
            builder.check_leaves(variant.right.span)
    else:
        for statement in variant.right:
            builder.add_statement(statement)
    return RightSide(tuple(builder.steps), tuple(builder.replaces))


class _RightBuilder:
    def __init__(self, variant: Variant, left: LeftSide) -> None:
        self.variant = variant
        self.left = left
        self.outer = left.builder
        self.diagnostics = left.builder.diagnostics
        self.steps: list[RightStep | RightView] = []
        self.replaces: list[Replace] = []
        self.defined: dict[str, str] = {}  # name as written -> name of the right value
        self.spans: dict[str, Span] = {}
        self.bundles: dict[str, tuple[str, ...]] = {}
        self.may_view = views_allowed(left.block, self.outer.ops.table)
        self._taken: set[str] = set()
        self._twice: set[str] = set()
        self._lost: set[str] = set()  # results of calls that mean nothing

    # Names and arguments

    def names(self) -> Names:
        return attrs.evolve(self.outer.names(), known_local=lambda: [*self.outer.bound(), *self.defined])

    def argument(self, value: ast.Expr, param: Param, fan_out: str | None) -> RightOperand | None:
        if isinstance(value, ast.Name):
            return self._name(value, fan_out)
        if isinstance(value, ast.ListExpr) and isinstance(param.type, Plain) and param.type.kind == "tensor":
            items = [self.argument(item, Param("", Plain("tensor")), fan_out) for item in value.items]
            return Values(tuple(item for item in items if item is not None))
        if isinstance(value, ast.Call) and self._is_op(value):
            made = self._call(value, (), fan_out)
            return Use(made) if made is not None else None
        if isinstance(value, (ast.Wildcard, ast.Member)):
            self.diagnostics.add(
                "PAT302",
                value.span,
                f"the right side passes values; `{value.span.text}` is none",
                help="write a name that the left side binds, or a constant",
            )
            return None
        return Const(resolve_expr(value, self.names()))

    def _is_op(self, call: ast.Call) -> bool:
        name = call.function.text
        entity = self.outer.file.lookup(name)
        return (
            name in LAYOUT_NAMES or name in self.variant.ops or (entity is not None and entity.kind == "op")
        )

    def _name(self, name: ast.Name, fan_out: str | None) -> RightOperand | None:
        text = name.text
        if text in self.bundles:
            return Use(self.bundles[text][0])
        if text in self.defined:
            return Use(self.defined[text])
        if text in self.variant.values:
            return Const(self.variant.values[text])
        if text in self.outer.bundles:
            text = self.outer.bundles[text][0]
        text = self.left.called.get(text, text)
        if text in self.outer.bound():
            branch = self.outer.fan_out_of.get(text)
            if branch is not None and branch != fan_out:
                self.diagnostics.add(
                    "PAT311",
                    name.span,
                    f"`{text}` has a value in each branch; this call is made once",
                    help="write Nx before the call to make it for each branch",
                )
            return Use(text)
        entity = self.outer.file.lookup(text)
        if entity is not None and entity.kind in ("const", "host"):
            return Const(Ref(text))
        if is_dtype(text):
            return Const(Lit(Dtype(text)))
        if text in self._lost:
            self.diagnostics.follow()
            return None
        known = [*self.outer.bound(), *self.defined]
        self.diagnostics.add(
            "PAT307",
            name.span,
            f"nothing binds `{text}`",
            help=suggestion(text, known)
            or f"bound on the left: {', '.join(self.outer.bound()) or 'nothing'}",
        )
        return None

    # Statements

    def add_statement(self, statement: ast.Statement) -> None:
        value = statement.value
        if isinstance(value, ast.Name) and len(statement.targets) == 1:
            operand = self._name(value, None)
            target = statement.targets[0]
            if isinstance(operand, Use) and isinstance(target, ast.Name):
                self._replace(target, operand.value)
            elif operand is not None:
                self.diagnostics.add(
                    "PAT302",
                    value.span,
                    f"`{value.text}` is no tensor value that `{target.span.text}` could be an alias of",
                    help="name a value of the left side, or a result of the right side",
                )
            return
        if not isinstance(value, ast.Call) or self.outer.is_function(value):
            self.diagnostics.add(
                "PAT302",
                value.span,
                "the right side makes calls and aliases; this is neither",
                help="write y = op(...) or y = name",
            )
            return
        self._call(value, statement.targets, None)

    def _call(
        self, call: ast.Call, targets: tuple[ast.Name | ast.Wildcard, ...], fan_out: str | None
    ) -> str | None:
        if call.function.text in LAYOUT_NAMES:
            return self._view(call, targets, fan_out)
        entity = self.outer.find_op(call.function)
        if entity is None:
            self._lost.update(target.text for target in targets if isinstance(target, ast.Name))
            return None
        op = self.outer.ops.add(entity)
        if call.fan_out is not None:
            fan_out = self._matching_fan_out(call.fan_out, op)
        before = self.diagnostics.failures
        args = self._arguments(op, call.arguments, None, fan_out)
        are_right = self.diagnostics.failures == before
        for param in op.params:
            if are_right and param.name not in args and isinstance(param.default, NoDefault):
                self.diagnostics.add(
                    "PAT203",
                    call.span,
                    f"`{op.name}` needs `{param.name}`",
                    notes=[self.outer.declared_note(op)],
                    help=f"write it: {param.name}=...",
                )
        names = self._result_names(op, targets, call.span)
        self._add_step(op, args, names, call.span, fan_out)
        for target in targets:
            if isinstance(target, ast.Name):
                self._replace_written(target, fan_out)
        return names[0][1] if names else None

    def _arguments(
        self,
        op: Op,
        arguments: tuple[ast.Argument, ...],
        fed: tuple[str, RightOperand] | None,
        fan_out: str | None,
    ) -> dict[str, RightOperand]:
        found: dict[str, RightOperand] = {} if fed is None else {fed[0]: fed[1]}
        note = self.outer.declared_note(op)
        for name, argument in assigned(op, arguments, fed[0] if fed else None, note, self.diagnostics):
            operand = self.argument(argument.value, op.param[name], fan_out)
            found[name] = operand if operand is not None else Const(Lit(None))
        return found

    def _result_names(
        self, op: Op, targets: tuple[ast.Name | ast.Wildcard, ...], span: Span
    ) -> tuple[tuple[str, str], ...]:
        is_list = len(op.results) == 1 and op.results[0].type == Plain("tensor", True)
        if is_list:
            labels = [f"{op.results[0].name}.{index}" for index in range(len(targets))]
        elif len(targets) == 1 and len(op.results) > 1 and isinstance(targets[0], ast.Name):
            bundle = targets[0].text
            named = tuple((result.name, self._right_name(f"{bundle}.{result.name}")) for result in op.results)
            self.bundles[bundle] = tuple(value for _, value in named)
            return named
        elif not targets:
            return tuple((result.name, self._right_name(result.name)) for result in op.results)
        else:
            labels = [result.name for result in op.results]
            if len(targets) != len(labels):
                self.diagnostics.add(
                    "PAT206",
                    span,
                    f"`{op.name}` has {len(labels)} result{'s' * (len(labels) != 1)} "
                    f"({', '.join(labels)}), {len(targets)} are named",
                    notes=[self.outer.declared_note(op)],
                    help="write `_` for a result that is not needed",
                )
        return tuple(
            (label, self._define(target))
            for label, target in zip(labels, targets, strict=False)
            if isinstance(target, ast.Name)
        )

    def _define(self, target: ast.Name) -> str:
        if target.text in self.defined:
            self._twice.add(target.text)
            self.diagnostics.add(
                "PAT101",
                target.span,
                f"`{target.text}` is defined twice on the right",
                notes=[Note("first defined here", self.spans[target.text])],
                help="give one of them another name",
            )
        self.spans[target.text] = target.span
        name = self._right_name(target.text)
        self.defined[target.text] = name
        return name

    def _right_name(self, stem: str) -> str:
        """A name that no left value has: the right side's values live beside the left's."""
        name = stem if stem not in self.outer.bound() and "." not in stem else f"new_{stem.replace('.', '_')}"
        count, candidate = 1, name
        while candidate in self._taken:
            count += 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate

    def _view(
        self, call: ast.Call, targets: tuple[ast.Name | ast.Wildcard, ...], fan_out: str | None
    ) -> str | None:
        if len(call.arguments) != 2:
            self.diagnostics.add(
                "PAT205",
                call.span,
                "on the right a view takes a value and a shape",
                help="write view(x, [M, H]); `_` stands for the dim that is left over",
            )
            return None
        source = self.argument(call.arguments[0].value, Param("x", Plain("tensor")), fan_out)
        if not isinstance(source, Use):
            return None
        dims = self._view_dims(call.arguments[1].value)
        target = targets[0] if targets else None
        name = self._define(target) if isinstance(target, ast.Name) else self._right_name("viewed")
        line, _ = self.outer.file.source.line_column(call.span.start)
        self.steps.append(RightView(name, source.value, dims, fan_out, line))
        if isinstance(target, ast.Name):
            self._replace_written(target, fan_out)
        return name

    def _view_dims(self, value: ast.Expr) -> Expr:
        if not isinstance(value, ast.ListExpr):
            return resolve_expr(value, self.names())
        wildcards = [item for item in value.items if isinstance(item, ast.Wildcard)]
        if len(wildcards) > 1:
            self.diagnostics.add(
                "PAT302",
                wildcards[1].span,
                "one dim of a view can be left open, not two",
                notes=[Note("left open here", wildcards[0].span)],
                help="say what this one is",
            )
        return Items(
            tuple(
                Ref("_") if isinstance(item, ast.Wildcard) else resolve_expr(item, self.names())
                for item in value.items
            )
        )

    def _add_step(
        self,
        op: Op,
        args: Mapping[str, RightOperand],
        results: tuple[tuple[str, str], ...],
        span: Span,
        fan_out: str | None,
    ) -> None:
        line, _ = self.outer.file.source.line_column(span.start)
        ordered = tuple((param.name, args[param.name]) for param in op.params if param.name in args)
        flatten = tuple(
            param.name
            for param in op.params
            if self.may_view and takes_fixed_rank(param) and param.name in args
        )
        self.steps.append(RightStep(op.name, ordered, results, flatten, fan_out, line))

    # What is replaced

    def _replace_written(self, target: ast.Name, fan_out: str | None) -> None:
        if target.text in self.bundles and target.text in self.outer.bundles:
            olds, news = self.outer.bundles[target.text], self.bundles[target.text]
            if len(olds) != len(news):
                self.diagnostics.add(
                    "PAT206",
                    target.span,
                    f"`{target.text}` stands for {len(olds)} results on the left and {len(news)} on the right",
                    help="name the results one by one",
                )
            for old, new in zip(olds, news, strict=False):
                self._add_replace(old, new, target.span)
        elif target.text in self.outer.defined and target.text in self.defined:
            self._add_replace(target.text, self.defined[target.text], target.span)

    def _replace(self, target: ast.Name, new: str) -> None:
        """An alias: the left value `target` is, from now on, `new`."""
        if target.text not in self.outer.defined:
            self.diagnostics.add(
                "PAT308",
                target.span,
                f"an alias redefines a value of the left side; `{target.text}` is none",
                help=suggestion(target.text, self.outer.defined)
                or f"the left side defines: {', '.join(self.outer.defined)}",
            )
            return
        self._add_replace(target.text, new, target.span)

    def _add_replace(self, old: str, new: str, span: Span) -> None:
        if old in self._twice:
            return
        if any(one.left == old for one in self.replaces):
            self.diagnostics.add(
                "PAT101", span, f"`{old}` is replaced twice", help="leave one of the two definitions"
            )
            return
        self.replaces.append(Replace(old, new, self.may_view, self.outer.fan_out_of.get(old)))

    # Chains

    def add_chain(self, chain: ast.Chain, fed: Use | None, fan_out: str | None) -> None:
        for element in chain.elements:
            if isinstance(element, ast.Group):
                for inner in element.chains:
                    self.add_chain(inner, fed, fan_out)
                if element is not chain.elements[-1]:
                    report_after_group(chain, element, self.diagnostics)
                    return
            elif isinstance(element, ast.ChainOp) and element.function.text in LAYOUT_NAMES:
                self.diagnostics.add(
                    "PAT302",
                    element.span,
                    "a right chain needs no view: shapes are fitted where the types call for it",
                    help="leave it out; for a view of your own, write the pattern as a block",
                )
            elif isinstance(element, ast.ChainOp):
                if element.fan_out is not None:
                    entity = self.outer.find_op(element.function)
                    op = self.outer.ops.add(entity) if entity else None
                    fan_out = self._matching_fan_out(element.fan_out, op)
                fed = self._chain_op(element, fed, fan_out, element is not chain.elements[-1])
                if fed is None:
                    return
            else:
                self.diagnostics.add(
                    "PAT302",
                    element.span,
                    "the right side takes no alternatives: which should be called?",
                    help="name one op; a pattern parameter can choose it: pattern p[f in {a, b}]",
                )

    def _chain_op(
        self, element: ast.ChainOp, fed: Use | None, fan_out: str | None, feeds: bool
    ) -> Use | None:
        """One call. Its results replace left ones by name, but for one that feeds the next op: that is a temporary."""
        entity = self.outer.find_op(element.function)
        if entity is None:
            return None
        op = self.outer.ops.add(entity)
        feed = (op.first_tensor.name, fed) if fed is not None and op.first_tensor is not None else None
        before = self.diagnostics.failures
        args = self._arguments(op, element.arguments or (), feed, fan_out)
        are_right = self.diagnostics.failures == before
        for param in op.params:
            if are_right and param.name not in args:
                self._bind_by_name(op, param, element, args)
        names = tuple((result.name, self._right_name(result.name)) for result in op.results)
        self._add_step(op, args, names, element.span, fan_out)
        for result, new in names[1:] if feeds else names:
            old = self._left_value(result)
            if old is not None:
                self.replaces = [one for one in self.replaces if one.left != old]
                self._add_replace(old, new, element.span)
        return Use(names[0][1]) if names else None

    def _bind_by_name(
        self, op: Op, param: Param, element: ast.ChainOp, args: dict[str, RightOperand]
    ) -> None:
        operand = self.left.by_param.get(param.name)
        if operand is None and param.name in self.outer.bound():
            operand = Use(param.name)
        if operand is not None:
            args[param.name] = operand
        elif isinstance(param.default, NoDefault):
            bound = dict.fromkeys([*self.left.by_param, *self.outer.bound()])
            self.diagnostics.add(
                "PAT307",
                element.function.span,
                f"nothing on the left binds `{param.name}` of `{op.name}`",
                notes=[self.outer.declared_note(op)],
                help=suggestion(param.name, bound)
                or f"bound on the left: {', '.join(bound) or 'nothing'}; write {op.name}({param.name}=...)",
            )

    def _left_value(self, result: str) -> str | None:
        """The left value that a right result of this name stands for: the last of that name in the chain."""
        found = [
            value
            for step in self.left.block.steps
            if isinstance(step, Step)
            for name, value in step.results
            if name == result
        ]
        return found[-1] if found else None

    def check_leaves(self, span: Span) -> None:
        """Every op at the end of the left chain must have a result replaced, or the rewrite could never pay."""
        replaced = {one.left for one in self.replaces}
        ends = [
            step
            for step in self.left.block.steps
            if isinstance(step, Step) and step.results and all(v in self.left.leaves for _, v in step.results)
        ]
        open_ends = [step for step in ends if not replaced & {value for _, value in step.results}]
        last = next((step for step in reversed(self.steps) if isinstance(step, RightStep)), None)
        if len(ends) == 1 and open_ends and last and len(open_ends[0].results) == len(last.results) == 1:
            # One result on both sides corresponds whatever it is called.
            self._add_replace(open_ends[0].results[0][1], last.results[0][1], span)
            return
        for step in open_ends:
            makes = ", ".join(name for name, _ in last.results) if last else "nothing"
            self.diagnostics.add(
                "PAT309",
                span,
                f"nothing on the right replaces a result of `{step.op}` "
                f"({', '.join(name for name, _ in step.results)}); the right side makes {makes}",
                help="results correspond by name; write the pattern as a block to name them yourself",
            )

    def _matching_fan_out(self, written: ast.FanOut, op: Op | None) -> str | None:
        fan_outs = self.left.block.fan_outs
        same = [one for one in fan_outs if (one.low, one.high) == (written.low, written.high)]
        if len(same) > 1 and op is not None:
            results = {value for result in op.results if (value := self._left_value(result.name))}
            same = [one for one in same if any(self.outer.fan_out_of.get(v) == one.name for v in results)]
        if len(same) == 1:
            return same[0].name
        counts = ", ".join(fan_out_text(one.low, one.high) for one in fan_outs) or "no fan-out"
        self.diagnostics.add(
            "PAT310",
            written.span,
            f"`{written.span.text.strip()}` corresponds to no fan-out of the left side, which has {counts}",
            help="use the count of the left side, or none to compute once and share the result",
        )
        return None
