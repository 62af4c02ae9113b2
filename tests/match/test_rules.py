"""The rules of "When a match counts" beyond binding: profit, maximal, sound, and the clauses `keep` and `only`."""

from __future__ import annotations

import attrs
import pytest
import torch
from match_cases import (
    OPS,
    K,
    bf16,
    context,
    fused_step,
    graph_of,
    norm_quant,
    norm_step,
    quant_step,
    rules,
    search,
    step,
)

from patdsl.expr import Lit
from patdsl.graph import Input, Only, Pattern, Replace, RightStep
from patdsl.match.engine import find
from patdsl.match.fx_view import FxView
from patdsl.op_table import Block, Const, Effect, Use


def two_quants_and(other):
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 128), K.group_quant(y, 128), other(y)

    return graph_of(function, bf16(4, 256), bf16(256))


OTHERS = {
    "none": lambda y: None,
    "graph output": lambda y: y,
    "viewed graph output": lambda y: y.view(2, 2, 256),
    "another op": lambda y: y + 1,
    "another op behind a view": lambda y: y.view(2, 512).transpose(0, 1) + 1,
    "a quant of another size": lambda y: K.group_quant(y, 64),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_costly_value_used_elsewhere_is_no_match(other):
    found = search(two_quants_and(OTHERS[other]), norm_quant(2, None))
    assert len(found.matches) == (other == "none")
    if other != "none":
        assert "profit" in rules(found)


@pytest.mark.parametrize("other", OTHERS)
def test_unless_the_pattern_keeps_it(other):
    found = search(two_quants_and(OTHERS[other]), norm_quant(2, None, keep=("y",)))
    (match,) = found.matches
    assert len(match.dying) == 2


def test_one_quant_and_one_other_user():
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 128), y * 2

    found = search(graph_of(function, bf16(4, 256), bf16(256)), norm_quant(), norm_quant(1, None, name="any"))
    assert not found.matches
    assert rules(found) == {"injective", "profit"}


def test_a_dead_view_keeps_nothing_alive():
    graph = two_quants_and(lambda y: None)
    norm = next(node for node in graph.nodes if "rms_norm" in node.name)
    with graph.inserting_after(norm):
        dead = graph.call_function(torch.ops.aten.view.default, (norm, [2, 512]))
    dead.meta["val"] = norm.meta["val"].view(2, 512)
    assert len(search(graph, norm_quant()).matches) == 1


# fused add: dead residual, redefinition


def add_norm_quant(name: str = "add_norm_quant") -> Pattern:
    norm = step(
        "n",
        "fused_add_rms_norm",
        {
            "x": Use("x"),
            "residual": Use("residual"),
            "weight": Use("weight"),
            "epsilon": Use("epsilon"),
            "variance_size": Const(Lit(None)),
        },
        y="y",
        residual_out="r",
    )
    inputs = ("x", "residual", "weight", "epsilon", "group_size", "col_major")
    return Pattern(
        name,
        Block(inputs, (norm, quant_step("g", Use("y")))),
        (fused_step(None, "add_rms_norm_group_quant", residual_out="r"),),
        (Replace("qg", "qg", True), Replace("r", "r", True), Replace("sg", "sg", True)),
        tuple(map(Input, inputs)),
    )


@pytest.mark.parametrize("alive", [True, False])
def test_residual_alive_or_dead(alive):
    def function(x, r, w):
        y, residual = K.fused_add_rms_norm(x, r, w, 1e-6)
        return K.group_quant(y, 128), (residual + 1 if alive else None)

    graph = graph_of(function, bf16(4, 256), bf16(4, 256), bf16(256))
    (match,) = search(graph, add_norm_quant()).matches
    assert len(match.replaced[1].old.holders) == alive


# maximal


def without_fan_out(pattern: Pattern) -> Pattern:
    """The pattern with one plain consumer instead of its fan-out."""
    steps = tuple(attrs.evolve(step, fan_out=None) for step in pattern.left.steps)
    replaces = tuple(attrs.evolve(each, fan_out=None) for each in pattern.replaces)
    left = attrs.evolve(pattern.left, steps=steps, fan_outs=())
    return attrs.evolve(pattern, left=left, replaces=replaces)


def test_the_larger_of_two_nested_patterns_wins_in_any_order():
    graph = two_quants_and(lambda y: None)
    single = without_fan_out(norm_quant(1, 1, name="a_single", each=False, keep=("y",)))
    double = norm_quant(2, 2, name="z_double")
    for patterns in ([single, double], [double, single]):
        found = search(graph, *patterns)
        assert [match.pattern.name for match in found.matches] == ["z_double"]
        assert "maximal" in rules(found)


def test_equal_sets_the_one_that_redefines_fewer_wins():
    graph = two_quants_and(lambda y: None)
    fewer = norm_quant(name="z_fewer")
    more = attrs.evolve(fewer, name="a_more", replaces=(*fewer.replaces, Replace("y", "y2")))
    more = attrs.evolve(more, right=(*more.right, RightStep("rms_norm", _all("rms_norm"), (("y", "y2"),))))
    for patterns in ([fewer, more], [more, fewer]):
        assert [match.pattern.name for match in search(graph, *patterns).matches] == ["z_fewer"]


def _all(op: str) -> tuple:
    return tuple((param.name, Use(param.name)) for param in OPS[op].params if param.name != "variance_size")


def test_prefer_decides_between_equals_else_the_name():
    graph = two_quants_and(lambda y: None)
    one, other = norm_quant(name="a"), norm_quant(name="b")
    for patterns in ([one, other], [other, one]):
        assert [match.pattern.name for match in search(graph, *patterns).matches] == ["a"]
    preferred = attrs.evolve(other, over=("a",))
    for patterns in ([one, preferred], [preferred, one]):
        assert [match.pattern.name for match in search(graph, *patterns).matches] == ["b"]


def test_a_redefined_value_may_be_used_elsewhere():
    graph = two_quants_and(lambda y: y + 1)
    pattern = norm_quant()
    pattern = attrs.evolve(
        pattern,
        right=(*pattern.right, RightStep("rms_norm", _all("rms_norm"), (("y", "y2"),))),
        replaces=(*pattern.replaces, Replace("y", "y2")),
    )
    (match,) = search(graph, pattern).matches
    assert match.redefines == 5
    positions = {node: at for at, node in enumerate(graph.nodes)}
    plus = next(node for node in graph.nodes if node.name.startswith("add"))
    assert positions[match.before] <= positions[plus]


# sound


def test_a_rewrite_never_matches_its_own_output():
    graph = two_quants_and(lambda y: None)
    quant = next(node for node in graph.nodes if "group_quant" in node.name)
    quant.meta["patdsl"] = ("norm_quant",)
    found = search(graph, norm_quant())
    assert not found.matches
    assert rules(found) == {"sound"}
    assert search(graph, norm_quant(name="other")).matches


def in_place(where: str):
    """norm, quant, [x += 1], quant, with the write at one of three places."""

    def function(x, w, z):
        y = K.rms_norm(x, w, 1e-6)
        if where == "another tensor":
            torch.ops.aten.add_.Tensor(z, 1)
        a = K.group_quant(y, 128)
        if where == "between":
            torch.ops.aten.add_.Tensor(x, 1)
        if where == "a view between":
            torch.ops.aten.add_.Tensor(x.view(2, 2, 256)[0], 1)
        b = K.group_quant(y, 128)
        if where == "after":
            torch.ops.aten.add_.Tensor(x, 1)
        return a, b

    return graph_of(function, bf16(4, 256), bf16(256), bf16(4))


@pytest.mark.parametrize("where", ["nowhere", "another tensor", "after", "between", "a view between"])
def test_nothing_moves_past_a_write_of_what_it_reads(where):
    graph = in_place(where)
    found = search(graph, norm_quant())
    assert len(found.matches) == 1
    positions = {node: at for at, node in enumerate(graph.nodes)}
    writes = [node for node in graph.nodes if node.name.startswith("add_")]
    if "between" in where:
        assert positions[found.matches[0].before] <= positions[writes[0]]


@pytest.mark.parametrize("written", [True, False])
def test_two_readers_around_a_write_are_never_one(written):
    """s = silu(x); x += s; x * x: wherever one call for both stood, one of them would read another x."""

    def function(x):
        s = torch.ops.aten.silu(x)
        if written:
            torch.ops.aten.add_.Tensor(x, s)
        return s, x * x

    use = Use("x")
    left = Block(
        ("x",), (step("s", "silu", {"x": use}, y="y"), step("m", "mul", {"a": use, "b": use}, y="h"))
    )
    right = (
        RightStep("silu", (("x", use),), (("y", "y"),)),
        RightStep("mul", (("a", use), ("b", use)), (("y", "h"),)),
    )
    pattern = Pattern("two", left, right, (Replace("y", "y"), Replace("h", "h")), (Input("x"),))
    graph = graph_of(function, bf16(4, 256))
    for node in list(graph.nodes):
        if node.name == "add_":
            node.replace_all_uses_with(node.args[0])
    found = search(graph, pattern)
    assert len(found.matches) == (not written)
    assert rules(found) == ({"sound"} if written else set())


def test_a_late_input_cannot_pass_an_early_use():
    def function(x, w, scale):
        y = K.rms_norm(x, w, 1e-6)
        a = K.group_quant(y, 128)
        early = a[0].view(torch.uint8) + 1
        z = K.rms_norm(x, scale * 2, 1e-6)
        return early, a, z

    graph = graph_of(function, bf16(4, 256), bf16(256), bf16(256))
    norm = {"epsilon": Use("e"), "variance_size": Const(Lit(None)), "x": Use("x")}
    pattern = Pattern(
        "both",
        Block(
            ("x", "w", "v", "e", "group_size", "col_major"),
            (
                step("1", "rms_norm", {**norm, "weight": Use("w")}, y="y"),
                quant_step("g", Use("y")),
                step("2", "rms_norm", {**norm, "weight": Use("v")}, y="z"),
            ),
        ),
        (
            RightStep(
                "rms_norm", (("x", Use("x")), ("weight", Use("v")), ("epsilon", Use("e"))), (("y", "z"),)
            ),
            RightStep(
                "rms_norm_group_quant",
                (
                    ("x", Use("x")),
                    ("weight", Use("w")),
                    ("epsilon", Use("e")),
                    ("group_size", Use("group_size")),
                ),
                (("q", "qg"), ("scale", "sg")),
            ),
        ),
        (Replace("z", "z"), Replace("qg", "qg"), Replace("sg", "sg")),
        (),
    )
    found = search(graph, pattern)
    assert not found.matches
    assert rules(found) == {"sound"}


@pytest.mark.parametrize(("ours", "theirs", "holds"), [
    (None, None, True), ("read", "read", True), ("read", "write", False), ("write", "read", False),
    ("write", "write", False),
])  # fmt: skip
def test_effects_are_not_passed(ours, theirs, holds):
    """norm, other, quant, where norm and the other op have the effect."""

    def function(x, w, z):
        y = K.rms_norm(x, w, 1e-6)
        a = K.group_quant(y, 128)
        s = torch.ops.aten.silu(z)
        b = K.group_quant(y, 128)
        return a, b, s

    def having(op, effect):
        return attrs.evolve(op, effects=(Effect("kv", effect == "read"),) if effect else ())

    graph = graph_of(function, bf16(4, 256), bf16(256), bf16(4, 4))
    ops = {**OPS, "silu": having(OPS["silu"], theirs)}
    for name in ("rms_norm", "rms_norm_group_quant", "group_quant"):
        ops[name] = having(OPS[name], ours)
    found = find(FxView(graph), [norm_quant()], context(ops))
    assert len(found.matches) == holds


def test_an_effect_is_not_lost():
    graph = two_quants_and(lambda y: None)
    ops = {**OPS, "rms_norm": attrs.evolve(OPS["rms_norm"], effects=(Effect("kv"),))}
    found = find(FxView(graph), [norm_quant()], context(ops))
    assert not found.matches
    assert "'kv'" in found.refusals[0].reason


@pytest.mark.parametrize("other", [False, True])
def test_only_names_the_sole_user(other):
    """silu(x) * x, fused; only `add.a` may see x's double afterwards."""

    def function(x, z):
        h = x * x
        return torch.ops.aten.silu(x), h + z, (h - 1 if other else None)

    graph = graph_of(function, bf16(4, 256), bf16(4, 256))
    left = Block(
        ("x",),
        (step("s", "silu", {"x": Use("x")}, y="y"), step("m", "mul", {"a": Use("x"), "b": Use("x")}, y="h")),
    )
    pattern = Pattern(
        "p", left,
        (
            RightStep("silu", (("x", Use("x")),), (("y", "y"),)),
            RightStep("mul", (("a", Use("x")), ("b", Use("x"))), (("y", "h"),)),
        ),
        (Replace("y", "y"), Replace("h", "h")), (Input("x"),), only=(Only("h", "add", "a"),),
    )  # fmt: skip
    assert len(search(graph, pattern).matches) == (not other)


def test_where_reports_the_values():
    from patdsl.expr import Binary, Func, Ref

    condition = Binary(">", Func("rank", (Ref("x"),)), Lit(2))
    pattern = norm_quant(where=(condition,))
    found = search(two_quants_and(lambda y: None), pattern)
    assert rules(found) == {"where"}
    assert "does not hold" in found.refusals[0].reason
    assert norm_step().op == "rms_norm"


def test_targets_of_the_pattern_and_of_the_binding():
    from patdsl.op_table import On

    graph = two_quants_and(lambda y: None)
    assert not search(graph, norm_quant(targets=(On("gfx942"),))).matches
    fused = OPS["rms_norm_group_quant"]
    elsewhere = attrs.evolve(fused.bindings[0], targets=(On("gfx942"),))
    missing = attrs.evolve(fused.bindings[0], target="patdsl::not_there.default")
    ops = {**OPS, fused.name: attrs.evolve(fused, bindings=(elsewhere, missing))}
    found = find(FxView(graph), [norm_quant()], context(ops))
    assert not found.matches
    assert "not for cpu" in found.refusals[0].reason
    assert "not registered" in found.refusals[0].reason
