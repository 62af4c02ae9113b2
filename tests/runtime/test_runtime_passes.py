"""Passes as an integration sees them: switches, host values, order, reports, logs, costs."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pytest
from runtime_lib import OPS
from runtime_models import bf16, compiled, norm_quants, ops_in, traced
from runtime_specs import ADD_NORM_QUANTS, FUSED_BINDING, NORM_QUANTS, fused_through, spec

from patdsl.dtypes import Dtype
from patdsl.expr import Binary, Lit, Ref
from patdsl.graph import ConstValue, HostValue
from patdsl.op_table import On
from patdsl.runtime import Chain, FusionPass, HostValueError, PassOrderError, use_target
from patdsl.runtime.resolve import resolve_pass

HOSTS = (HostValue("tp_size", "int", None, 1), HostValue("limit", "float", None, 0.5))


def graph():
    return traced(norm_quants(None), bf16(6, 256), bf16(256)).graph


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"targets": (On("sm_90", True), On("gfx942"))}, "target cpu is not among sm_90+, gfx942"),
        ({"when": Binary(">", Ref("tp_size"), Lit(1)), "hosts": HOSTS}, "'when' is false"),
        ({"when": Ref("nobody")}, "'when' cannot be decided: `nobody` has no value here"),
    ],
)
def test_pass_that_is_off(more, reason):
    fusion = FusionPass(spec(**more), target="cpu")
    assert fusion.apply(graph()) == 0
    report = fusion.report()
    assert not report.enabled
    assert report.reasons == (reason,)
    assert str(report).splitlines()[:2] == ["pass test_pass on cpu: off", f"  {reason}"]


def test_when_reads_host_values():
    more = {"when": Binary(">", Ref("tp_size"), Lit(1)), "hosts": HOSTS}
    assert FusionPass(spec(**more), hosts={"tp_size": 2}).apply(graph()) == 1


def test_pattern_without_a_callable_binding_is_off():
    elsewhere = attrs.evolve(FUSED_BINDING, targets=(On("gfx942"),))
    missing = attrs.evolve(FUSED_BINDING, target="aiter::not_here.default")
    fusion = FusionPass(spec(ops=fused_through(elsewhere, missing)), target="cpu")
    assert fusion.apply(graph()) == 0
    (pattern,) = fusion.report().patterns
    assert pattern.reasons == (
        "'norm_quant' cannot be called here: patdsl_test::norm_quant.default: for gfx942, not cpu; "
        "aiter::not_here.default: not registered in this process",
    )


def test_pattern_whose_op_no_graph_can_hold_is_off():
    """Not registered, or registered with another schema: the report says which."""
    ops = dict(spec().ops)
    missing = attrs.evolve(FUSED_BINDING, target="aiter::not_here.default")
    other = attrs.evolve(FUSED_BINDING, target="aten::relu.default")
    ops["norm"] = attrs.evolve(ops["norm"], bindings=(missing, other))
    (pattern,) = FusionPass(spec(ops=ops), target="cpu").report().patterns
    (reason,) = pattern.reasons
    assert reason.startswith(
        "no graph can hold 'norm': aiter::not_here.default: not registered in this process; "
        "aten::relu.default: its schema contradicts the declaration: "
    )


def test_pattern_for_another_target_is_off():
    fusion = FusionPass(spec(attrs.evolve(NORM_QUANTS, targets=(On("gfx950"),))), target="cpu")
    assert fusion.apply(graph()) == 0
    assert fusion.report().patterns[0].reasons == ("target cpu is not among gfx950",)


def test_target_is_the_current_one_when_the_pass_is_made():
    with use_target("gfx942"):
        fusion = FusionPass(spec())
    assert fusion.target == "gfx942"
    with pytest.raises(ValueError, match="unknown target 'gfx'"):
        FusionPass(spec(), target="gfx")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tp_size": 2.0}, "host 'tp_size' is declared int; got 2.0, which is float"),
        ({"tp_size": True}, "host 'tp_size' is declared int; got True, which is bool"),
        ({"tp": 2}, "no pass declares a host value 'tp'; declared: limit, tp_size"),
        ({"limit": "much"}, "host 'limit' is declared float; got 'much', which is str"),
    ],
)
def test_wrong_host_values(given, message):
    with pytest.raises(HostValueError) as error:
        FusionPass(spec(hosts=HOSTS), hosts=given)
    assert str(error.value) == message


def test_host_values_default_to_their_test_values():
    assert FusionPass(spec(hosts=HOSTS), hosts={"limit": 2}).hosts == {"tp_size": 1, "limit": 2.0}
    function = (HostValue("supports", "bool", ("str",), True),)
    assert FusionPass(spec(hosts=function)).hosts["supports"]("anything") is True
    with pytest.raises(HostValueError, match="is a function"):
        FusionPass(spec(hosts=function), hosts={"supports": True})


def test_fp8_and_constants_are_resolved_for_the_target():
    consts = {
        "fp8_max": (ConstValue(448.0), ConstValue(224.0, (On("gfx942"),))),
        "kind": (ConstValue(Dtype("fp8")),),
    }
    pattern = attrs.evolve(NORM_QUANTS, where=(Binary("==", Lit(Dtype("fp8")), Ref("kind")),))
    for target, largest, kind in (("gfx942", 224.0, "f8e4m3fnuz"), ("gfx950", 448.0, "f8e4m3fn")):
        resolved = resolve_pass(spec(pattern, consts=consts), target, {})
        assert resolved.context.names == {"fp8_max": largest, "kind": Dtype(kind)}
        assert resolved.standings[0].pattern.where[0].left == Lit(Dtype(kind))


# order


def passes(**after):
    return [FusionPass(spec(name=name, after=names), target="cpu") for name, names in after.items()]


def test_passes_keep_their_order_but_for_after():
    chain = Chain(passes(a=("c",), b=(), c=(), d=("elsewhere",)))
    assert [each.name for each in chain] == ["b", "c", "a", "d"]


def test_circles_and_doubles_are_errors():
    with pytest.raises(PassOrderError, match=r"in a circle: (a after c after b after a|a after b|b after)"):
        Chain(passes(x=(), a=("c",), b=("a",), c=("b",)))
    with pytest.raises(PassOrderError, match="two passes are called 'a'"):
        Chain(passes(a=()) + passes(a=()))


def test_uuid_of_a_chain_depends_on_the_order():
    a, b = passes(a=(), b=())
    assert Chain([a, b]).uuid() != Chain([b, a]).uuid()


def test_chain_builds_what_a_module_lists_and_runs_it():
    first, second = (
        spec(NORM_QUANTS, name="one", hosts=HOSTS),
        spec(ADD_NORM_QUANTS, name="two", after=("one",)),
    )
    chain = Chain.build(((second, None), (first, None)), hosts={"tp_size": 2}, target="cpu")
    assert [each.name for each in chain] == ["one", "two"]
    _, kept = compiled(norm_quants(None), (bf16(6, 256), bf16(256)), chain)
    assert kept.after == {"norm_quant": 1}
    assert chain.counts == chain.last_counts == {"norm_quants": 1}
    assert [each.name for each in chain.report().passes] == ["one", "two"]
    with pytest.raises(HostValueError, match="no pass declares"):
        Chain.build(((first, None),), hosts={"other": 1})


# report, counts, log


def test_counts_are_of_all_graphs_and_of_the_last():
    fusion = FusionPass(spec())
    for _ in range(2):
        fusion(traced(norm_quants(None), bf16(6, 256), bf16(256)).graph)
    assert (fusion.counts["norm_quants"], fusion.last_counts["norm_quants"]) == (2, 1)
    (pattern,) = fusion.report().patterns
    assert (pattern.total, pattern.last, dict(pattern.called)) == (
        2,
        1,
        {"patdsl_test::norm_quant.default": 2},
    )
    assert "norm_quants: replaced 2 (1 in the last graph)" in str(fusion.report())


def test_report_says_what_the_last_graph_lacks():
    fusion = FusionPass(spec())

    def no_norm(x, w):
        return OPS.quant(x.float() * w, 64)

    fusion(traced(no_norm, bf16(6, 256), bf16(256)).graph)
    assert "the last graph has no call of norm" in str(fusion.report())
    fusion(traced(norm_quants(None), bf16(6, 256), bf16(256)).graph)
    (pattern,) = fusion.report().patterns
    assert (pattern.last, pattern.missing) == (1, None)


def test_report_is_plain_data():
    fusion = FusionPass(spec(), target="cpu")
    fusion(graph())
    found = json.loads(json.dumps(Chain([fusion]).report().to_dict()))
    (each,) = found["passes"]
    assert each["enabled"]
    assert each["patterns"][0]["choices"] == {
        "norm_quant": [
            {
                "binding": "patdsl_test::norm_quant.default",
                "skipped": None,
                "guarded": False,
                "runs": "an op of patdsl_test",
            }
        ]
    }


def test_log_says_how_many(caplog):
    with caplog.at_level(logging.DEBUG, logger="patdsl"):
        FusionPass(spec())(graph())
    assert "test_pass: norm_quants: replaced 1" in caplog.messages


def test_fault_of_the_matcher_leaves_the_graph(monkeypatch, caplog):
    def fault(*args):
        raise RuntimeError("bug")

    monkeypatch.setattr("patdsl.runtime.findings.find", fault)
    untouched = graph()
    text = str(untouched)
    assert FusionPass(spec()).apply(untouched) == 0
    assert str(untouched) == text
    assert "the matcher failed" in caplog.text


def test_empty_and_foreign_graphs():
    import torch

    empty = torch.fx.Graph()
    empty.output(())
    assert FusionPass(spec()).apply(empty) == 0
    bare = torch.fx.Graph()
    bare.output((bare.call_function(torch.ops.aten.abs.default, (bare.placeholder("x"),)),))
    assert FusionPass(spec()).apply(bare) == 0
    assert ops_in(bare) == {"abs": 1}


# costs


def test_making_thirty_patterns_is_cheap():
    patterns = [attrs.evolve(NORM_QUANTS, name=f"p{at}") for at in range(30)]
    FusionPass(spec(*patterns))
    start = time.process_time()
    FusionPass(spec(*patterns))
    # The budget is 10 ms; a loaded machine is given five times as much.
    assert time.process_time() - start < 0.05


def test_importing_the_runtime_is_cheap():
    text = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "import torch; before = set(sys.modules)\n"
        "import patdsl.runtime\n"
        "new = set(sys.modules) - before\n"
        "assert {name.split('.')[0] for name in new} <= {'patdsl', 'attr', 'attrs', 'unicodedata'}, new\n"
        "import patdsl.runtime.passes, patdsl.runtime.chain, patdsl.runtime.matcher\n"
        "assert 'lark' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", text], check=True)
