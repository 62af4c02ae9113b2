"""The text of a printed `forward` -> a graph.

In: `GraphText`. Out: `PrintedGraph`, or a diagnostic (PAT602: too large, PAT603: no Python, PAT604: not what torch
prints). Python's parser reads the text; nothing of it is executed, imported or looked up.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from patdsl.diagnostic import Diagnostics
from patdsl.dtypes import FROM_TORCH
from patdsl.printed.annotation import read_annotation
from patdsl.printed.graph_text import GraphText
from patdsl.source import Span

#: The most lines of one graph, and the most characters of a line that can nest.
MAX_LINES = 200_000
MAX_NESTING = 5_000

_SOURCE = re.compile(r"\s*# (File: .*)")
_NO_SOURCE = re.compile(r"\s*# No stacktrace")
_NESTS = re.compile(r"[.\-+*~(\[{]|\bnot\b")
_FUNCTIONALIZED = {
    "torch.ops.higher_order.auto_functionalized": 1,
    "torch.ops.higher_order.auto_functionalized_v2": 2,
}
_NUMBERS = {"inf": float("inf"), "nan": float("nan"), "None": None, "True": True, "False": False}


@attrs.frozen
class Target:
    """An op named as an argument: `ns::op.overload`."""

    name: str


@attrs.define(eq=False)
class PrintedNode:
    """One line of the graph.

    `target` is the op that it calls, the one inside where `functionalized` is 1 or 2 (its version). `args` and
    `kwargs` hold nodes and plain values. `held` is what its annotation says, `line` its line in the file, `source`
    the comment above it. `what`: how it reads where it calls no op.
    """

    name: str
    position: int
    line: int
    target: str | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = attrs.Factory(dict)
    taken: tuple[PrintedNode, int] | None = None
    functionalized: int = 0
    held: Any = None
    source: str = ""
    is_output: bool = False
    what: str = ""
    inputs: tuple[PrintedNode, ...] = ()
    users: dict[PrintedNode, None] = attrs.field(factory=dict, repr=False)

    def __repr__(self) -> str:
        return self.name


@attrs.frozen(eq=False)
class PrintedGraph:
    """The nodes of one printed graph in their order."""

    text: GraphText
    nodes: tuple[PrintedNode, ...]


class _UnreadError(Exception):
    """A line says what no printed graph says."""

    def __init__(self, node: ast.AST, reason: str) -> None:
        self.node, self.reason = node, reason
        super().__init__(reason)


def read_graph(text: GraphText, diagnostics: Diagnostics) -> PrintedGraph | None:
    """The graph, or None after a diagnostic."""
    function = _parsed(text, diagnostics)
    if function is None:
        return None
    try:
        return PrintedGraph(text, tuple(_Reader(text).read(function)))
    except _UnreadError as error:
        at = getattr(error.node, "lineno", 1)
        span = _span(
            text, at, getattr(error.node, "col_offset", 0), getattr(error.node, "end_col_offset", None)
        )
        diagnostics.add("PAT604", span, error.reason, help="give the text as torch printed it, whole")
    except RecursionError:
        diagnostics.add("PAT602", _span(text, 1), "the graph nests more deeply than can be read")
    return None


def _parsed(text: GraphText, diagnostics: Diagnostics) -> ast.FunctionDef | None:
    if len(text.lines) > MAX_LINES:
        diagnostics.add(
            "PAT602",
            _span(text, 1),
            f"a graph of {len(text.lines):,} lines, more than the {MAX_LINES:,} that are read",
        )
        return None
    for at, line in enumerate(text.lines, 1):
        if len(line) > MAX_NESTING and len(_NESTS.findall(line.partition(" # ")[0])) > MAX_NESTING:
            diagnostics.add("PAT602", _span(text, at), "a line that may nest more deeply than can be read")
            return None
    try:
        parsed = ast.parse("\n".join(text.lines) + "\n").body
    except SyntaxError as error:
        at = min(max(error.lineno or 1, 1), len(text.lines))
        span = _span(text, at, max(0, (error.offset or 1) - 1), error.offset or 1)
        diagnostics.add(
            "PAT603",
            span,
            f"the graph is no Python: {error.msg}",
            help="give the text as torch printed it, whole",
        )
        return None
    except (ValueError, MemoryError, RecursionError):
        diagnostics.add(
            "PAT603", _span(text, 1), "the graph is no Python: it nests too deeply, or holds a NUL"
        )
        return None
    if len(parsed) != 1 or not isinstance(parsed[0], ast.FunctionDef):
        diagnostics.add("PAT604", _span(text, 1), "this is no printed `forward`")
        return None
    return parsed[0]


def _span(text: GraphText, at: int, start: int = 0, end: int | None = None) -> Span:
    """Columns of the graph's line `at` (from 1) as a place in the file. The parser counts UTF-8 bytes."""
    line = text.lines[at - 1]
    number = text.numbers[at - 1]
    whole = text.source.line_text(number)
    begin = text.source.line_starts[number - 1] + max(0, len(whole) - len(line))
    encoded = line.encode("utf-8", "replace")
    first = len(encoded[:start].decode("utf-8", "replace"))
    last = len(line) if end is None else len(encoded[:end].decode("utf-8", "replace"))
    return Span(text.source, begin + first, begin + max(last, first + 1))


class _Reader:
    """Reads the statements of one `forward`."""

    def __init__(self, text: GraphText) -> None:
        self.text = text
        self.nodes: list[PrintedNode] = []
        self.named: dict[str, PrintedNode] = {}
        self.sources = list(_sources(text.lines))

    def read(self, function: ast.FunctionDef) -> list[PrintedNode]:
        for parameter in function.args.args[1:] if _has_self(function) else function.args.args:
            self._add(parameter.arg, parameter, what="an input", held=_held(parameter.annotation))
        for statement in function.body:
            self._statement(statement)
        for node in self.nodes:
            for used in node.inputs:
                used.users[node] = None
        return self.nodes

    def _add(self, name: str, at: ast.AST, **fields: Any) -> PrintedNode:
        if name in self.named:
            raise _UnreadError(at, f"the name `{name}` is given a second time")
        line = getattr(at, "lineno", 1)
        number, source = self.text.numbers[line - 1], self.sources[line - 1]
        node = PrintedNode(name, len(self.nodes), number, source=source, **fields)
        node.inputs = tuple(dict.fromkeys(_nodes_in((node.args, tuple(node.kwargs.values())))))
        self.nodes.append(node)
        self.named[name] = node
        return node

    def _statement(self, statement: ast.stmt) -> None:
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value
        ):
            self._assign(statement.target.id, statement, statement.value, _held(statement.annotation))
        elif isinstance(statement, ast.Assign) and all(
            isinstance(each, ast.Name) for each in statement.targets
        ):
            if isinstance(statement.value, ast.Constant) and statement.value.value is None:
                return  # `x = y = None` frees them
            if len(statement.targets) != 1:
                raise _UnreadError(statement, "a value for several names at once")
            target = statement.targets[0]
            assert isinstance(target, ast.Name)
            self._assign(target.id, statement, statement.value, None)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            for each in statement.targets[0].elts:  # inputs taken out of a pytree
                if isinstance(each, ast.Name) and each.id not in self.named:
                    self._add(each.id, statement, what="an input")
        elif isinstance(statement, ast.Return):
            value = () if statement.value is None else self._value(statement.value)
            self._add("output", statement, args=(value,), is_output=True, what="the return")
        elif not isinstance(statement, (ast.Pass, ast.Delete)) and not (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ):
            raise _UnreadError(statement, "a statement that no printed graph has")

    def _assign(self, name: str, at: ast.stmt, value: ast.expr, held: Any) -> None:
        if isinstance(value, ast.Call):
            self._call(name, at, value, held)
        elif isinstance(value, ast.Subscript):
            self._subscript(name, at, value, held)
        else:
            args = (self._value(value),) if not _is_state(value) else ()
            self._add(name, at, args=args, held=held, what=_shown(value))

    def _call(self, name: str, at: ast.stmt, call: ast.Call, held: Any) -> None:
        called = _dotted(call.func)
        args = tuple(self._value(arg) for arg in call.args)
        kwargs = {each.arg: self._value(each.value) for each in call.keywords if each.arg is not None}
        if called is None:  # a method
            receiver = (self._value(call.func.value),) if isinstance(call.func, ast.Attribute) else ()
            self._add(name, at, args=(*receiver, *args), kwargs=kwargs, held=held, what=_shown(call.func))
            return
        version = _FUNCTIONALIZED.get(called, 0)
        if version and (args or "_mutable_op" in kwargs):
            inner = args[0] if args else kwargs.pop("_mutable_op")
            if isinstance(inner, Target):
                self._add(
                    name,
                    at,
                    target=inner.name,
                    args=args[1:],
                    kwargs=kwargs,
                    held=held,
                    functionalized=version,
                )
                return
        target = op_target(called)
        what = "" if target is not None else called
        self._add(name, at, target=target, args=args, kwargs=kwargs, held=held, what=what)

    def _subscript(self, name: str, at: ast.stmt, value: ast.Subscript, held: Any) -> None:
        source, index = self._value(value.value), value.slice
        whole = isinstance(index, ast.Constant) and type(index.value) is int
        if isinstance(source, PrintedNode) and isinstance(index, ast.Constant) and whole:
            self._add(name, at, args=(source, index.value), taken=(source, index.value), held=held)
        else:
            self._add(name, at, args=(source, self._value(index)), held=held, what="an index")

    def _value(self, value: ast.expr) -> Any:
        if isinstance(value, ast.Name):
            if value.id in self.named:
                return self.named[value.id]
            if value.id in _NUMBERS:
                return _NUMBERS[value.id]
            raise _UnreadError(value, f"`{value.id}` is not defined above")
        if isinstance(value, ast.Constant):
            plain = value.value is None or isinstance(value.value, (bool, int, float, str))
            return value.value if plain else repr(value.value)
        if isinstance(value, (ast.Tuple, ast.List)):
            return tuple(self._value(item) for item in value.elts)
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            negated = self._value(value.operand)
            return -negated if isinstance(negated, (int, float)) else (negated,)
        if isinstance(value, ast.Attribute):
            return _constant(value)
        if isinstance(value, ast.Call):
            return self._nested_call(value)
        # Anything else is a value of which only the nodes in it are known.
        return tuple(self._value(part) for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr))

    def _nested_call(self, call: ast.Call) -> Any:
        named = {each.arg: self._value(each.value) for each in call.keywords if each.arg is not None}
        args = tuple(self._value(arg) for arg in call.args)
        called = _dotted(call.func)
        if called in ("device", "torch.device"):
            kind = named.get("type", args[0] if args else None)
            index = named.get("index")
            return str(kind) if index is None else f"{kind}:{index}"
        if called == "float" and len(args) == 1 and args[0] in ("inf", "-inf", "nan"):
            return float(args[0])
        return (*args, *named.values())


def _has_self(function: ast.FunctionDef) -> bool:
    return bool(function.args.args) and function.args.args[0].arg == "self"


def _held(annotation: ast.expr | None) -> Any:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return read_annotation(annotation.value)
    return None


def _is_state(value: ast.expr) -> bool:
    return isinstance(value, ast.Attribute) and (_dotted(value) or "").startswith("self.")


def _dotted(value: ast.expr) -> str | None:
    """`torch.ops.aten.view.default`, or None where it is not only names."""
    names: list[str] = []
    while isinstance(value, ast.Attribute):
        names.append(value.attr)
        value = value.value
    return ".".join((value.id, *reversed(names))) if isinstance(value, ast.Name) else None


def op_target(dotted: str) -> str | None:
    """`torch.ops.ns.op.overload` as `ns::op.overload`; the overload `default` where none is written."""
    if not dotted.startswith("torch.ops."):
        return None
    parts = dotted.split(".")[2:]
    if len(parts) not in (2, 3):
        return None
    return f"{parts[0]}::{parts[1]}.{parts[2] if len(parts) == 3 else 'default'}"


def _constant(value: ast.expr) -> Any:
    """`torch.bfloat16` as a dtype, an op as its name, and other constants of torch as text."""
    dotted = _dotted(value)
    if dotted is None:
        return _shown(value)
    target = op_target(dotted)
    return Target(target) if target else FROM_TORCH.get(dotted.removeprefix("torch."), dotted)


def _shown(value: ast.expr) -> str:
    return _dotted(value) or type(value).__name__.lower()


def _nodes_in(value: Any) -> Iterator[PrintedNode]:
    if isinstance(value, PrintedNode):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


def _sources(lines: tuple[str, ...]) -> Iterator[str]:
    """For each line the comment above it that says which line of the program it comes from."""
    current = ""
    for line in lines:
        if "#" in line:
            found = _SOURCE.match(line)
            if found is not None:
                current = found[1]
            elif _NO_SOURCE.match(line):
                current = ""
        yield current
