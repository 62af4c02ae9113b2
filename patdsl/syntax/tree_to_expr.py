"""Types, chains, statements and expressions, as the parser reduces them.

In: the children of each of these rules of `pat.lark`, tokens included. Out: their nodes, and diagnostics for
types that do not fit and expressions that are too deep. `tree_to_ast.py` adds the declarations.

The methods are called by the parser while it runs (no tree is built, nothing recurses). Their names are those
of the rules. Rules without a node of their own give a `Part`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import attrs
from lark import Token, Transformer

from patdsl.diagnostic import Diagnostics
from patdsl.source import Source, Span
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax import token_to_value

MAX_DEPTH = 100
PLAIN_TYPES = ("int", "float", "bool", "str", "dtype", "opaque", "tensor")


@attrs.frozen
class Part:
    """The value of a rule that has no node: which rule, where, and the nodes in it."""

    span: Span
    rule: str
    items: tuple[Any, ...]


@attrs.frozen(eq=False)
class Broken:
    """Stands for what could not be parsed, so that the parser can go on behind it."""

    span: Span


Child: TypeAlias = Any
Children: TypeAlias = list[Child]
T = TypeVar("T")

_NESTING = (ast.Unary, ast.Binary, ast.Member, ast.ListExpr, ast.TupleExpr, ast.Call)


class TreeToExpr(Transformer[Token, ast.File]):
    """One instance belongs to one parser; `begin` gives it the text that is parsed next."""

    def begin(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self._depths: dict[int, int] = {}

    # Places and parts

    def _span(self, children: Children) -> Span:
        first, last = children[0], children[-1]
        start: int = first.start_pos if isinstance(first, Token) else first.span.start  # type: ignore[assignment]
        end: int = last.end_pos if isinstance(last, Token) else last.span.end  # type: ignore[assignment]
        return Span(self.source, start, end)

    def _part(self, rule: str, children: Children) -> Part:
        items = tuple(child for child in children if not isinstance(child, (Token, Broken)))
        return Part(self._span(children), rule, items)

    def _deep(self, node: T, operands: Sequence[Any]) -> T:
        """Note how deep an expression is; PAT014 where later stages could not walk it."""
        depth = 1
        for operand in operands:
            if isinstance(operand, _NESTING):
                depth = max(depth, 1 + self._depths[id(operand)])
        self._depths[id(node)] = depth
        if depth == MAX_DEPTH + 1:
            self.diagnostics.add(
                "PAT014",
                operands[0].span,
                f"this expression nests deeper than {MAX_DEPTH} operators, calls and lists",
                help="give parts of it a name",
            )
        return node

    # Signatures and types

    def parameters(self, c: Children) -> Part:
        return self._part("parameters", c)

    def parameter(self, c: Children) -> ast.Parameter:
        mutable = isinstance(c[0], Token)
        name, _, given = c[1:4] if mutable else c[0:3]
        default = part_items(c, "default")
        optional = any(is_part(child, "optional") for child in c)
        return ast.Parameter(self._span(c), name, given, mutable, optional, default[0] if default else None)

    def optional(self, c: Children) -> Part:
        return self._part("optional", c)

    def default(self, c: Children) -> Part:
        return self._part("default", c)

    def results(self, c: Children) -> Part:
        return self._part("results", c)

    def result(self, c: Children) -> ast.Result:
        return ast.Result(self._span(c), c[0], c[2])

    def any_type(self, c: Children) -> ast.Type:
        span = self._span(c)
        if isinstance(c[0], Part):
            return ast.TensorType(span, c[0].items, True, values_in(c[1:]))
        name: ast.Name = c[0]
        dims = values_in(c[1:])
        if name.text in PLAIN_TYPES:
            if dims:
                self.diagnostics.add(
                    "PAT020",
                    span,
                    f"`{name.text}` has no dims",
                    help=f"`{name.text}[]` is a list; a tensor starts with its dtype: `bf16[M, H]`",
                )
            return ast.PlainType(span, name, len(c) > 1)
        if len(c) == 1:
            self.diagnostics.add(
                "PAT020",
                span,
                f"`{name.text}` is not a type: a tensor needs its dims",
                help=f"write `{name.text}[M, H]`, or `{name.text}[]` for a tensor without dims;"
                f" plain types are {', '.join(f'`{plain}`' for plain in PLAIN_TYPES)}",
            )
        return ast.TensorType(span, (name,), False, dims)

    def dtype_set(self, c: Children) -> Part:
        return self._part("dtype_set", c)

    # Chains and statements

    def chain(self, c: Children) -> ast.Chain:
        return ast.Chain(self._span(c), tuple(child for child in c if not isinstance(child, Token)))

    def chain_op(self, c: Children) -> ast.ChainOp:
        label = part_items(c, "label")
        fan_out = next((child for child in c if isinstance(child, Token) and child.type == "FAN_OUT"), None)
        (name,) = all_of(c, ast.Name)
        return ast.ChainOp(
            self._span(c),
            label[0] if label else None,
            self._fan_out(fan_out) if fan_out else None,
            name,
            part_items(c, "arguments"),
            any(is_part(child, "optional") for child in c),
        )

    def label(self, c: Children) -> Part:
        return self._part("label", c)

    def group(self, c: Children) -> ast.Group:
        return ast.Group(self._span(c), all_of(c, ast.Chain))

    def alternatives(self, c: Children) -> ast.Alternatives:
        return ast.Alternatives(self._span(c), all_of(c, ast.Chain))

    def statement(self, c: Children) -> ast.Statement:
        return ast.Statement(self._span(c), values_in(c[:-1]), c[-1])

    # Expressions

    def either(self, c: Children) -> ast.Binary:
        return self._deep(ast.Binary(self._span(c), str(c[1]), c[0], c[2]), (c[0], c[2]))

    both = comparison = sum = product = either

    def denial(self, c: Children) -> ast.Unary:
        return self._deep(ast.Unary(self._span(c), str(c[0]), c[1]), c[1:])

    minus = denial

    def member(self, c: Children) -> ast.Member:
        options = values_in(c[3:])
        return self._deep(ast.Member(self._span(c), c[0], options), (c[0], *options))

    def parenthesised(self, c: Children) -> ast.Expr:
        inner: ast.Expr = c[1]
        return inner

    def list_expr(self, c: Children) -> ast.ListExpr:
        items = values_in(c)
        return self._deep(ast.ListExpr(self._span(c), items), items)

    def tuple_expr(self, c: Children) -> ast.TupleExpr:
        items = values_in(c)
        return self._deep(ast.TupleExpr(self._span(c), items), items)

    def star(self, c: Children) -> ast.Star:
        return ast.Star(self._span(c), c[1])

    def call(self, c: Children) -> ast.Call:
        fan_out = self._fan_out(c[0]) if isinstance(c[0], Token) else None
        (name,) = all_of(c, ast.Name)
        arguments: tuple[ast.Argument, ...] = c[-1].items
        call = ast.Call(self._span(c), name, arguments, fan_out, is_part(c[-2], "optional"))
        return self._deep(call, [argument.value for argument in arguments])

    def arguments(self, c: Children) -> Part:
        return self._part("arguments", c)

    def argument(self, c: Children) -> ast.Argument:
        return ast.Argument(self._span(c), c[0].items[0] if len(c) == 2 else None, c[-1])

    def wildcard(self, c: Children) -> ast.Wildcard:
        return ast.Wildcard(self._span(c))

    def literal(self, c: Children) -> ast.Literal:
        return token_to_value.literal(c[0], self._token_span(c[0]), self.diagnostics)

    # Tokens

    def name(self, c: Children) -> ast.Name:
        return self._name(c[0])

    argument_name = parameter_name = statement_name = name

    def _name(self, token: Token) -> ast.Name:
        return ast.Name(self._token_span(token), str(token))

    def _token_span(self, token: Token) -> Span:
        assert token.start_pos is not None
        assert token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def _string(self, token: Token) -> str:
        return token_to_value.string(token, self._token_span(token), self.diagnostics)

    def _int(self, token: Token) -> int:
        return token_to_value.integer(token, self._token_span(token), self.diagnostics)

    def _fan_out(self, token: Token) -> ast.FanOut:
        return token_to_value.fan_out(token, self._token_span(token), self.diagnostics)


def is_part(child: Child, rule: str) -> bool:
    return isinstance(child, Part) and child.rule == rule


def one_part(children: Children, rule: str) -> Part:
    part: Part = next(child for child in children if is_part(child, rule))
    return part


def part_items(children: Children, rule: str) -> tuple[Any, ...] | None:
    return next((child.items for child in children if is_part(child, rule)), None)


def all_of(children: Children, kinds: type[T] | tuple[type[Any], ...]) -> tuple[Any, ...]:
    return tuple(child for child in children if isinstance(child, kinds))


def values_in(children: Children) -> tuple[Any, ...]:
    return tuple(child for child in children if not isinstance(child, Token))
