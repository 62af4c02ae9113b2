"""What the parser reduces, as AST nodes.

In: the children of each rule of `pat.lark`, tokens included, in the order in which the parser reduces them.
Out: the nodes of `ast_nodes.py`, and diagnostics for what the grammar cannot say: numbers out of range, unknown
escapes, clauses given twice, types that do not fit, expressions that are too deep. Resolves no name.

The methods are called by the parser while it runs (no tree is built, nothing recurses). Their names are those of
the rules. Rules without a node of their own give a `Part`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import attrs
from lark import Token, Transformer

from patdsl import ast_nodes as ast
from patdsl import token_to_value
from patdsl.diagnostic import Diagnostics, Note
from patdsl.source import Source, Span

MAX_DEPTH = 100
PLAIN_TYPES = ("int", "float", "bool", "str", "dtype", "tensor")


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

    @property
    def children(self) -> list[Broken]:
        """What an inlined rule shows of itself to the rule around it."""
        return [self]


Child: TypeAlias = Any
Children: TypeAlias = list[Child]
T = TypeVar("T")

_NESTING = (ast.Unary, ast.Binary, ast.Member, ast.ListExpr, ast.TupleExpr, ast.Call)


class TreeToAst(Transformer[Token, ast.File]):
    """One instance belongs to one parser; `begin` gives it the text that is parsed next."""

    def begin(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self._depths: dict[int, int] = {}

    # Places and parts

    def _span(self, children: Children) -> Span:
        first, last = children[0], children[-1]
        start = first.start_pos if isinstance(first, Token) else first.span.start
        end = last.end_pos if isinstance(last, Token) else last.span.end
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
        items = _part_items(c, "imported_list")
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
        return ast.Const(self._span(c), c[1], _all(c, ast.ConstValue))

    def const_value(self, c: Children) -> ast.ConstValue:
        return ast.ConstValue(self._span(c), c[0], c[1].targets if len(c) == 2 else ())

    def host_decl(self, c: Children) -> ast.Host:
        self._depths.clear()
        (given,) = _all(c, (ast.TensorType, ast.PlainType))
        if isinstance(given, ast.TensorType):
            self.diagnostics.add(
                "PAT020",
                given.span,
                "a host value cannot be a tensor",
                help="take one of `int`, `float`, `bool`, `str`, `dtype`",
            )
            given = ast.PlainType(given.span, given.dtype[0], False)
        default = _part_items(c, "default")
        return ast.Host(
            self._span(c), c[1], _part_items(c, "parameters"), given, default[0] if default else None
        )

    def op_decl(self, c: Children) -> ast.OpDecl:
        self._depths.clear()
        bindings = self._once([part for part in c if _is_part(part, "bindings")], "the list of bindings")
        flags: dict[str, list[ast.Name]] = {}
        for part in c:
            if _is_part(part, "flag"):
                flags.setdefault(part.items[0].text, []).append(part.items[0])
        return ast.OpDecl(
            self._span(c),
            c[1],
            _part_items(c, "parameters") or (),
            _part_items(c, "results") or (),
            bindings.items if bindings else (),
            _all(c, ast.Where),
            _all(c, ast.Effect),
            self._once(_all(c, ast.Ref), "`ref`"),
            tuple(self._once(given, f"`{text}`") for text, given in flags.items()),
        )

    def pattern_decl(self, c: Children) -> ast.PatternDecl:
        self._depths.clear()
        left, right = (_one_part(c, side) for side in ("left", "right"))
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
            _part_items(c, "pattern_parameters") or (),
            _part_items(c, "parameters") or (),
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
        on = self._once(_all(c, ast.On), "`on`")
        when = self._once([part for part in c if _is_part(part, "when")], "`when`")
        after = self._once([part for part in c if _is_part(part, "after")], "`after`")
        return ast.PassDecl(
            self._span(c),
            c[1],
            on.targets if on else (),
            when.items[0] if when else None,
            after.items if after else (),
            _all(c[2:], ast.Name),
        )

    def when(self, c: Children) -> Part:
        return self._part("when", c)

    def after(self, c: Children) -> Part:
        return self._part("after", c)

    def test_decl(self, c: Children) -> ast.TestDecl:
        self._depths.clear()
        body = _side([child for child in c if isinstance(child, (ast.Chain, ast.Statement))])
        return ast.TestDecl(
            self._span(c), self._string(c[1]), _part_items(c, "parameters") or (), body, _all(c, ast.Expect)
        )

    def expect(self, c: Children) -> ast.Expect:
        return ast.Expect(self._span(c), c[1], self._int(c[2]))

    # Signatures and types

    def parameters(self, c: Children) -> Part:
        return self._part("parameters", c)

    def parameter(self, c: Children) -> ast.Parameter:
        mutable = isinstance(c[0], Token)
        name, _, given = c[1:4] if mutable else c[0:3]
        default = _part_items(c, "default")
        optional = any(_is_part(child, "optional") for child in c)
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
            return ast.TensorType(span, c[0].items, True, _values(c[1:]))
        name: ast.Name = c[0]
        dims = _values(c[1:])
        if name.text in PLAIN_TYPES:
            if dims:
                self.diagnostics.add(
                    "PAT020",
                    span,
                    f"`{name.text}` has no dims",
                    help=f"`{name.text}[]` is a list; a tensor is written with its dtype, such as `bf16[M, H]`",
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

    # Bindings

    def bindings(self, c: Children) -> Part:
        return self._part("bindings", c)

    def binding(self, c: Children) -> ast.Binding:
        on = next(iter(_all(c, ast.On)), None)
        guard = _part_items(c, "guard")
        return ast.Binding(
            self._span(c),
            next(iter(_all(c, ast.TorchOp)), None),
            _part_items(c, "template"),
            _part_items(c, "binding_results"),
            _part_items(c, "block"),
            on.targets if on else (),
            guard[0] if guard else None,
        )

    def torch_op(self, c: Children) -> ast.TorchOp:
        names = _all(c, ast.Name)
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
        keyword = c[0].items[0] if _is_part(c[0], "keyword") else None
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
        return ast.On(self._span(c), _all(c, ast.Target))

    def device(self, c: Children) -> ast.Target:
        return ast.Target(self._span(c), c[0].text, len(c) == 2)

    def keep(self, c: Children) -> ast.Keep:
        return ast.Keep(self._span(c), _all(c, ast.Name))

    def rounds(self, c: Children) -> ast.Rounds:
        return ast.Rounds(self._span(c), _all(c, ast.Name))

    def restride(self, c: Children) -> ast.Restride:
        return ast.Restride(self._span(c), _all(c, ast.Name))

    def prefer(self, c: Children) -> ast.Prefer:
        return ast.Prefer(self._span(c), c[1], c[3])

    def only(self, c: Children) -> ast.Only:
        return ast.Only(self._span(c), c[1], c[3], c[5])

    # Chains and statements

    def chain(self, c: Children) -> ast.Chain:
        return ast.Chain(self._span(c), tuple(child for child in c if not isinstance(child, Token)))

    def chain_op(self, c: Children) -> ast.ChainOp:
        label = _part_items(c, "label")
        fan_out = next((child for child in c if isinstance(child, Token) and child.type == "FAN_OUT"), None)
        (name,) = _all(c, ast.Name)
        return ast.ChainOp(
            self._span(c),
            label[0] if label else None,
            self._fan_out(fan_out) if fan_out else None,
            name,
            _part_items(c, "arguments"),
            any(_is_part(child, "optional") for child in c),
        )

    def label(self, c: Children) -> Part:
        return self._part("label", c)

    def group(self, c: Children) -> ast.Group:
        return ast.Group(self._span(c), _all(c, ast.Chain))

    def alternatives(self, c: Children) -> ast.Alternatives:
        return ast.Alternatives(self._span(c), _all(c, ast.Chain))

    def statement(self, c: Children) -> ast.Statement:
        return ast.Statement(self._span(c), _values(c[:-1]), c[-1])

    # Expressions

    def either(self, c: Children) -> ast.Binary:
        return self._deep(ast.Binary(self._span(c), str(c[1]), c[0], c[2]), (c[0], c[2]))

    both = comparison = sum = product = either

    def denial(self, c: Children) -> ast.Unary:
        return self._deep(ast.Unary(self._span(c), str(c[0]), c[1]), c[1:])

    minus = denial

    def member(self, c: Children) -> ast.Member:
        options = _values(c[3:])
        return self._deep(ast.Member(self._span(c), c[0], options), (c[0], *options))

    def parenthesised(self, c: Children) -> ast.Expr:
        inner: ast.Expr = c[1]
        return inner

    def list_expr(self, c: Children) -> ast.ListExpr:
        items = _values(c)
        return self._deep(ast.ListExpr(self._span(c), items), items)

    def tuple_expr(self, c: Children) -> ast.TupleExpr:
        items = _values(c)
        return self._deep(ast.TupleExpr(self._span(c), items), items)

    def star(self, c: Children) -> ast.Star:
        return ast.Star(self._span(c), c[1])

    def call(self, c: Children) -> ast.Call:
        fan_out = self._fan_out(c[0]) if isinstance(c[0], Token) else None
        (name,) = _all(c, ast.Name)
        arguments: tuple[ast.Argument, ...] = c[-1].items
        call = ast.Call(self._span(c), name, arguments, fan_out, _is_part(c[-2], "optional"))
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
        assert token.start_pos is not None and token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def _string(self, token: Token) -> str:
        return token_to_value.string(token, self._token_span(token), self.diagnostics)

    def _int(self, token: Token) -> int:
        return token_to_value.integer(token, self._token_span(token), self.diagnostics)

    def _fan_out(self, token: Token) -> ast.FanOut:
        return token_to_value.fan_out(token, self._token_span(token), self.diagnostics)


def _is_part(child: Child, rule: str) -> bool:
    return isinstance(child, Part) and child.rule == rule


def _one_part(children: Children, rule: str) -> Part:
    return next(child for child in children if _is_part(child, rule))


def _part_items(children: Children, rule: str) -> tuple[Any, ...] | None:
    return next((child.items for child in children if _is_part(child, rule)), None)


def _all(children: Children, kinds: type[T] | tuple[type[Any], ...]) -> tuple[Any, ...]:
    return tuple(child for child in children if isinstance(child, kinds))


def _values(children: Children) -> tuple[Any, ...]:
    return tuple(child for child in children if not isinstance(child, Token))


def _side(children: Children) -> Any:
    """A chain, or the statements of a block."""
    return children[0] if isinstance(children[0], ast.Chain) else tuple(children)


def _kind(side: Any) -> str:
    if isinstance(side, ast.Chain):
        return "chain"
    return "broken" if any(isinstance(item, Broken) for item in side) else "block"
