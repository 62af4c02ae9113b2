"""The parser: what each construct becomes, and what is said about every kind of error."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Any

import lark
import pytest
from ast_strategies import NOWHERE, files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patdsl.codes import CODES
from patdsl.diagnostic import Diagnostic, Diagnostics
from patdsl.locate import grammar_file
from patdsl.source import Source
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.ast_to_text import format_file
from patdsl.syntax.grammar_to_parser import pat_parser
from patdsl.syntax.text_to_ast import MAX_ERRORS, parse

FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
PAPER = sorted((Path(__file__).parent / "paper").glob("*.pat"))


def run(text: str) -> tuple[ast.File, list[Diagnostic]]:
    diagnostics = Diagnostics()
    return parse(Source("x.pat", text), diagnostics), diagnostics.items


def parsed(text: str) -> ast.File:
    file, found = run(text)
    assert found == []
    return file


def only(text: str) -> Any:
    (declaration,) = parsed(text).declarations
    return declaration


def name(text: str) -> ast.Name:
    return ast.Name(NOWHERE, text)


def number(value: int) -> ast.Literal:
    return ast.Literal(NOWHERE, value, str(value))


def op(function: str, arguments: tuple[ast.Argument, ...] | None = None, **rest: Any) -> ast.ChainOp:
    given = {"label": None, "fan_out": None, "optional": False, **rest}
    return ast.ChainOp(NOWHERE, function=name(function), arguments=arguments, **given)


def argument(value: ast.Expr, keyword: str | None = None) -> ast.Argument:
    return ast.Argument(NOWHERE, name(keyword) if keyword else None, value)


# What each construct becomes


def test_the_one_line_pattern() -> None:
    file = parsed(
        "import vllm_ir\nimport aiter (rms_norm_group_quant as fused)\n"
        "pattern double_quant {\n  rms_norm -> view? -> 2x group_quant => 2x fused\n}\n"
    )
    two = ast.FanOut(NOWHERE, 2, 2)
    left = (op("rms_norm"), op("view", optional=True), op("group_quant", fan_out=two))
    fused = ast.Imported(NOWHERE, name("rms_norm_group_quant"), name("fused"))
    assert file.declarations == (
        ast.Import(NOWHERE, "vllm_ir", NOWHERE, False, None),
        ast.Import(NOWHERE, "aiter", NOWHERE, False, (fused,)),
        ast.PatternDecl(
            NOWHERE,
            name("double_quant"),
            (),
            (),
            ast.Chain(NOWHERE, left),
            ast.Chain(NOWHERE, (op("fused", fan_out=two),)),
            (),
        ),
    )


def test_a_chain_with_labels_groups_alternatives_and_optional_ops() -> None:
    pattern = only("pattern p { n: a(1, k=g in {2, 3})? -> (b -> c, 1..x d) -> (e | 2..4x f) => g }")
    member = ast.Member(NOWHERE, name("g"), (number(2), number(3)))
    group = ast.Group(
        NOWHERE,
        (
            ast.Chain(NOWHERE, (op("b"), op("c"))),
            ast.Chain(NOWHERE, (op("d", fan_out=ast.FanOut(NOWHERE, 1, None)),)),
        ),
    )
    alternatives = ast.Alternatives(
        NOWHERE,
        (
            ast.Chain(NOWHERE, (op("e"),)),
            ast.Chain(NOWHERE, (op("f", fan_out=ast.FanOut(NOWHERE, 2, 4)),)),
        ),
    )
    first = op("a", (argument(number(1)), argument(member, "k")), label=name("n"), optional=True)
    assert pattern.left == ast.Chain(NOWHERE, (first, group, alternatives))


def test_a_block_with_wildcards_fan_outs_and_optional_views() -> None:
    pattern = only("pattern p { a, _ = 2x f(view?(x), [*B, _], -1) => a = x }")
    view = ast.Call(NOWHERE, name("view"), (argument(name("x")),), None, True)
    dims = ast.ListExpr(NOWHERE, (ast.Star(NOWHERE, name("B")), ast.Wildcard(NOWHERE)))
    minus = ast.Unary(NOWHERE, "-", number(1))
    call = ast.Call(
        NOWHERE,
        name("f"),
        (argument(view), argument(dims), argument(minus)),
        ast.FanOut(NOWHERE, 2, 2),
    )
    targets = (name("a"), ast.Wildcard(NOWHERE))
    assert pattern.left == (ast.Statement(NOWHERE, targets, call),)
    assert pattern.right == (ast.Statement(NOWHERE, (name("a"),), name("x")),)


def test_the_clauses_of_a_pattern() -> None:
    pattern = only(
        "pattern p { a => b where x == 1 on gfx950, sm_90+ keep y, z rounds y restride z"
        " prefer p over q only k -> attention.key }"
    )
    kinds = [type(clause).__name__ for clause in pattern.clauses]
    assert kinds == ["Where", "On", "Keep", "Rounds", "Restride", "Prefer", "Only"]
    assert pattern.clauses[1].targets == (
        ast.Target(NOWHERE, "gfx950", False),
        ast.Target(NOWHERE, "sm_90", True),
    )
    assert pattern.clauses[6] == ast.Only(NOWHERE, name("k"), name("attention"), name("key"))


def test_pattern_parameters_one_by_one_and_zipped() -> None:
    pattern = only("pattern p[g in {64, 128}, (f, h) in {(a, b), (c, d)}](x: T[M]) { a => b }")
    pairs = tuple(ast.TupleExpr(NOWHERE, (name(a), name(b))) for a, b in ("ab", "cd"))
    assert pattern.parameters == (
        ast.PatternParameter(NOWHERE, (name("g"),), (number(64), number(128))),
        ast.PatternParameter(NOWHERE, (name("f"), name("h")), pairs),
    )


def test_an_op_with_all_kinds_of_template_arguments() -> None:
    declared = only(
        "op f(mut x: T[*B, H], w: {bf16, f16}[H]? = none, n: int[], s: f32[]) -> (y: T[*B, ceil(H / 2)])\n"
        "  = ns::f.out(x, k=n, out q as f8, y=out q, mut x -> y, mut x -> _, same w, temp f32[M], g(x), not n)"
        " -> (y, _) on sm_90+, cpu if n == 1\n"
        "  | g | { y = g(x) } where H % 16 == 0 effect kv read effect c ref a.b:c commutative free"
    )
    mut, weight, ints, scalar = declared.parameters
    assert mut.mutable
    assert weight.optional
    assert weight.default == ast.Literal(NOWHERE, None, "none")
    assert weight.type.is_set
    assert ints.type == ast.PlainType(NOWHERE, name("int"), True)
    assert scalar.type == ast.TensorType(NOWHERE, (name("f32"),), False, ())
    call, other, block = declared.bindings
    assert call.op == ast.TorchOp(NOWHERE, name("ns"), name("f"), name("out"))
    assert [given.kind for given in call.arguments] == (
        ["value", "value", "out", "out", "mut", "mut", "same", "temp", "value", "value"]
    )
    assert call.arguments[2] == ast.TemplateArgument(NOWHERE, "out", names=(name("q"),), view_as=name("f8"))
    assert call.arguments[3].keyword == name("y")
    assert call.arguments[5].names == (name("x"), ast.Wildcard(NOWHERE))
    assert call.results == (name("y"), ast.Wildcard(NOWHERE))
    assert [target.or_newer for target in call.targets] == [True, False]
    assert (other.op, other.arguments) == (ast.TorchOp(NOWHERE, None, name("g")), None)
    assert block.block == (
        ast.Statement(NOWHERE, (name("y"),), ast.Call(NOWHERE, name("g"), (argument(name("x")),))),
    )
    assert [effect.read_only for effect in declared.effects] == [True, False]
    assert declared.ref == ast.Ref(NOWHERE, "a.b", "c")
    assert [flag.text for flag in declared.flags] == ["commutative", "free"]


def test_const_host_pass_and_test() -> None:
    const, host, plain, run_pass, test = parsed(
        "const m = 448.0 | 224.0 on gfx942 host h(a: str): bool = true host n: int\n"
        'pass p after a, b when n > 1 on cpu { c, d, } test "a \\"b\\"" (x: bf16[2]) { f(x) -> g expect p 2 }'
    ).declarations
    assert isinstance(const, ast.Const)
    assert [value.targets for value in const.values] == [(), (ast.Target(NOWHERE, "gfx942", False),)]
    assert isinstance(host, ast.Host)
    assert host.parameters is not None
    assert isinstance(plain, ast.Host)
    assert plain.parameters is None
    assert isinstance(run_pass, ast.PassDecl)
    assert [found.text for found in (*run_pass.after, *run_pass.patterns)] == ["a", "b", "c", "d"]
    assert isinstance(test, ast.TestDecl)
    assert test.name == 'a "b"'
    assert test.expects == (ast.Expect(NOWHERE, name("p"), 2),)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("1e-10", 1e-10),
        ("2.50", 2.5),
        ("true", True),
        ("false", False),
        ("none", None),
        ('"a\\n\\u0041\\\\"', "a\nA\\"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_literals(text: str, value: object) -> None:
    literal = only(f"const a = {text}").values[0].value
    assert literal == ast.Literal(NOWHERE, value, text)  # type: ignore[arg-type]
    assert type(literal.value) is type(value)


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("-a * b", "(-a) * b"),
        ("not a and b or c", "((not a) and b) or c"),
        ("not a == b", "not (a == b)"),
        ("a + b in {c}", "(a + b) in {c}"),
        ("a or b and c", "a or (b and c)"),
    ],
)
def test_operators_bind_as_in_python(text: str, grouped: str) -> None:
    assert only(f"const a = {text}") == only(f"const a = {grouped}")


def test_spans_are_exact() -> None:
    text = "pattern p {\n  y = f(x, k=-1)  # why\n=>\n  y = g(x)\n  where (H + 1) % 16 == 0\n}"
    pattern = only(text)
    (statement,) = pattern.left
    assert pattern.span.text == text
    assert statement.span.text == "y = f(x, k=-1)"
    assert statement.span.place == "x.pat:2:3"
    assert statement.value.arguments[1].span.text == "k=-1"
    assert pattern.clauses[0].span.text == "where (H + 1) % 16 == 0"


def test_comments_are_kept_with_their_place() -> None:
    file = parsed('# a\nconst c = "# no" # b  \n  # c\n')
    assert [(comment.text, comment.own_line) for comment in file.comments] == [
        ("# a", True),
        ("# b", False),
        ("# c", True),
    ]
    assert file.comments[1].span.text == "# b"


def test_newlines_mean_nothing() -> None:
    text = "pattern p [ g in { 1 } ] ( x : int ) { a ( g ) -> 2x b => c where g == 1 keep c }"
    assert parsed(text.replace(" ", "\n")).declarations == parsed(text).declarations


# The grammar


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    """Lark settles shift-reduce conflicts silently and says so at debug level only."""
    options = {"parser": "lalr", "debug": True}
    lark.logger.addHandler(caplog.handler)
    level = lark.logger.level
    lark.logger.setLevel(logging.DEBUG)
    try:
        lark.Lark('start: a b\na: "x" | "x" "y"\nb: "y" "z" | "z"', **options)
        assert "Shift/Reduce conflict" in caplog.text, "this test can no longer see conflicts"
        caplog.clear()
        lark.Lark(grammar_file().read_text(), start="file", **options)
        assert "conflict" not in caplog.text.lower()
    finally:
        lark.logger.setLevel(level)
        lark.logger.removeHandler(caplog.handler)


def test_every_rule_has_a_method() -> None:
    """A rule without one would put a parse tree into the AST."""
    parser = pat_parser()
    rules = {str(rule.alias or rule.origin.name) for rule in parser.lark.rules}
    inlined = {str(rule.origin.name) for rule in parser.lark.rules if rule.options.expand1}
    missing = {
        rule for rule in rules - inlined if not rule.startswith("_") and not hasattr(parser.builder, rule)
    }
    assert missing == set()


@FUZZ
@given(files)
def test_every_ast_can_be_written(file: ast.File) -> None:
    assert parsed(format_file(file)).declarations == file.declarations


# Errors: text, then (code, line, column, marked text, words of the message, words of the help)

Expected = tuple[str, int, int, str, str, str]

ERRORS: list[tuple[str, list[Expected]]] = [
    (
        "pattern p { a -> 2 x b => c }",
        [("PAT010", 1, 18, "2", "expected an op, found `2`", "write a fan-out in one word: `2x`")],
    ),
    (
        "pattern p { y = 2 x f(a) => y = g(a) }",
        [("PAT010", 1, 21, "f", "found `f`", "write a fan-out in one word: `2x`")],
    ),
    (
        "pattern p { a -> 1+x b => c }",
        [("PAT010", 1, 18, "1", "expected an op", "write `1..x` for 1 or more")],
    ),
    (
        "pattern p { a -> 0x b => 4..2x c }",
        [
            ("PAT018", 1, 18, "0x", "asks for no consumer", "`1..x`"),
            ("PAT018", 1, 26, "4..2x", "ends before it starts", "write `2..4x`"),
        ],
    ),
    (
        "pattern p { a -> b }\nconst c = 1",
        [("PAT010", 1, 20, "}", "expected `->` or `=>`, found `}`", "add `=>` and what it becomes")],
    ),
    (
        "pattern p {\n  y = f(x)\n->\n  y = 1 1\n}",
        [
            ("PAT010", 3, 1, "->", "expected `=>` or a statement", "write `=>` between the two sides"),
            ("PAT010", 4, 9, "1", "found `1`", ""),
        ],
    ),
    ("op f() => (y: int)", [("PAT010", 1, 8, "=>", "expected `->`, found `=>`", "write `->`")]),
    (
        "pattern p {\n  y = f(x)\n=>\n  y = g(x)\n\npattern q { a => b }",
        [("PAT016", 6, 1, "pattern", "expected `}` or a statement", "")],
    ),
    (
        "pattern p {",
        [("PAT016", 1, 12, "", "expected a chain or a statement, found the end of the file", "")],
    ),
    (
        "pattern p {\n  y = f(x,\n  z = g(x)\n=>\n  y = g(x)\n}",
        [("PAT016", 4, 1, "=>", "expected `)` or `,`, found `=>`", "")],
    ),
    (
        "pattern p { a → b ⇒ c }",
        [
            ("PAT012", 1, 15, "→", "U+2192 RIGHTWARDS ARROW", "write `->`"),
            ("PAT012", 1, 19, "⇒", "means nothing here", "write `=>`"),
        ],
    ),
    ("const a = 'b'", [("PAT012", 1, 11, "'", "means nothing", "double quotes")]),
    ("const ä = 1", [("PAT012", 1, 7, "ä", "LATIN SMALL LETTER A WITH DIAERESIS", "letters a to z")]),
    (
        'op f() -> () = n::f("abc) on cpu\n  where a 1\n',
        [
            ("PAT011", 1, 21, '"abc) on cpu', "no end on its line", 'close it with `"`'),
            ("PAT010", 2, 11, "1", "found `1`", ""),
        ],
    ),
    (
        "pattern p { test = f(x) => y = g(op) }",
        [
            ("PAT017", 1, 13, "test", "`test` is reserved (it starts a declaration)", "`test_`"),
            ("PAT017", 1, 34, "op", "`op` is reserved", "`op_`"),
        ],
    ),
    ("const in = 1", [("PAT017", 1, 7, "in", "is a word of expressions", "`in_`")]),
    ("const not = 1", [("PAT017", 1, 7, "not", "is a word of expressions", "`not_`")]),
    (
        "patern p { a => b }\nconst c = 1",
        [("PAT010", 1, 1, "patern", "expected a declaration", "did you mean `pattern`?")],
    ),
    (
        "pattern p { a => b\n  wher x == 1 }",
        [("PAT010", 2, 3, "wher", "a clause (`where`, `on`, `keep`, ...)", "did you mean `where`?")],
    ),
    ("const x 3", [("PAT010", 1, 9, "3", "expected `=`, found `3`", "")]),
    ("const x =", [("PAT010", 1, 10, "", "expected an expression, found the end of the file", "")]),
    ("import a, b", [("PAT010", 1, 9, ",", "found `,`", "write one import for each file")]),
    (
        "pattern p {\n  f(x)\n  y = g(x)\n=>\n  y = h(x)\n}",
        [("PAT010", 3, 3, "y", "expected `->` or `=>`", "a block is made of statements")],
    ),
    (
        "pattern p {\n  y = g(x)\n  f(x)\n=>\n  y = h(x)\n}",
        [("PAT010", 3, 4, "(", "expected `,` or `=`", "a statement gives its value a name: `y = f(...)`")],
    ),
    (
        "pattern p { y = f(a == b) => y = g(a) }",
        [("PAT010", 1, 21, "==", "found `==`", "in parentheses, or in a `where`")],
    ),
    (
        "pattern p { a => b where x = 1 }",
        [("PAT010", 1, 28, "=", "found `=`", "write `==` to compare")],
    ),
    (
        "pattern p { a -> (b) => c }",
        [("PAT010", 1, 20, ")", "found `)`", "a group holds two chains or more")],
    ),
    (
        "pattern p { a => y = b(x) }",
        [("PAT021", 1, 18, "y = b(x)", "a chain and the right side a block", "both")],
    ),
    ("op f(x: f32) -> ()", [("PAT020", 1, 9, "f32", "needs its dims", "`f32[]`")]),
    ("op f(x: int[3]) -> ()", [("PAT020", 1, 9, "int[3]", "`int` has no dims", "`int[]` is a list")]),
    ("host x: T[3]", [("PAT020", 1, 9, "T[3]", "cannot be a tensor", "`int`")]),
    (
        "op f() -> () = n::f(temp int)",
        [("PAT020", 1, 26, "int", "a scratch buffer is a tensor", "f32[M, H]")],
    ),
    ("op f() -> () ref a:b ref c:d", [("PAT019", 1, 22, "ref c:d", "`ref` is given twice", "keep one")]),
    ("op f() -> () free free", [("PAT019", 1, 19, "free", "`free` is given twice", "")]),
    ("pass p on a on b { c }", [("PAT019", 1, 13, "on b", "`on` is given twice", "")]),
    ("op f(x T[H]) -> (y: T[H])", [("PAT010", 1, 8, "T", "expected `:`, found `T`", "")]),
    ("op f(x = 1) -> ()", [("PAT010", 1, 8, "=", "expected `:`", "`name: type = default`")]),
    ("op f(x: 3) -> ()", [("PAT010", 1, 9, "3", "expected a type, found `3`", "")]),
    ("test t { a expect p 1 }", [("PAT010", 1, 6, "t", "expected a string in double quotes", "")]),
    ('test "t" { a expect p }', [("PAT010", 1, 23, "}", "expected a whole number", "")]),
    (
        "const x = 9223372036854775808",
        [("PAT013", 1, 11, "9223372036854775808", "larger than 9223372036854775807", "")],
    ),
    ("const x = 1e999", [("PAT013", 1, 11, "1e999", "larger than any float64", "")]),
    ("const x = 1e-999", [("PAT013", 1, 11, "1e-999", "smaller than any float64", "")]),
    (
        'const x = "a\\qb\\ud800"',
        [
            ("PAT015", 1, 13, "\\q", "is not an escape", "`\\n`"),
            ("PAT015", 1, 16, "\\ud800", "is not an escape", ""),
        ],
    ),
    ("pattern p { a -> 2X b => c }", [("PAT010", 1, 18, "2", "expected an op", "`2x`")]),
    ("pattern p { a -> 1.. x b => c }", [("PAT010", 1, 18, "1", "expected an op", "`1..x`")]),
    ("op f() -> () = n:f", [("PAT010", 1, 17, ":", "found `:`", "write `::`")]),
    ("pattern p { a | b => c }", [("PAT010", 1, 15, "|", "found `|`", "`(a | b)`")]),
    ("pattern p { a => b where x in [1] }", [("PAT010", 1, 31, "[", "expected `{`", "`{64, 128}`")]),
    ("pattern p { a => b where x not in {1} }", [("PAT010", 1, 28, "not", "", "`not x in {...}`")]),
    ("pattern p { a => b where x => 1 }", [("PAT010", 1, 28, "=>", "", "`>=`")]),
    ("pattern p { a => b } where x", [("PAT010", 1, 22, "where", "", "inside its braces")]),
    ("pass p on a b { c }", [("PAT010", 1, 13, "b", "expected `,`", "put a `,` before it")]),
    ("pass p { a; b }", [("PAT012", 1, 11, ";", "means nothing", "leave it out")]),
    (
        "pattern p { y = f(x) z = g(y) => y = g(x) z = h(x) where -> a }",
        [("PAT010", 1, 58, "->", "expected an expression", "")],
    ),
    ("const x = 1 }", [("PAT010", 1, 13, "}", "found `}`", "")]),
    ("pattern p { y = f(none=x) => y = g(x) }", [("PAT010", 1, 23, "=", "found `=`", "`none` is reserved")]),
    ("const x = a\u200eb", [("PAT004", 1, 12, "\u200e", "U+200E (LEFT-TO-RIGHT MARK)", "remove it")]),
]


@pytest.mark.parametrize(("text", "expected"), ERRORS, ids=[text for text, _ in ERRORS])
def test_errors(text: str, expected: list[Expected]) -> None:
    _, found = run(text)
    places = [
        (item.code, item.span.source.line_column(item.span.start), item.span.text)
        for item in found
        if item.span
    ]
    assert places == [(code, (line, column), marked) for code, line, column, marked, _, _ in expected]
    for item, (_, _, _, _, message, help) in zip(found, expected, strict=True):
        assert item.code in CODES
        assert message in item.message
        assert help in (item.help or "")


def test_an_unclosed_bracket_is_pointed_at() -> None:
    _, (found,) = run("pattern p {\n  y = f(x)\n=>\n  y = g(x\n}\nconst a = 1")
    assert [(note.message, note.span.place if note.span else "") for note in found.notes] == [
        ("`(` opened here", "x.pat:4:8")
    ]


def test_every_error_of_a_file_is_reported_at_its_own_place() -> None:
    file, found = run(
        "import ops\n"
        "op f(x: T[H]) -> (y: T[H])\n"
        "  = n::f(x 1)\n"
        "  | n::g(x,)\n"
        "  | n::h(x 2)\n"
        "  where H == = 3\n"
        "  ref a.b\n"
        "pattern p {\n"
        "  a = f(x) )\n"
        "  b = f(a)\n"
        "  c, d = g(b 4)\n"
        "=>\n"
        "  c = h(x,, y)\n"
        "  d = = 1\n"
        "  where == 2\n"
        "  keep 3\n"
        "}\n"
        "pass q on gfx when { p }\n"
        "const good = 1\n"
        "pattern r[g in 64] { a => b }\n"
        'test "t" { a -> -> b expect p 1 }\n'
    )
    lines = [item.span.source.line_column(item.span.start)[0] for item in found if item.span]
    assert lines == [3, 5, 6, 8, 9, 11, 13, 14, 15, 16, 18, 20, 21]
    assert [type(declaration).__name__ for declaration in file.declarations] == ["Import", "Const"]


def test_a_declaration_with_an_error_is_left_out_and_the_others_stay() -> None:
    file, found = run("const a = 1\nconst b = = 2\nconst c = 3\npattern p { x => y }")
    assert len(found) == 1
    names = [declaration.name.text for declaration in file.declarations]  # type: ignore[union-attr]
    assert names == ["a", "c", "p"]


def test_errors_are_cut_off_where_a_file_is_no_pat_file_at_all() -> None:
    _, found = run("const = 1\n" * (MAX_ERRORS + 20))
    assert [item.code for item in found] == ["PAT010"] * MAX_ERRORS + ["PAT022"]
    _, found = run("const a = " + " + ".join(["0x b()"] * (MAX_ERRORS + 20)))
    assert [item.code for item in found] == ["PAT018"] * MAX_ERRORS + ["PAT022"]


# Hostile texts

HOSTILE = {
    "parentheses": "const a = " + "(" * 10_000 + "1" + ")" * 10_000,
    "open parentheses": "const a = " + "(" * 10_000,
    "lists": "const a = " + "[" * 10_000,
    "braces": "pattern p " + "{" * 10_000,
    "closers": ")" * 10_000,
    "minuses": "const a = " + "-" * 10_000 + "1",
    "nots": "const a = " + "not " * 10_000 + "b",
    "sum": "const a = 1" + " + 1" * 10_000,
    "digits": "const a = " + "9" * 100_000,
    "digits of a float": "const a = 1." + "9" * 100_000 + "e9" + "9" * 1000,
    "digits of a fan-out": "pattern p { a -> " + "9" * 100_000 + "x b => c }",
    "quotes": 'const a = "\n' * 10_000,
    "signs": "=> " * 10_000,
    "nothing but errors": "const = \n" * 10_000,
    "one long name": "const " + "a" * 100_000,
    "escapes": 'const a = "' + "\\q" * 10_000 + '"',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_get_a_diagnostic_at_once(text: str) -> None:
    pat_parser()
    start = time.process_time()
    limit = sys.getrecursionlimit()
    _, found = run(text)
    assert time.process_time() - start < 1.0
    assert sys.getrecursionlimit() == limit
    assert found


TOKENS = st.sampled_from(
    [
        "import",
        "const",
        "host",
        "op",
        "pattern",
        "pass",
        "test",
        "where",
        "on",
        "if",
        "when",
        "after",
        "keep",
        "prefer",
        "over",
        "rounds",
        "only",
        "effect",
        "read",
        "ref",
        "as",
        "out",
        "mut",
        "same",
        "temp",
        "expect",
        "in",
        "not",
        "and",
        "or",
        "true",
        "none",
        "a",
        "b",
        "x",
        "_",
        "1",
        "2x",
        "1..x",
        "0.5",
        '"s"',
        '"',
        "#",
        "\n",
        "->",
        "=>",
        "::",
        ":",
        "=",
        "==",
        "|",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "'",
        ";",
        "→",
        "\\",
        "\xa0",
    ]
)


@FUZZ
@given(st.lists(TOKENS, max_size=60).map(" ".join))
def test_no_sequence_of_words_raises(text: str) -> None:
    check_any_text(text)


@FUZZ
@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    check_any_text(text)


@FUZZ
@given(st.sampled_from(PAPER), st.data())
def test_no_damaged_file_raises(path: Path, data: st.DataObject) -> None:
    text = path.read_text(encoding="utf-8")[:2000]
    at = data.draw(st.integers(0, len(text)))
    removed = data.draw(st.integers(0, 8))
    check_any_text(text[:at] + data.draw(TOKENS) + text[at + removed :])


def check_any_text(text: str) -> None:
    """What holds of every text: places inside it, known codes, and what parsed can be printed."""
    file, found = run(text)
    for item in found:
        assert item.code in CODES
        assert item.message
        assert item.span is not None
        assert 0 <= item.span.start <= item.span.end <= len(text)
    if not found:
        assert parsed(format_file(file)).declarations == file.declarations
