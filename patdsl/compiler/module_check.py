"""Whether the text of a compiled module holds only what such modules may hold.

In: Python text, as `plan_to_module.py` writes it. Out: nothing, or `ModuleFormError`. The text is read by Python's
parser and never run. What is allowed is listed here as data; a name or string of a `.pat` file that got out of its
literal makes something that is not listed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from patdsl.compiler.plan_to_module import HOMES, LOAD, RUNTIME_IMPORT

#: What a value consists of. Calls and names are looked at further.
_DATA = (ast.Call, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.Dict, ast.keyword, ast.UnaryOp, ast.USub)
#: The names that a module gives its values: capitals, which no name of Python's own is; `Bs` for a variadic dim.
_SYMBOL = re.compile(r"[A-Z_][A-Z0-9_]*s?_*")
_CONSTANTS = (str, int, float, bool, type(None))
#: The arguments of the one call that functions make, and what may be called in each.
_REGISTER: Mapping[str, str | None] = {
    "search_fn": "Left",
    "replace_fn": "Right",
    "example_inputs": "examples",
    "trace_fn": None,
    "pass_dicts": None,
    "extra_check": None,
    "search_fn_pattern": "Matcher",
    "pattern_name": None,
}
_RUNTIME = frozenset(name.strip(" ,") for name in RUNTIME_IMPORT.splitlines()[1:-1])
#: What may be imported, and from where.
IMPORTS: Mapping[str, frozenset[str]] = {
    **{home: frozenset(names) for home, names in HOMES.items()},
    "patdsl.text_to_expr": frozenset({"expr"}),
    "patdsl.runtime": _RUNTIME,
}
#: What a value may call.
CONSTRUCTORS = frozenset({"expr", *(name for names in HOMES.values() for name in names)})


class ModuleFormError(Exception):
    """A module with something in it that no module may hold: a bug of the compiler, whatever the file said."""


def check_module(text: str) -> None:
    """Raise ModuleFormError unless every statement of the module has an allowed form."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ModuleFormError(f"the module is not Python: {error}") from error
    _need(len(body) > 2 and _is_text(body[0]), body[0] if body else None, "a docstring comes first")
    future = body[1]
    _need(
        ast.unparse(future) == "from __future__ import annotations", future, "then the import of annotations"
    )
    known: set[str] = set()
    for node in body[2:]:
        if isinstance(node, ast.ImportFrom):
            _check_import(node, known)
        elif isinstance(node, ast.Assign):
            check_data(node.value, known)
            _declare(node.targets[0], len(node.targets) == 1, known)
        else:
            _check_function(node, known)


def check_data(node: ast.AST, known: set[str] | frozenset[str]) -> None:
    """Raise ModuleFormError unless an expression only makes values of names in `known` and of literals."""
    for part in ast.walk(node):
        _need(isinstance(part, _DATA), part, "not data")
        if isinstance(part, ast.Call):
            _need(
                isinstance(part.func, ast.Name) and part.func.id in CONSTRUCTORS,
                part,
                "a call of something else",
            )
        elif isinstance(part, ast.Name):
            _need(part.id in known, part, "an unknown name")
        elif isinstance(part, ast.Constant):
            _need(type(part.value) in _CONSTANTS, part, "a constant of another kind")
        elif isinstance(part, ast.UnaryOp):
            _need(isinstance(part.operand, ast.Constant), part, "a computation")
        elif isinstance(part, (ast.keyword, ast.Dict)):
            spread = part.arg is None if isinstance(part, ast.keyword) else None in part.keys
            _need(not spread, part, "a spread")


def _check_import(node: ast.ImportFrom, known: set[str]) -> None:
    allowed = IMPORTS.get(node.module or "", frozenset())
    for item in node.names:
        _need(
            item.name in allowed and item.asname is None and not node.level,
            node,
            "an import of something else",
        )
        known.add(item.name)


def _declare(target: ast.expr, is_alone: bool, known: set[str]) -> None:
    _need(is_alone and isinstance(target, ast.Name), target, "an assignment to something else")
    assert isinstance(target, ast.Name)
    _need(target.id not in known, target, "a name given twice")
    _need(_SYMBOL.fullmatch(target.id) is not None, target, "a name that means something to Python")
    known.add(target.id)


def _check_function(node: ast.stmt, known: set[str]) -> None:
    _need(isinstance(node, ast.FunctionDef), node, "a statement of another kind")
    assert isinstance(node, ast.FunctionDef)
    if node.name == "load":
        _need(ast.dump(node) == ast.dump(ast.parse(LOAD).body[0]), node, "another `load`")
        return
    _need(node.name.startswith("register_") and node.name not in known, node, "a function of another name")
    _need(
        ast.unparse(node.args) == "patterns: FusionPass" and not node.decorator_list,
        node,
        "another signature",
    )
    _need(ast.unparse(node.returns or node) == "None" and _is_text(node.body[0]), node, "another signature")
    for statement in node.body[1:]:
        _check_call(statement, known | {"patterns"})
    known.add(node.name)


def _check_call(statement: ast.stmt, known: set[str]) -> None:
    call = statement.value if isinstance(statement, ast.Expr) else None
    _need(isinstance(call, ast.Call) and not call.args, statement, "not a registration")
    assert isinstance(call, ast.Call)
    names = [keyword.arg for keyword in call.keywords]
    _need(
        _name_of(call.func) == "register_replacement" and names == list(_REGISTER), call, "not a registration"
    )
    for keyword in call.keywords:
        called = _REGISTER[keyword.arg or ""]
        if called is None:
            _need(isinstance(keyword.value, (ast.Name, ast.Constant)), keyword, "not a name")
            check_data(keyword.value, known)
            continue
        made = keyword.value
        _need(
            isinstance(made, ast.Call) and _name_of(made.func) == called and not made.keywords,
            made,
            "another call",
        )
        assert isinstance(made, ast.Call)
        for argument in made.args:
            _need(isinstance(argument, ast.Name) and argument.id in known, argument, "not a name")


def _name_of(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _need(is_so: bool, node: ast.AST | None, what: str) -> None:
    if not is_so:
        line = getattr(node, "lineno", 1)
        raise ModuleFormError(f"line {line} of the module is not allowed: {what} ({type(node).__name__})")
