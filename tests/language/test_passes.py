"""Section 4: passes, their order and targets, identity, and what is reported when files are compiled together."""

from __future__ import annotations

from language_cases import LANG, f32, fuses, load


def test_names_that_would_collide_in_a_module():
    passes = load("module_names")
    assert fuses(passes, lambda x: LANG.plus_one(LANG.twice(x)), f32(4, 8), count={"class": 1}) == {
        "twice_plus_one": 1
    }


def test_strings_of_a_module():
    passes = load("module_strings")
    for mode, count in (("a \"b\" 'c' \\ \n é A", 1), ("a", 0)):
        fuses(
            passes, lambda x, mode=mode: LANG.twice(LANG.affine(x, None, mode=mode)), f32(4, 8), count=count
        )
