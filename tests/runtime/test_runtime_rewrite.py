"""What a rewrite leaves in the graph: meta, erased nodes, and what is refused."""

from __future__ import annotations

import attrs
import pytest
import torch
from runtime_lib import OPS
from runtime_models import bf16, check, norm_quants, ops_in, traced
from runtime_specs import NORM_QUANTS, spec

from patdsl.graph import RightStep
from patdsl.match.engine import find
from patdsl.match.fx_view import FxView
from patdsl.op_table import Use
from patdsl.runtime import FusionPass
from patdsl.runtime.rewriter import NotWritten, Rewriter, Written


def matches_in(graph, fusion):
    return find(FxView(graph), fusion.index(), fusion.resolved().context).matches


def test_new_nodes_take_over_provenance():
    module = traced(norm_quants(None, (2, 3, 256)), bf16(6, 256), bf16(256))
    for node in module.graph.nodes:
        node.meta["stack_trace"] = f"line of {node.name}"
        node.meta["nn_module_stack"] = {"layer": ("layer", torch.nn.Module)}
    assert FusionPass(spec()).apply(module) == 1
    made = [node for node in module.graph.nodes if "patdsl" in node.meta]
    assert made
    for node in made:
        assert node.meta["patdsl"] == ("norm_quants",)
        assert node.meta["stack_trace"] == "line of quant"
        assert "layer" in node.meta["nn_module_stack"]


def test_provenance_tracking_names_every_old_node():
    import torch._inductor.config as config

    with config.patch({"trace.provenance_tracking_level": 1}):
        module = traced(norm_quants(None, None), bf16(6, 256), bf16(256))
        FusionPass(spec()).apply(module)
    (call,) = [node for node in module.graph.nodes if node.target is OPS.norm_quant.default]
    assert {source.name for source in call.meta["from_node"]} == {"norm", "quant", "quant_1"}


def test_eager_strides_are_given_to_inductor():
    """Without them Inductor may hand the kernel any strides."""
    module = traced(norm_quants(None), bf16(6, 256), bf16(256))
    FusionPass(spec()).apply(module)
    (call,) = [node for node in module.graph.nodes if node.target is OPS.norm_quant.default]
    args, kwargs = call.meta["eager_input_vals"]
    assert [value.stride() for value in args[:2]] == [(256, 1), (1,)]
    assert args[2:] == (1e-6, 64)
    assert kwargs == {}


def test_views_share_storage_and_values_do_not():
    module = traced(norm_quants(None, (6, 256)), bf16(2, 3, 256), bf16(256))
    FusionPass(spec()).apply(module)
    check(module.graph)
    storages = {}
    for node in module.graph.nodes:
        if isinstance(node.meta.get("val"), torch.Tensor):
            storages.setdefault(node.meta["val"].untyped_storage()._cdata, []).append(node)
    for nodes in storages.values():
        for node in nodes[1:]:
            assert node.target is torch.ops.aten.reshape.default
    assert any(len(nodes) > 1 for nodes in storages.values())


def test_symbolic_dims_are_nodes_not_numbers():
    module = traced(norm_quants(None, (-1, 256)), bf16(5, 3, 256), bf16(256), symbolic=True)
    # Symbolic tracing makes every dim symbolic; the last one is what the group divides.
    graph = module.graph
    before = {arg for node in graph.nodes for arg in node.args if isinstance(arg, int)}
    FusionPass(spec()).apply(graph)
    check(graph)
    for node in graph.nodes:
        if node.target is torch.ops.aten.reshape.default and "patdsl" in node.meta:
            assert not {5, 3, 15} & {size for size in node.args[1] if isinstance(size, int)} - before


def test_only_what_was_matched_is_erased():
    def model(x, weight):
        x.sin()
        y = OPS.norm(x, weight, 1e-6).reshape(6, 256)
        return OPS.quant(y, 64)

    module = traced(model, bf16(2, 3, 256), bf16(256))
    FusionPass(spec()).apply(module)
    found = ops_in(module.graph)
    assert found["sin"] == 1, "dead code of others is not ours to remove"
    assert found["norm"] == found["quant"] == 0
    assert found["norm_quant"] == 1


def test_rewrite_never_matches_its_own_output():
    """A pattern whose right side is its left side is written once."""
    args = NORM_QUANTS.right[0].args
    norm = RightStep("norm", args[:3], (("y", "new_y"),))
    quant = RightStep("quant", (("x", Use("new_y")), args[3]), NORM_QUANTS.right[0].results)
    module = traced(norm_quants(None), bf16(6, 256), bf16(256))
    assert FusionPass(spec(attrs.evolve(NORM_QUANTS, name="again", right=(norm, quant)))).apply(module) == 1
    assert ops_in(module.graph) == {"norm": 1, "quant": 1}


def test_matches_of_one_look_are_written_one_after_the_other():
    """The second layer's input is the first layer's replaced output."""

    def model(x, weight):
        found = []
        for _ in range(5):
            q, scale = OPS.quant(OPS.norm(x, weight, 1e-6), 64)
            x = (q.float() * scale.repeat_interleave(64, -1)).to(x.dtype)
            found += [q, scale]
        return found

    module = traced(model, bf16(6, 256), bf16(256))
    fusion = FusionPass(spec())
    matches = matches_in(module.graph, fusion)
    assert len(matches) == 5
    rewriter = Rewriter(module.graph, fusion.resolved().context)
    assert all(isinstance(rewriter.write(match), Written) for match in matches)
    rewriter.finish()
    check(module.graph)
    assert ops_in(module.graph)["norm_quant"] == 5


def test_overlapping_match_is_stale():
    module = traced(norm_quants(None), bf16(6, 256), bf16(256))
    fusion = FusionPass(spec())
    (match,) = matches_in(module.graph, fusion)
    rewriter = Rewriter(module.graph, fusion.resolved().context)
    assert isinstance(rewriter.write(match), Written)
    assert rewriter.write(match) == NotWritten("an earlier rewrite took one of its nodes", stale=True)


@pytest.mark.parametrize("place", ["first use", "input"])
def test_wrong_position_is_refused(place):
    """Whatever the engine says, a use before its definition is not written."""
    module = traced(norm_quants(None), bf16(6, 256), bf16(256))
    graph = module.graph
    fusion = FusionPass(spec())
    (match,) = matches_in(graph, fusion)
    nodes = list(graph.nodes)
    before = nodes[-1].next if place == "first use" else nodes[0]
    wrong = attrs.evolve(match, before=nodes[-1] if place == "first use" else before)
    if place == "first use":
        with graph.inserting_before(nodes[-1]):
            reader = graph.call_function(torch.ops.aten.abs.default, (match.replaced[0].old.holders[0],))
        reader.meta["val"] = match.replaced[0].old.holders[0].meta["val"]
    text = str(graph)
    outcome = Rewriter(graph, fusion.resolved().context).write(wrong)
    assert isinstance(outcome, NotWritten)
    assert ("in front of" in outcome.reason) or ("no node" in outcome.reason)
    assert str(graph) == text


def test_node_that_would_stay_alive_is_refused():
    module = traced(norm_quants(None), bf16(6, 256), bf16(256))
    graph = module.graph
    fusion = FusionPass(spec())
    (match,) = matches_in(graph, fusion)
    norm = next(node for node in graph.nodes if node.target is OPS.norm.default)
    with graph.inserting_after(norm):
        graph.call_function(torch.ops.aten.abs.default, (norm,)).meta["val"] = norm.meta["val"]
    text = str(graph)
    outcome = Rewriter(graph, fusion.resolved().context).write(match)
    assert outcome == NotWritten("norm would stay alive: abs_default reads it")
    assert str(graph) == text


def test_cost_of_writing_is_linear():
    """Twice the layers, about twice the steps: node comparisons are counted, not time."""
    import sys

    def layers(count):
        def model(x, weight):
            found = []
            for _ in range(count):
                q, scale = OPS.quant(OPS.norm(x, weight, 1e-6), 64)
                found += [q, scale]
            return found

        module = traced(model, bf16(6, 256), bf16(256))
        fusion = FusionPass(spec())
        matches = matches_in(module.graph, fusion)
        rewriter = Rewriter(module.graph, fusion.resolved().context)
        calls = 0

        def count_calls(frame, event, arg):
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count_calls)
        try:
            for match in matches:
                assert isinstance(rewriter.write(match), Written)
            rewriter.finish()
        finally:
            sys.setprofile(None)
        return calls

    layers(4)  # warm caches
    small, large = layers(20), layers(80)
    assert large < 4.6 * small
