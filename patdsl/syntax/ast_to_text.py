"""From an AST to its one canonical text.

In: a `File`. Out: its text, which parses to an equal AST and formats to itself; every comment is kept. A
declaration stands on one line where it fits. Also single expressions and statements, for messages. Resolves
no name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from patdsl.syntax import ast_nodes as ast
from patdsl.syntax import expr_to_text as printed
from patdsl.syntax.comments_to_items import Item, has_blank_before, item_lines, place_comments
from patdsl.syntax.token_to_value import spell_string
from patdsl.syntax.words_to_lines import (
    Words,
    bracketed,
    broken_before,
    deeper,
    fits,
    glue,
    joined,
    one_line,
    separated,
    to_lines,
    words,
)

STEP = 2


def format_file(file: ast.File) -> str:
    """The text of a file; empty for a file without declarations and comments."""
    printer = _Printer(file)
    items = [item for declaration in file.declarations for item in printer.items(declaration)]
    rest = place_comments(items, file.comments)
    lines = item_lines(items, rest, file.span.source)
    return "".join(line + "\n" for line in lines)


def format_expr(expr: ast.Expr) -> str:
    """An expression on one line."""
    return one_line(printed.condition_words(expr))


def format_statement(statement: ast.Statement) -> str:
    """A statement on one line."""
    return one_line(printed.statement_words(statement))


class _Printer:
    """The items of declarations, in the order in which they are printed."""

    def __init__(self, file: ast.File) -> None:
        self.source = file.span.source
        self.comments = [comment.span.start for comment in file.comments]

    def items(self, declaration: ast.Declaration) -> list[Item]:
        items = _PRINTERS[type(declaration)](self, declaration)
        items[0].blank = True
        return items

    # Declarations

    def import_(self, decl: ast.Import) -> list[Item]:
        start = "import " + (spell_string(decl.path) if decl.is_string else decl.path)
        if decl.items is None:
            return [_item(decl, words(start))]
        parts = [
            (item, words(item.name.text + (f" as {item.alias.text}" if item.alias else "")))
            for item in decl.items
        ]
        head = (decl.span.start, decl.path_span.end)
        if self._has_comment(decl.path_span.end, decl.span.end):
            return self._listed(decl, head, f"{start} (", parts, ")")
        return [_item(decl, glue(start + " ", bracketed("(", [part for _, part in parts], ")")))]

    def const(self, decl: ast.Const) -> list[Item]:
        values = [
            glue(printed.condition_words(value.value), _on(value.targets, " ")) for value in decl.values
        ]
        return [_item(decl, glue(f"const {decl.name.text} = ", joined(values, "| ")))]

    def host(self, decl: ast.Host) -> list[Item]:
        start = words(f"host {decl.name.text}")
        if decl.parameters is not None:
            start = glue(start, printed.parameters_words(decl.parameters))
        start = glue(start, ": ", printed.type_words(decl.type))
        default = glue(" = ", printed.value_words(decl.default)) if decl.default else ""
        return [_item(decl, glue(start, default))]

    def op(self, decl: ast.OpDecl) -> list[Item]:
        results = [glue(f"{result.name.text}: ", printed.type_words(result.type)) for result in decl.results]
        signature = glue(f"op {decl.name.text}", printed.parameters_words(decl.parameters))
        arrow = broken_before(glue("-> ", bracketed("(", results, ")")), 0)
        end = _end([decl.name, *decl.parameters, *decl.results])
        if not decl.results:
            # The header ends behind `-> ()`, which is no node, and may stand on a line of its own.
            end = self._find(")", self._find("->", end, decl.span.end), decl.span.end)
        head = _item(decl, (*signature, *arrow), end=end)
        if len(head.lines) > 1:
            # The results are easier to find on a line of their own.
            head.lines = [*to_lines(signature, 0, 2 * STEP), *to_lines(arrow, 2 * STEP, 4 * STEP)]
        items = [head]
        for index, binding in enumerate(decl.bindings):
            items.extend(self._binding(binding, "| " if index else "= "))
        items.extend(_item(where, _where(where.condition), STEP) for where in decl.where)
        items.extend(
            _item(effect, words(f"effect {effect.name.text}{' read' if effect.read_only else ''}"), STEP)
            for effect in decl.effects
        )
        items.extend(_item(flag, words(flag.text), STEP) for flag in decl.flags)
        if decl.ref is not None:
            items.append(_item(decl.ref, words(f"ref {decl.ref.module}:{decl.ref.function}"), STEP))
        return items

    def pattern(self, decl: ast.PatternDecl) -> list[Item]:
        head = words(f"pattern {decl.name.text}")
        if decl.parameters:
            parameters = [printed.pattern_parameter_words(parameter) for parameter in decl.parameters]
            head = glue(head, bracketed("[", parameters, "]"))
        if decl.inputs:
            head = glue(head, printed.parameters_words(decl.inputs))
        end = _end([decl.name, *decl.parameters, *decl.inputs])
        clauses = [_item(clause, _CLAUSES[type(clause)](clause), STEP) for clause in decl.clauses]
        if isinstance(decl.left, ast.Chain) and isinstance(decl.right, ast.Chain):
            arrow = broken_before(glue("=> ", printed.chain_words(decl.right)), 0)
            rewrite = (*printed.chain_words(decl.left), *arrow)
            whole = glue(head, " { ", rewrite, " }")
            if not clauses and fits(whole, 0) and not self._has_comment(end, decl.span.end):
                return [_item(decl, whole)]
            if fits(rewrite, STEP):
                body = [_item(decl.left, rewrite, STEP, end=decl.right.span.end)]
                return self._braced(decl, head, end, [*body, *clauses])
        left_end, right_start = _end(_parts(decl.left)), _parts(decl.right)[0].span.start
        at = self._find("=>", left_end, right_start)
        arrow_item = Item(at, at + 2, ["=>"], STEP, opens=True)
        body = [*self._body(decl.left), arrow_item, *self._body(decl.right), *clauses]
        return self._braced(decl, head, end, body)

    def pass_(self, decl: ast.PassDecl) -> list[Item]:
        head = words(f"pass {decl.name.text}")
        if decl.targets:
            head = (*head, *broken_before(words(printed.targets_words(decl.targets)), 0))
        if decl.condition is not None:
            head = (*head, *broken_before(glue("when ", printed.condition_words(decl.condition)), 0))
        if decl.after:
            head = (*head, *broken_before(glue("after ", _names(decl.after)), 0))
        end = _end([decl.name, *decl.targets, *([decl.condition] if decl.condition else []), *decl.after])
        names = [words(name.text) for name in decl.patterns]
        if self._has_comment(end, decl.span.end):
            rows = list(zip(decl.patterns, names, strict=True))
            return self._listed(decl, (decl.span.start, end), one_line(head) + " {", rows, "}")
        whole = glue(head, " { ", separated(names, ","), " }") if names else glue(head, " {}")
        if fits(whole, 0):
            return [_item(decl, whole)]
        lines = to_lines(glue(head, " {"), 0, 2 * STEP)
        inner = to_lines(separated(names, ","), STEP, STEP) if names else []
        return [Item(decl.span.start, decl.span.end, [*lines, *inner, "}"])]

    def test(self, decl: ast.TestDecl) -> list[Item]:
        head = words(f"test {spell_string(decl.name)}")
        if decl.inputs:
            head = glue(head, " ", printed.parameters_words(decl.inputs))
        body_start = _parts(decl.body)[0].span.start
        end = _end(decl.inputs) if decl.inputs else min(decl.span.start + 1, body_start)
        expects = [
            _item(expect, words(f"expect {expect.pattern.text} {expect.count}"), STEP)
            for expect in decl.expects
        ]
        return self._braced(decl, head, end, [*self._body(decl.body), *expects])

    # Parts

    def _binding(self, binding: ast.Binding, sign: str) -> list[Item]:
        tail = _tail(binding)
        if binding.block is None:
            return [_item(binding, (*glue(sign, _call(binding)), *tail), STEP)]
        first, last = binding.block[0].span.start, _end(binding.block)
        close = self._find("}", last, binding.span.end)
        if len(binding.block) == 1:
            whole = (*glue(sign, "{ ", printed.statement_words(binding.block[0]), " }"), *tail)
            if fits(whole, STEP) and not self._has_comment(binding.span.start, close):
                return [_item(binding, whole, STEP)]
        start = min(binding.span.start, first)
        opening = Item(start, min(start + 1, first), [" " * STEP + sign + "{"], STEP, opens=True)
        closing_lines = to_lines((*words("}"), *tail), 2 * STEP, 3 * STEP)
        closing = Item(close, binding.span.end, closing_lines, 3 * STEP)
        return [opening, *self._block(binding.block, 3 * STEP), closing]

    def _body(self, body: ast.Chain | tuple[ast.Statement, ...]) -> list[Item]:
        if isinstance(body, ast.Chain):
            return [_item(body, printed.chain_words(body), STEP)]
        return self._block(body, STEP)

    def _block(self, statements: Sequence[ast.Statement], indent: int) -> list[Item]:
        """Statements, their `=` in line with those of the same paragraph."""
        paragraphs: list[list[ast.Statement]] = []
        for statement in statements:
            if not paragraphs or has_blank_before(self.source, statement.span.start):
                paragraphs.append([])
            paragraphs[-1].append(statement)
        items = []
        for paragraph in paragraphs:
            width = max(len(printed.targets_text(statement)) for statement in paragraph)
            for statement in paragraph:
                lines = to_lines(
                    printed.statement_words(statement, width), indent, indent + width + len(" = ") + STEP
                )
                span = statement.span
                items.append(Item(span.start, span.end, lines, indent, blank=True))
        return items

    def _braced(self, decl: ast.Declaration, head: Words, end: int, body: list[Item]) -> list[Item]:
        """A header, its items between braces."""
        opening = _item(decl, glue(head, " {"), end=end)
        opening.opens = True
        last = decl.span.end
        return [opening, *body, Item(max(last - 1, decl.span.start), last, ["}"], STEP)]

    def _listed(
        self,
        decl: ast.Declaration,
        head: tuple[int, int],
        start: str,
        rows: Sequence[tuple[Any, Words]],
        closer: str,
    ) -> list[Item]:
        """A list with comments in it: each entry on a line of its own."""
        opening = Item(*head, [start], opens=True)
        items = [_item(node, glue(row, ","), STEP) for node, row in rows]
        return [opening, *items, Item(decl.span.end - 1, decl.span.end, [closer], STEP)]

    def _has_comment(self, start: int, end: int) -> bool:
        index = bisect_left(self.comments, start)
        return index < len(self.comments) and self.comments[index] < end

    def _find(self, sign: str, start: int, end: int) -> int:
        """Where a sign stands in the source, outside comments; `start` for an AST that was not parsed."""
        for found in re.finditer(rf"#[^\n]*|{re.escape(sign)}", self.source.text[start:end]):
            if found.group() == sign:
                return start + found.start()
        return start


def _item(node: Any, part: Words, indent: int = 0, end: int | None = None) -> Item:
    start: int = node.span.start
    lines = to_lines(part, indent, indent + 2 * STEP)
    return Item(start, node.span.end if end is None else end, lines, indent)


def _end(nodes: Iterable[Any]) -> int:
    return max((node.span.end for node in nodes), default=0)


def _parts(side: ast.Chain | tuple[ast.Statement, ...]) -> Sequence[ast.Chain | ast.Statement]:
    return (side,) if isinstance(side, ast.Chain) else side


def _on(targets: tuple[ast.Target, ...], gap: str) -> str:
    return gap + printed.targets_words(targets) if targets else ""


def _names(names: Sequence[ast.Name]) -> Words:
    return separated([words(name.text) for name in names], ",")


def _where(condition: ast.Expr) -> Words:
    return glue("where ", printed.condition_words(condition))


def _tail(binding: ast.Binding) -> Words:
    """`  on a, b  if guard`, set off by two blanks."""
    tail: Words = ()
    if binding.targets:
        tail = broken_before(words(printed.targets_words(binding.targets)), 0, "  ")
    if binding.guard is not None:
        guard = deeper(glue("if ", printed.condition_words(binding.guard)))
        tail = (*tail, *broken_before(guard, 0, "  "))
    return tail


def _call(binding: ast.Binding) -> Words:
    """`ns::op.overload(template) -> (results)`."""
    assert binding.op is not None
    op = binding.op
    name = f"{op.namespace.text}::" if op.namespace else ""
    name += op.name.text + (f".{op.overload.text}" if op.overload else "")
    call = words(name)
    if binding.arguments is not None:
        call = glue(name, bracketed("(", [_template_argument(given) for given in binding.arguments], ")"))
    if binding.results is not None:
        results = bracketed("(", [words(printed.name_text(result)) for result in binding.results], ")")
        call = (*call, *broken_before(glue("-> ", results), 0))
    return call


def _template_argument(given: ast.TemplateArgument) -> Words:
    start = f"{given.keyword.text}=" if given.keyword else ""
    if given.kind == "value":
        assert given.value is not None
        return glue(start, printed.condition_words(given.value))
    if given.kind == "temp":
        assert given.type is not None
        return glue(f"{start}temp ", printed.type_words(given.type))
    text = f"{start}{given.kind} " + " -> ".join(printed.name_text(name) for name in given.names)
    return words(text + (f" as {given.view_as.text}" if given.view_as else ""))


_PRINTERS: dict[type[Any], Callable[[_Printer, Any], list[Item]]] = {
    ast.Import: _Printer.import_,
    ast.Const: _Printer.const,
    ast.Host: _Printer.host,
    ast.OpDecl: _Printer.op,
    ast.PatternDecl: _Printer.pattern,
    ast.PassDecl: _Printer.pass_,
    ast.TestDecl: _Printer.test,
}

_CLAUSES: dict[type[Any], Callable[[Any], Words]] = {
    ast.Where: lambda clause: _where(clause.condition),
    ast.On: lambda clause: words(printed.targets_words(clause.targets)),
    ast.Keep: lambda clause: glue("keep ", _names(clause.names)),
    ast.Rounds: lambda clause: glue("rounds ", _names(clause.names)),
    ast.Restride: lambda clause: glue("restride ", _names(clause.names)),
    ast.Prefer: lambda clause: words(f"prefer {clause.preferred.text} over {clause.other.text}"),
    ast.Only: lambda clause: words(f"only {clause.value.text} -> {clause.op.text}.{clause.parameter.text}"),
}
