"""Call forms, captures, literals, dead results: what is the same call, and what is not."""

from __future__ import annotations

import pytest
import torch
from match_cases import ADD, OPS, K, bf16, context, graph_of, norm_quant, quant_step, rules, search, step

from patdsl.expr import Lit
from patdsl.graph import Input, Pattern, Replace, RightStep
from patdsl.match.blocks import places
from patdsl.match.engine import find
from patdsl.match.fx_view import FxView
from patdsl.match.native import find_native
from patdsl.match.sites import Sites
from patdsl.op_table import Anything, Block, Const, OneOf, Use


def sites_of(graph, name, ops=None):
    return list(Sites(FxView(graph), context(ops), find_native).all(name))


def counted(graph, block, ops=None):
    """In how many ways, and on how many sets of nodes, a block holds."""
    found = list(places(Sites(FxView(graph), context(ops), find_native), block, {}))
    return len(found), len({place.solution.nodes for place in found})


@pytest.mark.parametrize("epsilon", [1e-5, 1e-6, 2e-6, 1e-12, 1])
def test_epsilon_is_captured(epsilon):
    def function(x, w):
        y = K.rms_norm(x, w, epsilon)
        return K.group_quant(y, 64), K.group_quant(y, 64)

    (match,) = search(graph_of(function, bf16(4, 256), bf16(256)), norm_quant()).matches
    assert match.names["epsilon"] == float(epsilon)
    assert type(match.names["epsilon"]) is float


def test_keyword_default_and_packet_calls_are_one_form():
    graph = torch.fx.Graph()
    seed = graph_of(lambda x, w: K.group_quant(K.rms_norm(x, w, 1e-6), 128), bf16(4, 256), bf16(256))
    metas = {node.name: node.meta for node in seed.nodes}
    norm_meta = next(node.meta for node in seed.nodes if "rms_norm" in str(node.target))
    quant_meta = next(node.meta for node in seed.nodes if "group_quant" in str(node.target))
    x, w = graph.placeholder("x"), graph.placeholder("w")
    x.meta, w.meta = metas["x_1"], metas["w_1"]
    y = graph.call_function(K.rms_norm, (x,), {"epsilon": 1e-6, "weight": w})
    quants = [
        graph.call_function(K.group_quant.default, (y, 128)),
        graph.call_function(K.group_quant.default, (y,), {"group_size": 128, "col_major": False}),
        graph.call_function(K.group_quant, (y, 128, False, False, False)),
        graph.call_function(K.group_quant.default, (), {"tma_aligned": False, "group_size": 128, "x": y}),
    ]
    y.meta = norm_meta
    for quant in quants:
        quant.meta = quant_meta
    graph.output(quants)
    found = search(graph, norm_quant(4, 4))
    # The quants are returned whole: replacing their parts leaves them alive, so look at the sites.
    assert len(sites_of(graph, "group_quant")) == 4
    assert rules(found) == {"profit"}


@pytest.mark.parametrize("flag", ["ue8m0", "tma_aligned"])
def test_an_attribute_pinned_elsewhere_does_not_match(flag):
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 128, **{flag: True}), K.group_quant(y, 128, **{flag: True})

    graph = graph_of(function, bf16(4, 256), bf16(256))
    assert len(sites_of(graph, "group_quant")) == 2
    assert not search(graph, norm_quant()).matches


def test_a_free_name_passes_none_and_the_right_side_guards():
    def function(x):
        y = K.rms_norm(x, None, 1e-6)
        return K.group_quant(y, 128), K.group_quant(y, 128)

    found = search(graph_of(function, bf16(4, 256)), norm_quant())
    assert not found.matches
    assert [(r.rule, r.reason) for r in found.refusals] == [
        ("typed", "rms_norm_group_quant takes no none for `weight`")
    ]


def test_weight_of_another_dtype_is_refused_by_the_fused_op():
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 128), K.group_quant(y, 128)

    found = search(graph_of(function, bf16(4, 256), torch.randn(256)), norm_quant())
    assert not found.matches
    assert "f32" in found.refusals[0].reason


def test_group_size_that_the_kernel_has_not():
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 32), K.group_quant(y, 32)

    found = search(graph_of(function, bf16(4, 256), bf16(256)), norm_quant())
    assert not found.matches
    assert rules(found) == {"where"}
    assert "group_size = 32" in found.refusals[0].reason


def test_dead_scale():
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 128)[0], K.group_quant(y, 128)[0]

    (match,) = search(graph_of(function, bf16(4, 256), bf16(256)), norm_quant()).matches
    assert [len(replaced.old.holders) for replaced in match.replaced] == [1, 1, 0, 0]


def test_duplicate_getitems_are_one_value():
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y, 128), K.group_quant(y, 128)

    graph = graph_of(function, bf16(4, 256), bf16(256))
    first = next(node for node in graph.nodes if "getitem" in node.name)
    with graph.inserting_after(first):
        twin = graph.node_copy(first)
    output = next(iter(reversed(graph.nodes)))
    output.args = ([*output.args[0], twin],)
    (match,) = search(graph, norm_quant()).matches
    assert match.replaced[0].old.holders == (first, twin)


def test_same_name_twice_is_the_same_value():
    def function(x, a, b):
        return K.rms_norm(x, a, 1e-6), K.rms_norm(x, a, 1e-6), K.rms_norm(x, b, 1e-6)

    graph = graph_of(function, bf16(4, 256), bf16(256), bf16(256))

    def norms(one, other):
        fixed = {"epsilon": Anything(), "variance_size": Anything()}
        return Block(
            ("x", "a", "b"),
            (
                step("1", "rms_norm", {"x": Use("x"), "weight": Use(one), **fixed}, y="y"),
                step("2", "rms_norm", {"x": Use("x"), "weight": Use(other), **fixed}, y="z"),
            ),
        )

    assert counted(graph, norms("a", "a")) == (2, 1)
    assert counted(graph, norms("a", "b")) == (6, 3)


def test_captured_floats_are_compared_exactly():
    def function(x, w):
        return K.rms_norm(x, w, 1e-6), K.rms_norm(x, w, 1.0000001e-6)

    graph = graph_of(function, bf16(4, 256), bf16(256))

    def norms(one, other):
        return Block(
            ("x", "w"),
            tuple(
                step(
                    y,
                    "rms_norm",
                    {"x": Use("x"), "weight": Use("w"), "epsilon": Use(e), "variance_size": Anything()},
                    y=y,
                )
                for y, e in (("y", one), ("z", other))
            ),
        )

    assert counted(graph, norms("e", "e")) == (0, 0)
    assert counted(graph, norms("e", "f")) == (2, 1)


@pytest.mark.parametrize(("options", "holds"), [((64, 128), True), ((64,), False), ((True, 128), True)])
def test_one_of(options, holds):
    graph = graph_of(lambda x: K.group_quant(x, 128), bf16(4, 256))
    operand = OneOf("group_size", tuple(map(Lit, options)))
    block = Block(("x",), (quant_step("g", Use("x"), group_size=operand, col_major=Anything()),))
    assert counted(graph, block)[0] == holds


def test_an_int_is_not_a_bool():
    graph = graph_of(lambda x: K.group_quant(x, 1), bf16(4, 256))
    for value, holds in ((1, 1), (True, 0)):
        block = Block(
            ("x",), (quant_step("g", Use("x"), group_size=Const(Lit(value)), col_major=Anything()),)
        )
        assert counted(graph, block)[0] == holds


def test_inputs_may_coincide_and_commutative_orders_are_one_match():
    graph = graph_of(lambda x, y: (x + x, x + y), bf16(4, 256), bf16(4, 256))
    block = Block(("a", "b"), (step("s", "add", {"a": Use("a"), "b": Use("b")}, y="y"),))
    assert counted(graph, block) == (3, 2)
    pattern = Pattern(
        "adds", block, (RightStep("mul", (("a", Use("a")), ("b", Use("b"))), (("y", "y"),)),),
        (Replace("y", "y"),), (Input("a"), Input("b")),
    )  # fmt: skip
    found = find(FxView(graph), [pattern], context())
    assert len(found.matches) == 2
    assert len(sites_of(graph, "add")) == 3
    assert ADD.commutative
    assert "add" in OPS


def test_a_result_type_that_does_not_fit_is_no_site():
    import attrs

    from patdsl.expr import Binary, Ref
    from patdsl.match.resolve import resolve_all

    graph = graph_of(lambda x: K.group_quant(x, 64), bf16(4, 256))
    op = OPS["group_quant"]
    scale = op.results[1]
    wrong = attrs.evolve(
        op,
        results=(
            op.results[0],
            attrs.evolve(
                scale,
                type=attrs.evolve(scale.type, dims=(scale.type.dims[0], Binary("/", Ref("H"), Lit(128)))),
            ),
        ),
    )
    assert sites_of(graph, "group_quant")
    assert not sites_of(graph, "group_quant", {**OPS, "group_quant": wrong})
    assert resolve_all(op, "gfx942") != resolve_all(op, "cpu")
    assert resolve_all(OPS["add"], "cpu") is OPS["add"]
