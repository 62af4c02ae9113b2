"""Declarations, bindings and clauses, as the parser reduces them.

In: the children of each rule of `pat.lark`, in the order in which the parser reduces them. Out: the nodes of
`ast_nodes.py`, and diagnostics for what the grammar cannot say: clauses given twice, sides of different
kinds. Resolves no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lark import Token

from patdsl.diagnostic import Note
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.tree_to_expr import (
    PLAIN_TYPES,
    Broken,
    Children,
    Part,
    TreeToExpr,
    all_of,
    is_part,
    one_part,
    part_items,
)


class TreeToAst(TreeToExpr):
    """The methods for whole declarations; those for what they are made of are inherited."""

    def _once(self, found: Sequence[Any], what: str) -> Any | None:
        """The only one of these, or None; PAT019 at the second."""
        for again in found[1:]:
            self.diagnostics.add(
                "PAT019",
                again.span,
                f"{what} is given twice",
                notes=[Note("first given here", found[0].span)],
                help="keep one of them",
            )
        return found[0] if found else None

    # Declarations

    def file(self, c: Children) -> ast.File:
        whole = Span(self.source, 0, len(self.source.text))
        return ast.File(whole, tuple(child for child in c if not isinstance(child, Broken)), ())

    def import_decl(self, c: Children) -> ast.Import:
        self._depths.clear()
        path = c[1]
        items = part_items(c, "imported_list")
        if isinstance(path, Token):
            where, text = self._token_span(path), self._string(path)
            return ast.Import(self._span(c), text, where, True, items)
        text = ".".join(name.text for name in path.items)
        return ast.Import(self._span(c), text, path.span, False, items)

    def dotted(self, c: Children) -> Part:
        return self._part("dotted", c)

    def imported_list(self, c: Children) -> Part:
        return self._part("imported_list", c)

    def imported(self, c: Children) -> ast.Imported:
        return ast.Imported(self._span(c), c[0], c[2] if len(c) == 3 else None)

    def const_decl(self, c: Children) -> ast.Const:
        self._depths.clear()
        return ast.Const(self._span(c), c[1], all_of(c, ast.ConstValue))

    def const_value(self, c: Children) -> ast.ConstValue:
        return ast.ConstValue(self._span(c), c[0], c[1].targets if len(c) == 2 else ())

    def host_decl(self, c: Children) -> ast.Host:
        self._depths.clear()
        (given,) = all_of(c, (ast.TensorType, ast.PlainType))
        if isinstance(given, ast.TensorType):
            self.diagnostics.add(
                "PAT020",
                given.span,
                "a host value cannot be a tensor",
                help="take one of `int`, `float`, `bool`, `str`, `dtype`",
            )
            given = ast.PlainType(given.span, given.dtype[0], False)
        default = part_items(c, "default")
        return ast.Host(
            self._span(c), c[1], part_items(c, "parameters"), given, default[0] if default else None
        )

    def op_decl(self, c: Children) -> ast.OpDecl:
        self._depths.clear()
        bindings = self._once(
            [part for part in c if is_part(part, "bindings") and part.items], "the list of bindings"
        )
        flags: dict[str, list[ast.Name]] = {}
        for part in c:
            if is_part(part, "flag"):
                flags.setdefault(part.items[0].text, []).append(part.items[0])
        return ast.OpDecl(
            self._span(c),
            c[1],
            part_items(c, "parameters") or (),
            part_items(c, "results") or (),
            bindings.items if bindings else (),
            all_of(c, ast.Where),
            all_of(c, ast.Effect),
            self._once(all_of(c, ast.Ref), "`ref`"),
            tuple(flag for text, given in flags.items() if (flag := self._once(given, f"`{text}`"))),
        )

    def pattern_decl(self, c: Children) -> ast.PatternDecl:
        self._depths.clear()
        left, right = (one_part(c, side) for side in ("left", "right"))
        left_items, right_items, clauses = left.items, right.items[0], right.items[1]
        if {_kind(left_items), _kind(right_items)} == {"chain", "block"}:
            self.diagnostics.add(
                "PAT021",
                right.span,
                f"the left side is a {_kind(left_items)} and the right side a {_kind(right_items)}",
                notes=[Note("the left side", left.span)],
                help="write both as chains (`a -> b`) or both as blocks (`y = a(x)`)",
            )
        self._once(tuple(clause for clause in clauses if isinstance(clause, ast.On)), "`on`")
        return ast.PatternDecl(
            self._span(c),
            c[1],
            part_items(c, "pattern_parameters") or (),
            part_items(c, "parameters") or (),
            left_items,
            right_items,
            clauses,
        )

    def left(self, c: Children) -> Part:
        return Part(self._span(c), "left", _side(c))

    def right(self, c: Children) -> Part:
        kinds = (ast.Chain, ast.Statement, Broken)
        sides = [child for child in c if isinstance(child, kinds)]
        clauses = tuple(child for child in c if not isinstance(child, kinds))
        return Part(self._span(c), "right", (_side(sides), clauses))

    def pattern_parameters(self, c: Children) -> Part:
        return self._part("pattern_parameters", c)

    def pattern_parameter(self, c: Children) -> ast.PatternParameter:
        options = tuple(child for child in c[1:] if not isinstance(child, Token))
        return ast.PatternParameter(self._span(c), c[0].items, options)

    def parameter_names(self, c: Children) -> Part:
        return self._part("parameter_names", c)

    def pass_decl(self, c: Children) -> ast.PassDecl:
        self._depths.clear()
        on = self._once(all_of(c, ast.On), "`on`")
        when = self._once([part for part in c if is_part(part, "when")], "`when`")
        after = self._once([part for part in c if is_part(part, "after")], "`after`")
        return ast.PassDecl(
            self._span(c),
            c[1],
            on.targets if on else (),
            when.items[0] if when else None,
            after.items if after else (),
            all_of(c[2:], ast.Name),
        )

    def when(self, c: Children) -> Part:
        return self._part("when", c)

    def after(self, c: Children) -> Part:
        return self._part("after", c)

    def test_decl(self, c: Children) -> ast.TestDecl:
        self._depths.clear()
        body = _side([child for child in c if isinstance(child, (ast.Chain, ast.Statement, Broken))])
        return ast.TestDecl(
            self._span(c), self._string(c[1]), part_items(c, "parameters") or (), body, all_of(c, ast.Expect)
        )

    def expect(self, c: Children) -> ast.Expect:
        return ast.Expect(self._span(c), c[1], self._int(c[2]))

    # Bindings

    def bindings(self, c: Children) -> Part:
        return self._part("bindings", c)

    def binding(self, c: Children) -> ast.Binding:
        on = next(iter(all_of(c, ast.On)), None)
        guard = part_items(c, "guard")
        return ast.Binding(
            self._span(c),
            next(iter(all_of(c, ast.TorchOp)), None),
            part_items(c, "template"),
            part_items(c, "binding_results"),
            part_items(c, "block"),
            on.targets if on else (),
            guard[0] if guard else None,
        )

    def torch_op(self, c: Children) -> ast.TorchOp:
        names = all_of(c, ast.Name)
        if len(names) == 1:
            return ast.TorchOp(self._span(c), None, names[0])
        return ast.TorchOp(self._span(c), *names)

    def binding_results(self, c: Children) -> Part:
        return self._part("binding_results", c)

    def guard(self, c: Children) -> Part:
        return self._part("guard", c)

    def template(self, c: Children) -> Part:
        return self._part("template", c)

    def template_argument(self, c: Children) -> ast.TemplateArgument:
        keyword = c[0].items[0] if is_part(c[0], "keyword") else None
        span, value = self._span(c), c[-1]
        if not isinstance(value, Part):
            return ast.TemplateArgument(span, "value", keyword, value)
        items = value.items
        if value.rule == "temp":
            return ast.TemplateArgument(span, "temp", keyword, type=items[0])
        if value.rule == "out":
            view_as = items[1] if len(items) == 2 else None
            return ast.TemplateArgument(span, "out", keyword, names=items[:1], view_as=view_as)
        return ast.TemplateArgument(span, value.rule, keyword, names=items)

    def keyword(self, c: Children) -> Part:
        return self._part("keyword", c)

    def out_buffer(self, c: Children) -> Part:
        return self._part("out", c)

    def mut_buffer(self, c: Children) -> Part:
        return self._part("mut", c)

    def same_buffer(self, c: Children) -> Part:
        return self._part("same", c)

    def temp_buffer(self, c: Children) -> Part:
        given = c[1]
        if isinstance(given, ast.PlainType) and given.name.text in PLAIN_TYPES:
            self.diagnostics.add(
                "PAT020",
                given.span,
                "a scratch buffer is a tensor",
                help="write its dtype and dims, such as `f32[M, H]`",
            )
        return self._part("temp", c)

    def block(self, c: Children) -> Part:
        return self._part("block", c)

    # Clauses

    def where(self, c: Children) -> ast.Where:
        return ast.Where(self._span(c), c[1])

    def effect(self, c: Children) -> ast.Effect:
        return ast.Effect(self._span(c), c[1], len(c) == 3)

    def ref(self, c: Children) -> ast.Ref:
        return ast.Ref(self._span(c), ".".join(name.text for name in c[1].items), c[3].text)

    def flag(self, c: Children) -> Part:
        return Part(self._span(c), "flag", (self._name(c[0]),))

    def on(self, c: Children) -> ast.On:
        return ast.On(self._span(c), all_of(c, ast.Target))

    def device(self, c: Children) -> ast.Target:
        return ast.Target(self._span(c), c[0].text, len(c) == 2)

    def keep(self, c: Children) -> ast.Keep:
        return ast.Keep(self._span(c), all_of(c, ast.Name))

    def rounds(self, c: Children) -> ast.Rounds:
        return ast.Rounds(self._span(c), all_of(c, ast.Name))

    def restride(self, c: Children) -> ast.Restride:
        return ast.Restride(self._span(c), all_of(c, ast.Name))

    def prefer(self, c: Children) -> ast.Prefer:
        return ast.Prefer(self._span(c), c[1], c[3])

    def only(self, c: Children) -> ast.Only:
        return ast.Only(self._span(c), c[1], c[3], c[5])


def _side(children: Children) -> Any:
    """A chain, or the statements of a block."""
    return children[0] if isinstance(children[0], ast.Chain) else tuple(children)


def _kind(side: Any) -> str:
    items = side.elements if isinstance(side, ast.Chain) else side
    if any(isinstance(item, Broken) for item in items):
        return "broken"
    return "chain" if isinstance(side, ast.Chain) else "block"
