"""Compiled modules: they rebuild what was planned, hold nothing but data, and are the same wherever they are made."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from expr_strategies import anything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_text_to_expr import HOSTILE

import patdsl.dtypes
import patdsl.expr
import patdsl.graph
import patdsl.op_table
from patdsl.compiler.data_to_python import PythonWriter
from patdsl.compiler.module_check import check_data, check_module
from patdsl.dtypes import Dtype
from patdsl.expr import Lit
from patdsl.graph import ConstValue, Example, HostValue, PassSpec, Pattern, Replace
from patdsl.locate import library_folder
from patdsl.op_table import (
    Block,
    Const,
    OneOf,
    Op,
    Param,
    Plain,
    Result,
    Step,
    Tensor,
    TorchCall,
    Use,
    Values,
)
from patdsl.pipeline import run
from patdsl.text_to_expr import expr

TESTS = Path(__file__).parent
FILES = [
    *sorted(Path(library_folder()).glob("*.pat")),
    *sorted((TESTS / "paper").glob("*.pat")),
    *sorted((TESTS / "golden").glob("*.pat")),
]
OUTCOMES = [outcome for outcome in run(FILES, roots=[TESTS / "paper", TESTS / "golden"]) if outcome.module]
HOMES = (patdsl.dtypes, patdsl.expr, patdsl.graph, patdsl.op_table)
CLASSES = {name: value for home in HOMES for name, value in vars(home).items() if isinstance(value, type)}
NAMESPACE = {**CLASSES, "expr": expr}


def shown(value):
    """A value with the types of its literals: 1, 1.0 and true differ. Places are left out."""
    if attrs.has(type(value)):
        fields = [field for field in attrs.fields(type(value)) if field.eq]
        return (type(value).__name__, *(shown(getattr(value, field.name)) for field in fields))
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    return tuple(map(shown, value)) if isinstance(value, tuple) else repr(value)


def executed(text):
    """The names of a module after it ran. Only text whose form was checked gets here."""
    check_module(text)
    names = {}
    exec(compile(text, "module", "exec"), names)  # noqa: S102  what is tested is that this gives the data back
    return names


@pytest.mark.parametrize("outcome", OUTCOMES, ids=[outcome.path.stem for outcome in OUTCOMES])
def test_a_module_rebuilds_its_passes(outcome):
    made = [spec for spec, _ in executed(outcome.module)["PASSES"]]
    assert [shown(spec) for spec in made] == [shown(spec) for spec in outcome.unit.passes]


def test_there_are_modules_to_look_at():
    assert len(OUTCOMES) > 60


# Random values

names = st.sampled_from(("x", "y", "class", "bf16", "é", "H"))
literals = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(HOSTILE),
    st.just(Dtype("fp8")),
)
choices = st.lists(st.builds(ConstValue, literals), max_size=2).map(tuple)
operands = st.recursive(
    st.one_of(
        names.map(Use),
        anything.map(Const),
        st.builds(OneOf, names, st.lists(anything, max_size=3).map(tuple)),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: Values(tuple(items))),
    max_leaves=4,
)
steps = st.builds(
    Step,
    st.text(max_size=5),
    names,
    st.dictionaries(names, operands, max_size=4),
    st.dictionaries(names, names, max_size=2),
    st.one_of(st.none(), names),
)
values = st.one_of(
    literals.map(Lit),
    anything,
    operands,
    steps,
    st.builds(Example, names, value=literals),
    st.builds(ConstValue, literals),
    st.builds(HostValue, names, names, st.one_of(st.none(), st.lists(names).map(tuple)), literals),
    st.builds(Replace, names, names, st.booleans(), st.one_of(st.none(), names)),
    st.builds(
        lambda steps, where, name, text: Pattern(
            name, Block(("x",), tuple(steps)), (), (), (), variant=text, where=where
        ),
        st.lists(steps, max_size=3),
        st.lists(anything, max_size=2).map(tuple),
        names,
        st.text(),
    ),
    st.builds(
        lambda default, where, guard, ref: Op(
            "f",
            (Param("x", Tensor(Dtype("bf16"), (where,)), default=default), Param("n", Plain("int", True))),
            (Result("y", Plain("tensor", True)),),
            (TorchCall("ns::op.default", guard=guard),),
            (where,),
            ref=ref,
        ),
        anything,
        anything,
        st.one_of(st.none(), anything),
        st.one_of(st.none(), st.text()),
    ),
    st.builds(
        lambda when, consts: PassSpec("p", (), {}, consts, when=when),
        st.one_of(st.none(), anything),
        st.dictionaries(st.text(), choices, max_size=2),
    ),
)


@given(values)
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_a_value_is_rebuilt_by_its_source(value):
    source = PythonWriter().write(value)
    tree = ast.parse(source, mode="eval")
    check_data(tree.body, frozenset(NAMESPACE))
    made = eval(compile(tree, "value", "eval"), dict(NAMESPACE))  # noqa: S307  its form was checked
    assert shown(made) == shown(value)


# Hostile files

MINIMAL = """\
op first(x: T[*B, H], mode: str = "plain") -> (y: T[*B, H]) = lang::first
op second(x: T[*B, H]) -> (y: T[*B, H]) = lang::second
op both(x: T[*B, H]) -> (y: T[*B, H]) = lang::both
pattern p { first(mode=MODE) -> second => both }  # COMMENT
pass fuse { p }
"""


def compiled(path):
    (outcome,) = run([path])
    assert not outcome.errors, [item.message for item in outcome.errors]
    return outcome


INNOCENT = "sys.modules['broken out'] = True"


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if text == text.encode(errors="replace").decode()], ids=ascii
)
def test_strings_of_a_file_stay_literals(tmp_path, text):
    from patdsl.syntax.token_to_value import spell_string

    path = tmp_path / "file.pat"
    path.write_text(MINIMAL.replace("MODE", spell_string(text)))
    module = executed(compiled(path).module)
    ((spec, _),) = module["PASSES"]
    (pattern,) = spec.patterns
    operand = dict(pattern.left.steps[0].operands)["mode"]
    assert shown(operand) == shown(Const(Lit(text)))


COMMENTS = [
    '"""',
    "'''",
    "\\",
    "\\\n# x",
    "\x0b import os",
    "\x0c import os",
    "\x1c",
    "\x85",
    "\u2028import os",
    "\r# x",
]


@pytest.mark.parametrize("comment", COMMENTS, ids=ascii)
def test_comments_of_a_file_stay_comments(tmp_path, comment):
    path = tmp_path / "file.pat"
    path.write_bytes(MINIMAL.replace("MODE", '"a"').replace("COMMENT", comment).encode())
    (outcome,) = run([path])
    if outcome.module:
        executed(outcome.module)


STEMS = [
    'a"""\nimport os\n"""',
    "a\\",
    'a"',
    "a'b",
    "a\nimport os",
    "a\rimport os",
    "a b",
    "$(touch x)",
    "a\u2028b",
    "é",
    "-o",
]


@pytest.mark.parametrize("stem", STEMS, ids=ascii)
def test_the_name_of_a_file_cannot_break_out(tmp_path, stem):
    path = tmp_path / f"{stem}.pat"
    path.write_text(MINIMAL.replace("MODE", '"a"'))
    module = compiled(path).module
    executed(module)
    assert all(line.isprintable() for line in module.split("\n"))


OWN_NAMES = """
replacement passes load expr examples rewrite trace chain annotations pattern h t b bs op register_fuse first fuse
lambda none_ print p_pass fuse_pass _ _1 __
"""


@pytest.mark.parametrize("name", OWN_NAMES.split())
@pytest.mark.parametrize("what", ["op", "pattern", "pass", "parameter"])
def test_names_that_the_module_uses_itself(tmp_path, what, name):
    text = MINIMAL.replace("MODE", '"a"')
    if what == "op":
        text = text.replace("both", name) if name != "first" else text
    elif what == "pattern":
        text = text.replace("pattern p ", f"pattern {name} ").replace("{ p }", f"{{ {name} }}")
    elif what == "pass":
        text = text.replace("pass fuse", f"pass {name}")
    else:
        text = text.replace("mode", name)
    path = tmp_path / "file.pat"
    path.write_text(text)
    (outcome,) = run([path])
    if outcome.errors:
        assert name in ("pattern", "op", "import", "trace", "expr", "_")
        return
    module = executed(outcome.module)
    ((spec, register),) = module["PASSES"]
    assert shown(spec) == shown(outcome.unit.passes[0])
    assert register.__code__.co_argcount == 1
    assert "search_fn" in str(register.__code__.co_names + register.__code__.co_consts)
    assert module["register_replacement"] is not register
    assert module["load"].__code__.co_argcount == 0


# The same text everywhere

COMPILE = "import sys; from patdsl.pipeline import run; print(''.join(o.module for o in run(sys.argv[1:]) if o.module))"


def module_from(folder, *paths, seed="0"):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS.parent)}
    command = [sys.executable, "-c", COMPILE, *map(str, paths)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_modules_do_not_depend_on_where_and_how_they_are_made(tmp_path):
    library = Path(library_folder())
    (tmp_path / "link").symlink_to(library)
    files = sorted(path.name for path in library.glob("*.pat"))
    wanted = module_from(library, *files)
    assert len(wanted) > 10_000
    assert module_from(library, *files, seed="1") == wanted
    assert module_from(tmp_path, *(tmp_path / "link" / name for name in files), seed="77") == wanted
    assert module_from(library.parent, *(Path(library.name) / name for name in files)) == wanted
    reverse = {
        outcome.path.name: outcome.module for outcome in run([library / name for name in reversed(files)])
    }
    assert "".join(reverse[name] for name in files) == wanted.removesuffix("\n")
    assert str(library.parent) not in wanted
    assert str(Path.home()) not in wanted
