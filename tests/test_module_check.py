"""Compiled modules hold only allowed forms, whatever names and strings the `.pat` file has; and the check can fail."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from test_text_to_expr import HOSTILE

from patdsl import pipeline
from patdsl.compiler import data_to_python, plan_to_module
from patdsl.compiler.module_check import ModuleFormError, check_module
from patdsl.locate import library_folder
from patdsl.pipeline import run
from patdsl.syntax.token_to_value import spell_string

TESTS = Path(__file__).parent
MODULES = [
    *sorted((TESTS.parent / "patdsl" / "library").glob("*.py")),
    *sorted(path for path in (TESTS / "golden").glob("*.py") if path.stat().st_size),
]
MODULE = """\
host h: str = STRING
op first(x: T[*B, H], mode: str = STRING) -> (y: T[*B, H])
  = lang::first(x, STRING) if mode != STRING
op second(x: T[*B, H]) -> (y: T[*B, H]) = lang::second
op both(x: T[*B, H], mode: str, NAME: int) -> (y: T[*B, H]) = lang::both
  where NAME == 1 or mode != STRING
op NAME_op(x: T[*B, H], NAME: int) -> (y: T[*B, H]) = NAME::NAME.NAME(NAME, NAME=x) ref NAME.NAME:NAME
pattern NAME_p[m in {STRING, "other"}] { first(mode=m) -> NAME_op => both(mode=STRING, NAME=NAME) where h == STRING }
pass NAME_pass when h != STRING { NAME_p }  # STRING
test STRING (x: bf16[1, 2]) { first -> second expect NAME_p 0 }
"""
STRINGS = [
    *HOSTILE,
    '"""\nimport os\n"""',
    "'''\nimport os\n'''",
    '")\nimport os\n("',
    "{__import__('os')}",
    "{0.__class__}",
    "\\",
    "\\\n",
    "%(x)s",
    "\x1b[31m",
    "\u202eso tropmi",
]
NAMES = [
    *("__import__", "__class__", "__builtins__", "eval", "exec", "lambda_", "print"),
    *("Op", "load", "expr", "PASSES", "None"),
]


def compiled(folder: Path, string: str, name: str) -> str:
    path = folder / "file.pat"
    text = MODULE.replace("NAME", name).replace("STRING", spell_string(string))
    path.write_text(text, encoding="utf-8")
    (outcome,) = run([path])
    assert outcome.module is not None, [item.message for item in outcome.errors]
    return outcome.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_modules_in_the_repository(path: Path) -> None:
    check_module(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "string", [text for text in STRINGS if text.isprintable() or text.isascii()], ids=ascii
)
def test_strings(string: str, tmp_path: Path) -> None:
    check_module(compiled(tmp_path, string, "n"))


@pytest.mark.parametrize(
    ("one", "other"), [("\u212a", "K"), ("\u00b2", "2"), ("\u00e9", "e\u0301"), ("\ufb01", "fi")]
)
def test_strings_in_the_names_of_variants(one: str, other: str, tmp_path: Path) -> None:
    """Python takes the Kelvin sign for a K, and a superscript in no name."""
    path = tmp_path / "file.pat"
    path.write_text(
        MODULE.replace("NAME", "n").replace("STRING", f'"{one}"').replace("other", other), encoding="utf-8"
    )
    (outcome,) = run([path])
    assert outcome.module is not None
    assert len({line for line in outcome.module.split("\n") if line.startswith("N_P_")}) == 2
    names = [node.id for node in ast.walk(ast.parse(outcome.module)) if isinstance(node, ast.Name)]
    assert all(name.isascii() for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str, tmp_path: Path) -> None:
    check_module(compiled(tmp_path, "s", name))


def test_the_library_is_compiled_through_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(pipeline, "check_module", seen.append)
    outcome = run([library_folder() / "add_rms_norm.pat"])[0]
    assert seen == [outcome.module]


# What is refused

BODY = "'''x'''\nfrom __future__ import annotations\n"
REGISTER = "def register_p(patterns: FusionPass) -> None:\n    '''x'''\n"
REFUSED = {
    "no docstring": "import os\nimport sys\nimport re\n",
    "no Python": "'''x'''\n(",
    "a NUL": "'''x'''\0",
    "depth": "(" * 5_000,
    "an import": BODY + "import os\n",
    "an import from elsewhere": BODY + "from os import system\n",
    "an import of something else": BODY + "from patdsl.expr import evaluate\n",
    "an import under another name": BODY + "from patdsl.expr import Lit as Op\n",
    "an import of all": BODY + "from patdsl.expr import *\n",
    "a call": BODY + "X = eval('1')\n",
    "a call of an attribute": BODY + "from patdsl.expr import Lit\nX = Lit.__class__('1')\n",
    "an attribute": BODY + "from patdsl.expr import Lit\nX = Lit.__class__\n",
    "a name from nowhere": BODY + "X = __builtins__\n",
    "a constructor that was not imported": BODY + "X = Lit(1)\n",
    "an item": BODY + "X = (1, 2)[0]\n",
    "a comprehension": BODY + "X = [1 for _ in (1,)]\n",
    "a lambda": BODY + "X = lambda: 1\n",
    "an f-string": BODY + "X = f'{1}'\n",
    "a sum": BODY + "X = 1 + 1\n",
    "a negative name": BODY + "X = 1\nY = -X\n",
    "bytes": BODY + "X = b''\n",
    "a complex number": BODY + "X = 1j\n",
    "an ellipsis": BODY + "X = ...\n",
    "a spread of a dict": BODY + "X = {**{}}\n",
    "a spread of arguments": BODY + "from patdsl.expr import Lit\nX = Lit(*(1,))\n",
    "a spread of keywords": BODY + "from patdsl.expr import Lit\nX = Lit(**{'value': 1})\n",
    "a walrus": BODY + "X = (Y := 1)\n",
    "two targets": BODY + "X = Y = 1\n",
    "a target that is an item": BODY + "X = 1\nX[0] = 1\n",
    "a name given twice": BODY + "from patdsl.expr import Lit\nLit = 1\n",
    "a name of Python's own": BODY + "__path__ = 1\n",
    "a statement": BODY + "print('x')\n",
    "a class": BODY + "class X: pass\n",
    "a decorator": BODY + "@print\n" + REGISTER,
    "another function": BODY + "def f(): pass\n",
    "a default": BODY + REGISTER.replace("FusionPass)", "FusionPass = eval('1'))"),
    "an annotation": BODY + REGISTER.replace("None", "eval('1')"),
    "another `load`": BODY + "def load(): return eval('1')\n",
    "something else in a function": BODY + REGISTER + "    import os\n",
    "another call in a function": BODY + REGISTER + "    print('x')\n",
    "other arguments": BODY + REGISTER + "    register_replacement(search_fn=Left(X))\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    with pytest.raises(ModuleFormError):
        check_module(REFUSED[name])


@pytest.mark.parametrize("code", ["import os", "X = eval('1')", "print('x')"])
def test_a_line_more_is_refused_anywhere(code: str, tmp_path: Path) -> None:
    lines = compiled(tmp_path, "s", "n").split("\n")
    body = lines.index("from __future__ import annotations")
    starts = [at for at, line in enumerate(lines) if at > body and line[:1].isalpha()]
    assert len(starts) > 12
    for at in starts:
        with pytest.raises(ModuleFormError):
            check_module("\n".join([*lines[:at], code, *lines[at:]]))


# Without what keeps texts in their place, these tests fail


def test_strings_without_their_escapes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_to_python, "_literal", lambda text: f'"{text}"')
    with pytest.raises(ModuleFormError):
        compiled(tmp_path, '" + eval("1") + "', "n")


def test_file_names_without_their_escapes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_to_module, "_quotable", str)
    path = tmp_path / 'a"""\nimport os\n"""b.pat'
    path.write_text("op f(x: T[H]) -> (y: T[H]) = a::b\npattern p { f -> f => f }\n")
    with pytest.raises(ModuleFormError):
        run([path])


def test_comments_without_their_escapes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_to_module, "printable", lambda line: line.replace("~", "\nimport os\n"))
    path = tmp_path / "a.pat"
    path.write_text("op f(x: T[H]) -> (y: T[H]) = a::b\npattern p { f -> f => f # ~\n}\n")
    with pytest.raises(ModuleFormError):
        run([path])
