"""Section 4: passes, their order and targets, imports, identity, and what is reported of passes together."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from language_cases import GOLDEN, LANG, f32, fuses, leaves, load, named, traced

import patdsl
from patdsl.pipeline import run

TWICE, PLUS = LANG.twice, LANG.plus_one


def codes(name):
    (outcome,) = run([GOLDEN / f"{name}.pat"])
    return [item.code for item in outcome.diagnostics]


def both(x):
    return PLUS(TWICE(x))


# Modules and names


def test_names_that_would_collide_in_a_module():
    assert fuses(load("module_names"), both, f32(4, 8), count={"class": 1}) == {"twice_plus_one": 1}


def test_strings_of_a_module():
    passes = load("module_strings")
    for mode, count in (("a \"b\" 'c' \\ \n é A", 1), ("a", 0)):
        fuses(passes, lambda x, mode=mode: TWICE(LANG.affine(x, None, mode=mode)), f32(4, 8), count=count)


def test_each_kind_of_name_has_its_own_namespace():
    passes = load("namespaces")
    assert [each.name for each in passes] == ["fuse"]
    assert fuses(passes, both, f32(4, 8), count={"fuse": 1}) == {"twice_plus_one": 1}


def test_imports_rename_and_select():
    passes = load("import_renamed")
    assert fuses(passes, both, f32(4, 8), count={"renamed": 1}) == {"twice_plus_one": 1}
    assert fuses(passes, lambda x: TWICE(PLUS(x)), f32(4, 8), count={"own": 1}) == {"plus_one_twice": 1}


# on, when, after


def chain(target="gfx942", **hosts):
    return load("passes", target=target, hosts=hosts or {"tp_size": 2})


def both_plus_one(x):
    return PLUS(PLUS(TWICE(x)))


def test_after_orders_passes_against_the_file():
    passes = chain()
    assert [each.name for each in passes] == ["earlier", "later"]
    assert fuses(passes, both_plus_one, f32(4, 8), count={"first": 1, "second": 1}) == {"twice_plus_two": 1}


@pytest.mark.parametrize(
    ("target", "on"),
    [
        ("gfx942", True),
        ("sm_90", True),
        ("sm_100", True),
        ("sm_80", False),
        ("gfx950", False),
        ("cpu", False),
    ],
)
def test_a_pass_on_targets(target, on):
    passes = chain(target)
    fuses(passes, both_plus_one, f32(4, 8), count=2 if on else 0)
    assert on or f"target {target} is not among gfx942, sm_90+" in str(passes.report())


@pytest.mark.parametrize(("size", "on"), [(1, False), (2, True), (4, True), (8, False)])
def test_a_pass_when_a_condition_holds(size, on):
    passes = chain(tp_size=size)
    fuses(passes, both_plus_one, f32(4, 8), count=2 if on else 0)
    assert on or "'when' is false" in str(passes.report())


def test_host_values_have_test_values_in_conditions():
    leaves(load("passes", target="gfx942"), both_plus_one, f32(4, 8))


def test_a_host_value_that_no_pass_declares():
    with pytest.raises(patdsl.runtime.HostValueError, match="tp_size"):
        load("passes", hosts={"tp_sizes": 2})


def test_tokens_are_not_known_without_a_server():
    """The range of token counts comes with a model server; without one the pass is off and says why."""
    passes = load("passes_when_tokens")
    leaves(passes, both, f32(4, 8))
    assert "when" in str(passes.report())


# Starvation


def test_starved_patterns_are_reported():
    assert codes("passes_starved") == ["PAT405"]
    passes = load("passes_starved")
    fuses(passes, lambda x: TWICE(both(x)), f32(4, 8), count={"small": 1})


def test_what_starts_from_the_first_result_is_not_starved():
    assert codes("passes_continued") == []
    after = fuses(
        load("passes_continued"), lambda x: TWICE(both(x)), f32(4, 8), count={"small": 1, "from_small": 1}
    )
    assert after == {"twice_plus_one_twice": 1}


def test_patterns_that_never_fire_are_reported():
    assert codes("prefer") == ["PAT403"]


# uuid

BASE = """\
const most = 64

host tp_size: int

op double(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice

op increment(x: T[*B, H], amount: float) -> (y: T[*B, H])
  = lang::increase.by

op both(x: T[*B, H], amount: float) -> (y: T[*B, H])
  = lang::increase.twice_by
  where H % 16 == 0

pattern both[amount in {1.0, 2.0}] {
  double -> increment(amount=amount) => both(amount=amount)
  where H <= most and tp_size >= 1
}
"""

SAME = {
    "a comment": BASE + "# nothing\n",
    "another layout": BASE.replace("\n  = ", " =\n\n   ").replace("[*B, H]", "[ *B , H ]"),
    "lines before": "\n\n\n" + BASE,
    "parentheses": BASE.replace("H % 16 == 0", "(H % 16 == 0)"),
}

OTHER = {
    "an option": BASE.replace("{1.0, 2.0}", "{1.0, 2.5}"),
    "one option less": BASE.replace("{1.0, 2.0}", "{1.0}"),
    "a constant": BASE.replace("most = 64", "most = 65"),
    "a constant on a target": BASE.replace("most = 64", "most = 64 | 32 on cpu"),
    "a binding": BASE.replace("lang::twice\n", "lang::twice\n  | lang::plus_one\n"),
    "an overload": BASE.replace("increase.twice_by", "increase.by"),
    "a template": BASE.replace("increase.by\n", "increase.by(x, amount + 1.0)\n"),
    "an op's where": BASE.replace("H % 16 == 0", "H % 8 == 0"),
    "a pattern's where": BASE.replace("H <= most", "H < most"),
    "a target": BASE.replace("  where H <= most", "  on cpu\n  where H <= most"),
    "keep": BASE.replace("  where H <= most", "  keep y\n  where H <= most"),
    "restride": BASE.replace("  where H <= most", "  restride y\n  where H <= most"),
    "a type": BASE.replace("double(x: T[*B, H]) -> (y: T[*B, H])", "double(x: f32[*B, H]) -> (y: f32[*B, H])"),
    "a default": BASE.replace("increment(x: T[*B, H], amount: float)", "increment(x: T[*B, H], amount: float = 1.0)"),
    "an effect": BASE.replace("lang::twice\n", "lang::twice\n  effect cache read\n"),
    "free": BASE.replace("lang::twice\n", "lang::twice\n  free\n"),
    "a view": BASE.replace("double ->", "double -> view? ->"),
    "a fan-out": BASE.replace("-> increment", "-> 1..x increment"),
}  # fmt: skip


@pytest.fixture
def uuid(tmp_path):
    def uuid(text, **settings):
        path = tmp_path / "same.pat"
        path.write_text(text)
        found = patdsl.load(path, **settings).uuid()
        assert isinstance(found, str)
        return found

    return uuid


@pytest.mark.parametrize("change", SAME)
def test_the_same_meaning_has_the_same_uuid(uuid, change):
    assert SAME[change] != BASE
    assert uuid(SAME[change]) == uuid(BASE)


def test_every_change_of_meaning_changes_the_uuid(uuid):
    found = {change: uuid(text) for change, text in OTHER.items()}
    found["nothing"] = uuid(BASE)
    found["a target"] = uuid(BASE, target="gfx942")
    found["another target"] = uuid(BASE, target="gfx950")
    found["a host value"] = uuid(BASE, hosts={"tp_size": 2})
    for change, text in OTHER.items():
        assert text != BASE, change
    assert len(set(found.values())) == len(found)


def test_a_host_value_equal_to_the_test_value_is_the_same(uuid):
    assert uuid(BASE, hosts={"tp_size": 1}) == uuid(BASE)


def test_a_host_function_needs_an_identity():
    """Without one nothing may be cached: what it will answer is not known."""
    passes = load("host_values", hosts={"supports": lambda *args: True})
    assert passes.uuid() is None
    assert load("host_values").uuid() is not None


PRINT_UUIDS = """
import sys
sys.path.insert(0, sys.argv[1])
import language_ops, patdsl
print(*[patdsl.load(path).uuid() for path in sys.argv[2:]])
"""


def test_the_uuid_is_equal_in_every_process_and_folder(tmp_path):
    names = ("const_per_target", "parameters", "passes", "host_values")
    folder = tmp_path / "elsewhere" / "deeper"
    shutil.copytree(GOLDEN, folder)
    done = subprocess.run(
        [sys.executable, "-c", PRINT_UUIDS, str(GOLDEN.parent / "language")]
        + [str(folder / f"{name}.pat") for name in names],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(GOLDEN.parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [load(name).uuid() for name in names]


def test_a_binding_that_comes_to_exist_changes_the_uuid(uuid):
    import torch

    text = BASE.replace("lang::increase.twice_by", "lang_later::both\n  | lang::increase.twice_by")
    before = uuid(text)
    library = torch.library.Library("lang_later", "DEF")
    library.define("both(Tensor x, float amount) -> Tensor")
    assert uuid(text) != before
    del library


def test_counts_and_last_counts():
    passes = load("namespaces")
    for _ in range(2):
        passes(traced(both, f32(4, 8)).graph)
    assert passes.counts == {"fuse": 2}
    assert passes.last_counts == {"fuse": 1}
    assert "fuse: replaced 2 (1 in the last graph)" in str(named(passes, "fuse").report())
