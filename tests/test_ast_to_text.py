"""The formatter: canonical, stable, and without loss of meaning or comments."""

from __future__ import annotations

from pathlib import Path

import pytest
from ast_strategies import exprs, files, statements
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patdsl.diagnostic import Diagnostics
from patdsl.source import Source
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.ast_to_text import format_expr, format_file, format_statement
from patdsl.syntax.text_to_ast import parse
from patdsl.syntax.words_to_lines import WIDTH

PAPER = sorted((Path(__file__).parent / "paper").glob("*.pat"))
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def parsed(text: str) -> ast.File:
    diagnostics = Diagnostics()
    file = parse(Source("x.pat", text), diagnostics)
    assert diagnostics.items == [], text
    return file


def formatted(text: str) -> str:
    """The canonical text, after checking what must hold of it for every text."""
    file = parsed(text)
    once = format_file(file)
    again = parsed(once)
    assert again.declarations == file.declarations
    assert sorted(comment.text for comment in again.comments) == sorted(
        comment.text for comment in file.comments
    )
    assert format_file(again) == once
    return once


@SLOW
@given(files)
def test_what_is_printed_parses_to_the_same_ast(file: ast.File) -> None:
    text = format_file(file)
    assert parsed(text).declarations == file.declarations
    assert formatted(text) == text


@SLOW
@given(exprs)
def test_an_expression_is_printed_with_the_parentheses_that_it_needs(expr: ast.Expr) -> None:
    (const,) = parsed(f"const a = {format_expr(expr)}").declarations
    assert isinstance(const, ast.Const)
    assert const.values[0].value == expr


@SLOW
@given(statements)
def test_a_statement_is_printed_on_one_line(statement: ast.Statement) -> None:
    text = format_statement(statement)
    assert "\n" not in text
    (pattern,) = parsed(f"pattern p {{ {text} => a = b }}").declarations
    assert isinstance(pattern, ast.PatternDecl)
    assert pattern.left == (statement,)


BASE = """
import ops (a, b as c,)
const m = 448.0 | 224.0 on gfx942
host h(a: str, n: int): bool = true
op f(x: T[*B, H], n: int = 1) -> (y: T[*B, H], z: int)
  = ns::f.out(x, mut x -> y, n, temp f32[M]) -> (y, _) on sm_90+ if n == 1
  | { y = g(x) z = h(n) } if rank(x) == 2
  where n in {1, 2}
  ref m.n:f
pattern p[g in {64, 128}] (x: T[M, H]) { y = f(x, g) q, s = k(y)
=> q, s = l(x)
where g == 1 and rank(x) > 2 keep y }
pattern c { a -> (b -> c, 2x d) -> (e | f) => 2x l where x == 1 }
pass w on gfx942 when n > 1 after u, v { p, c }
test "t" (x: bf16[2, 3]) { a -> b(n=1) expect p 1 expect c 0 }
"""


@SLOW
@given(st.data())
def test_every_comment_is_kept_wherever_it_stands(data: st.DataObject) -> None:
    """Comments and line breaks between any two tokens of a text with every construct in it."""
    gaps = [index for index, char in enumerate(BASE) if char in " \n"]
    chosen = sorted(data.draw(st.lists(st.sampled_from(gaps), max_size=6, unique=True)), reverse=True)
    text = BASE
    for number, gap in enumerate(chosen):
        filler = data.draw(
            st.sampled_from([f" # c{number}\n", f"\n# c{number}\n", f"\n\n  # c{number}\n\n", "\n\n"])
        )
        text = text[:gap] + filler + text[gap + 1 :]
    formatted(text)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_paper_files_are_in_canonical_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


def test_there_are_paper_files() -> None:
    assert len(PAPER) == 15


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        ("# only a comment", "# only a comment\n"),
        ("\n\n\nimport a\n\n\n\nimport b\nimport c\n\n", "import a\n\nimport b\nimport c\n"),
        ("pattern p { a\n->  b=>c }", "pattern p { a -> b => c }\n"),
        ("pattern p { a => b where x==1 }", "pattern p {\n  a => b\n  where x == 1\n}\n"),
        (
            "pattern p { y=f(x) a,_=g(y)=>a=h(x) }",
            "pattern p {\n  y    = f(x)\n  a, _ = g(y)\n=>\n  a = h(x)\n}\n",
        ),
        (
            "pattern p { y=f(x)\n\na,_=g(y)=>a=h(x) }",
            "pattern p {\n  y = f(x)\n\n  a, _ = g(y)\n=>\n  a = h(x)\n}\n",
        ),
        (
            "op f(x: T[H])->(y: T[H]) ref a:b free =  n::f  on cpu where H==1",
            "op f(x: T[H]) -> (y: T[H])\n  = n::f  on cpu\n  where H == 1\n  free\n  ref a:b\n",
        ),
        ("op f()->()={y=g(x)}", "op f() -> ()\n  = { y = g(x) }\n"),
        (
            "op f()->()={y=g(x)z=h(x)}if a",
            "op f() -> ()\n  = {\n      y = g(x)\n      z = h(x)\n    }  if a\n",
        ),
        ("const a = ((b + c)) * (d * e) - (f)", "const a = (b + c) * (d * e) - f\n"),
        ("const a = (b and c) or not (d or e)", "const a = b and c or not (d or e)\n"),
        (
            f"op f({'x' * 44}: T[H], {'y' * 42}: T[H]# why\n) -> ()",
            f"# why\nop f({'x' * 44}: T[H], {'y' * 42}: T[H])\n    -> ()\n",
        ),
        ("op f(x: T[H]) -> (\n  y: T[H],  # why\n)", "op f(x: T[H]) -> (y: T[H])  # why\n"),
        ("pass p on a,b+ { }", "pass p on a, b+ {}\n"),
        ("pass p { a, # one\n b }", "pass p {\n  a,  # one\n  b,\n}\n"),
        ("import a ( # why\n b )", "import a (  # why\n  b,\n)\n"),
        ('test "t\\u200e" { a expect p 01 }', 'test "t\\u200e" {\n  a\n  expect p 1\n}\n'),
        ("const a = f(b, # inside\n c) # behind", "# inside\nconst a = f(b, c)  # behind\n"),
        (
            "pattern p {\n  # first\n\n  a\n  # arrow\n  => b # last\n\n  # end\n}\n# rest",
            "pattern p {\n  # first\n  # arrow\n  a => b  # last\n\n  # end\n}\n# rest\n",
        ),
    ],
)
def test_canonical_form(given: str, expected: str) -> None:
    assert formatted(given) == expected


def test_lines_break_at_the_outermost_place_that_fits() -> None:
    name = "a_rather_long_name_of_an_argument"
    text = formatted(
        f"op f(x: T[H]) -> (y: T[H]) = n::f(g({name}, {name}), {name}, {name}) on cpu if {name} == 1"
    )
    assert text == (
        "op f(x: T[H]) -> (y: T[H])\n"
        f"  = n::f(g({name}, {name}),\n"
        f"      {name}, {name})  on cpu\n"
        f"      if {name} == 1\n"
    )


def test_no_line_is_longer_than_it_must_be() -> None:
    arguments = ", ".join(f"argument_number_{index}" for index in range(200))
    text = formatted(f"pattern p {{ y = f({arguments}) => y = g({arguments}) }}")
    assert max(map(len, text.splitlines())) <= WIDTH
