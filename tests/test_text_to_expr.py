"""Expressions written into compiled modules: read back as the same, or written as constructor calls."""

from __future__ import annotations

import ast as python

import pytest
from expr_strategies import anything, conditions, numbers
from hypothesis import assume, example, given
from hypothesis import strategies as st

from patdsl.compiler.data_to_python import PythonWriter
from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Expr, Func, Items, Lit, Member, Ref, Star, Unary
from patdsl.resolved_to_text import expr_text, literal_text
from patdsl.text_to_expr import expr

NAMESPACE = {cls.__name__: cls for cls in (Binary, Func, Items, Lit, Member, Ref, Star, Unary, Dtype)} | {
    "expr": expr
}

HOSTILE = [
    '"',
    "'",
    '"""',
    "'''",
    "\\",
    "\\\\",
    '\\"',
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\x7f",
    "\u2028",
    "\u202e",
    "\ud83d\ude00",
    "\U0001f600",
    "é",
    "{x}",
    "%s",
    "#",
    "__import__('os')",
    '") or __import__("os").abort() or ("',
    "\\x41",
    "\\N{BULLET}",
    "none",
    "true",
    "bf16",
]


def written_and_read(value):
    """What the module of a value gives back."""
    return eval(PythonWriter().write(value), dict(NAMESPACE))  # noqa: S307  what is tested is just that


@given(st.one_of(numbers, conditions))
def test_text_says_the_same(one):
    """Signs of numbers aside, which are literals only where the grammar makes them so."""
    assume("-" not in expr_text(one))
    assert expr(expr_text(one)) == one


@given(anything)
@example(Ref("in"))
@example(Ref("lambda"))
@example(Ref("None"))
@example(Ref("True"))
@example(Ref("none"))
@example(Ref("true"))
@example(Ref("bf16"))
@example(Binary("+", Ref("class"), Lit(1)))
@example(Binary("+", Ref("bf16"), Lit(1)))
@example(Binary("==", Ref("none"), Lit(None)))
@example(Binary("+", Lit(-1), Lit(2)))
@example(Binary("==", Lit(-0.0), Ref("x")))
@example(Binary("==", Binary("==", Ref("a"), Ref("b")), Ref("c")))
@example(Binary("and", Ref("a"), Binary("and", Ref("b"), Ref("c"))))
@example(Unary("-", Unary("-", Ref("a"))))
@example(Unary("not", Binary("+", Ref("a"), Ref("b"))))
@example(Binary("+", Unary("not", Ref("a")), Ref("b")))
@example(Member(Member(Ref("a"), (Lit(1),)), (Lit(True),)))
@example(Func("ceil", (Binary("/", Ref("a"), Ref("b")),)))
@example(Func("ceil_div", (Binary("/", Ref("a"), Ref("b")), Ref("c"))))
@example(Func("ceil", ()))
@example(Items((Lit(1),)))
@example(Binary("==", Ref("x"), Lit((1, 2))))
def test_every_expression_survives_being_written(one):
    assert same(written_and_read(one), one)


def same(one, other):
    """Equal, and of equal types: 1, 1.0 and true are three literals."""
    return repr(one) == repr(other) and one == other


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_strings_stay_literals(text):
    for value in (
        Lit(text),
        Binary("==", Ref("activation"), Lit(text)),
        Func("supports", (Lit(text), Ref("x"))),
    ):
        source = PythonWriter().write(value)
        assert same(written_and_read(value), value)
        assert source.isascii()
        assert source.isprintable()
        names = {node.id for node in python.walk(python.parse(source)) if isinstance(node, python.Name)}
        assert names <= set(NAMESPACE)


@given(st.text())
def test_literals_of_any_text(text):
    """A lone surrogate cannot come from a file, but must not break out either."""
    value = Binary("==", Ref("x"), Lit(text))
    assert same(written_and_read(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "(",
        "a.b",
        "a[0]",
        "a ** b",
        "a // b",
        "a @ b",
        "a & b",
        "~a",
        "+a",
        "lambda: 1",
        "[x for x in y]",
        "{1: 2}",
        "f'{x}'",
        "b'x'",
        "...",
        "1j",
        "a if b else c",
        "a := 1",
        "(yield)",
        "f(x=1)",
        "f(*x, **y)",
        "a.f(1)",
        "f(1)(2)",
        "a < b < c",
        "a is b",
        "a not in {1}",
        "a in [1]",
        "a in b",
        "a not in b",
        "(1, 2)",
        "{1, 2}",
        "await x",
        "a\nb",
        "\0",
        "\ud800",
    ],
    ids=ascii,
)
def test_other_python_is_refused(text):
    with pytest.raises(ValueError, match="not an expression"):
        expr(text)


def test_deep_text_is_refused_not_crashed_on():
    with pytest.raises(ValueError, match="not an expression"):
        expr("(" * 5000 + "1" + ")" * 5000)
    with pytest.raises(ValueError, match="not an expression"):
        expr("-" * 100_000 + "1")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (False, "false"),
        (1e-6, "1e-06"),
        (Dtype("bf16"), "bf16"),
        ((1, None), "[1, none]"),
        ('a"b', '"a\\"b"'),
    ],
)
def test_literals_as_the_language_writes_them(value, text):
    assert literal_text(value) == text


def test_every_form_of_an_expression_is_tried():
    assert set(Expr.__args__) == {Lit, Ref, Unary, Binary, Member, Func, Items, Star}
