"""`view?`, `view` and views of a shape: any chain of layout ops, shared or on each branch, that keeps the last
dim.
"""

from __future__ import annotations

import attrs
import pytest
import torch
from match_cases import K, bf16, graph_of, norm_quant, norm_step, quant_step, rules, search

from patdsl.expr import Binary, Func, Lit, Ref
from patdsl.graph import Replace
from patdsl.op_table import Use, ViewStep


def none(y):
    return y, y


def shared(y):
    f = y.reshape(-1, 256)
    return f, f


def each(y):
    return y.view(-1, 256), y.view(-1, 256)


def one_branch(y):
    return y, y.view(-1, 256)


def chain(y):
    f = torch.ops.aten._unsafe_view(y.unsqueeze(0), [1, 8, 256]).squeeze(0).view(2, 4, 1, 256).contiguous()
    return f.view(8, 256), f.flatten(0, 2)


def same_type(y):
    return y.to(torch.bfloat16).permute(0, 1, 2).expand(2, 4, 256), y.clone()


LAYOUTS = (none, shared, each, one_branch, chain, same_type)


def three_d(layout):
    def function(x, w):
        a, b = layout(K.rms_norm(x, w, 1e-6))
        return K.group_quant(a, 128), K.group_quant(b, 128)

    return graph_of(function, bf16(2, 4, 256), bf16(256))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_optional_view_passes_every_layout(layout):
    found = search(three_d(layout), norm_quant())
    assert len(found.matches) == 1, found.refusals
    match = found.matches[0]
    assert all(call.flatten == {"x": (8, 256)} for call in match.right)
    for replaced in match.replaced:
        dims = replaced.old.meta.dims
        assert replaced.view_as == (None if len(dims) == 2 else dims)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_demanded_view_needs_one_on_every_branch(layout):
    assert len(search(three_d(layout), norm_quant(at_least=1)).matches) == (layout in (shared, each, chain))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_edge_without_view_passes_none(layout):
    plain = norm_quant(view=False)
    loose = attrs.evolve(plain, replaces=tuple(attrs.evolve(r, view=True) for r in plain.replaces))
    assert len(search(three_d(layout), loose).matches) == (layout in (none, same_type))


def test_a_view_that_changes_the_last_dim_is_no_view_edge():
    found = search(three_d(lambda y: (y.view(16, 128), y.view(16, 128))), norm_quant())
    assert not found.matches


@pytest.mark.parametrize(
    "between", [lambda y: y.transpose(0, 1), lambda y: y.float(), lambda y: y + 0, lambda y: y[:1]]
)
def test_what_is_not_layout_separates(between):
    assert not search(three_d(lambda y: (between(y), between(y))), norm_quant()).matches


def test_a_view_is_only_written_where_the_pattern_allows_one():
    strict = norm_quant()
    strict = attrs.evolve(strict, replaces=(Replace("qg", "qg", False, "F"), Replace("sg", "sg", False, "F")))
    found = search(three_d(none), strict)
    assert not found.matches
    assert rules(found) == {"typed"}


def test_one_shared_call_where_the_pattern_says_so():
    (match,) = search(three_d(one_branch), norm_quant(each=False)).matches
    assert len(match.right) == 1
    assert [replaced.new.name for replaced in match.replaced] == ["qg", "qg", "sg", "sg"]
    assert all(replaced.new.branch is None for replaced in match.replaced)
    assert [replaced.view_as for replaced in match.replaced] == [(2, 4, 256), None, (2, 4, 2), None]


@pytest.mark.parametrize("split", [(2, 2, 2, 256), (16, 128)])
def test_views_of_views_are_met_through_each_other(split):
    """No call reads what stands between two views: it is bound by the views alone."""
    pattern = norm_quant(1, None, view=False)
    steps = (
        ViewStep("a", "x", tuple(map(Lit, split))),
        ViewStep("b", "a", (Ref("M"), Lit(256))),
        norm_step(x=Use("b")),
        quant_step("g", Use("y"), "F"),
    )
    pattern = attrs.evolve(pattern, left=attrs.evolve(pattern.left, steps=steps))

    def matches(between):
        def function(x, w):
            rows = (x.view(between) if between else x).view(8, 256)
            return K.group_quant(K.rms_norm(rows, w, 1e-6), 128)

        return search(graph_of(function, bf16(2, 4, 256), bf16(256)), pattern).matches

    (match,) = matches(split)
    assert match.names["a"].meta.dims == split
    assert match.names["M"] == 8
    assert not matches(None)
    assert not matches((4, 2, 256))


def symbolic(width):
    def function(x, w):
        y = K.rms_norm(x, w, 1e-6)
        return K.group_quant(y.view(-1, width(x)), 128), K.group_quant(y.reshape(-1, width(x)), 128)

    return graph_of(function, bf16(3, 5, 256), bf16(256), symbolic=True)


def test_symbolic_rows():
    (match,) = search(symbolic(lambda x: 256), norm_quant()).matches
    rows = match.right[0].flatten["x"][0]
    assert isinstance(rows, torch.SymInt)
    assert match.right[0].results["scale"].dims[1] == 2


@pytest.mark.parametrize(("least", "rule"), [(0, None), (1 << 20, "where")])
def test_what_is_not_statically_known_decides_nothing(least, rule):
    condition = Binary(">", Func("numel", (Ref("x"),)), Lit(least))
    found = search(symbolic(lambda x: 256), norm_quant(where=(condition,)))
    assert rules(found) == ({rule} if rule else set())
    assert len(found.matches) == (rule is None)
    if rule:
        assert "not statically known" in found.refusals[0].reason


def test_a_graph_of_five_thousand_nodes():
    def function(x, w):
        found = []
        for _ in range(340):
            y = K.rms_norm(x, w, 1e-6).view(-1, 256)
            found += [K.group_quant(y, 128), K.group_quant(y, 128)]
            for _ in range(7):
                x = x * 2.0
        return found

    graph = graph_of(function, bf16(2, 4, 256), bf16(256))
    assert len(graph.nodes) > 5000
    found = search(graph, norm_quant(1, None))
    assert len(found.matches) == 340
    positions = {node: at for at, node in enumerate(graph.nodes)}
    places = [positions[match.before] for match in found.matches]
    assert places == sorted(places)
