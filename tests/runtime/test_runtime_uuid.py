"""The identity of a pass: equal where the meaning is, different where it is not."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import runtime_lib  # noqa: F401  registers the ops
from runtime_specs import (
    EPSILON,
    FUSED,
    FUSED_BINDING,
    NORM,
    NORM_QUANTS,
    NORM_QUANTS_EACH,
    OPS,
    fused_through,
    spec,
)

from patdsl.expr import Binary, Lit, Ref
from patdsl.graph import ConstValue, HostValue
from patdsl.op_table import Const, On, OneOf
from patdsl.runtime import Chain, FusionPass
from patdsl.runtime.uuid import canonical

HERE = Path(__file__).parent
HOST = (HostValue("tp_size", "int", None, 1),)


def uuid(*patterns, target="cpu", given=None, **more):
    return FusionPass(spec(*patterns, **more), target=target, hosts=given).uuid()


def with_epsilon(*values):
    """The pattern for these epsilons only."""
    norm, quants = NORM_QUANTS.left.steps
    operand = OneOf("epsilon", tuple(map(Lit, values)))
    norm = attrs.evolve(norm, operands=(*norm.operands[:2], ("epsilon", operand)))
    return attrs.evolve(NORM_QUANTS, left=attrs.evolve(NORM_QUANTS.left, steps=(norm, quants)))


CHANGES = {
    "nothing": {},
    "another pattern": {"patterns": (NORM_QUANTS_EACH,)},
    "one more pattern": {"patterns": (NORM_QUANTS, NORM_QUANTS_EACH)},
    "epsilon set": {"patterns": (with_epsilon(1e-6),)},
    "larger epsilon set": {"patterns": (with_epsilon(1e-6, 1e-5),)},
    "epsilon by one bit": {"patterns": (with_epsilon(1.0000000000000002e-06),)},
    "int for float": {"patterns": (with_epsilon(1),)},
    "float for int": {"patterns": (with_epsilon(1.0),)},
    "true for one": {"patterns": (with_epsilon(True),)},
    "restride": {"patterns": (attrs.evolve(NORM_QUANTS, restride=("scale",)),)},
    "condition": {"patterns": (attrs.evolve(NORM_QUANTS, where=(Binary("==", Ref("group"), Lit(64)),)),)},
    "target of a pattern": {"patterns": (attrs.evolve(NORM_QUANTS, targets=(On("cpu"),)),)},
    "target": {"target": "sm_90"},
    "host": {"given": {"tp_size": 2}, "spec": {"hosts": HOST}},
    "host default": {"spec": {"hosts": HOST}},
    "constant": {"spec": {"consts": {"m": (ConstValue(448.0),)}}},
    "when": {"spec": {"when": Lit(True)}},
    "binding that does not exist": {
        "spec": {"ops": fused_through(attrs.evolve(FUSED_BINDING, target="patdsl_test::nowhere.default"))}
    },
    "order of bindings": {
        "spec": {"ops": fused_through(FUSED_BINDING, attrs.evolve(FUSED_BINDING, guard=Lit(True)))}
    },
}


def uuid_of(change):
    change = dict(change)
    return uuid(*change.pop("patterns", ()), **change.pop("spec", {}), **change)


def test_every_change_of_meaning_changes_it():
    found = {name: uuid_of(change) for name, change in CHANGES.items()}
    assert len(set(found.values())) == len(found)
    assert all(len(each) == 64 for each in found.values())


def test_places_do_not():
    norm, quants = NORM_QUANTS.left.steps
    moved = attrs.evolve(
        NORM_QUANTS,
        place="other.pat:99",
        left=attrs.evolve(NORM_QUANTS.left, steps=(attrs.evolve(norm, line=7), quants)),
    )
    ops = {**OPS, "norm": attrs.evolve(NORM, place="elsewhere.pat:3")}
    assert uuid(moved, ops=ops) == uuid()


def test_order_of_ops_does_not():
    assert uuid(ops=dict(reversed(OPS.items()))) == uuid()


def test_registering_an_op_later_changes_it():
    import torch

    missing = attrs.evolve(FUSED_BINDING, target="patdsl_test_late::fused.default")
    fusion = FusionPass(spec(ops=fused_through(missing, FUSED_BINDING)), target="cpu")
    before = fusion.uuid()
    assert fusion.uuid() == before
    library = torch.library.Library("patdsl_test_late", "DEF")
    library.define("fused(Tensor x, Tensor weight, float epsilon, int group) -> (Tensor, Tensor)")
    assert fusion.uuid() != before
    assert "calls patdsl_test_late::fused.default" in str(fusion.report())


def test_equal_in_every_process_and_folder(tmp_path, monkeypatch):
    # The digest of the sources has a test of its own: here somebody may be editing them.
    monkeypatch.setattr("patdsl.runtime.uuid.sources_digest", lambda: "sources")
    monkeypatch.setattr("patdsl.runtime.uuid.kernels_digest", lambda: "kernels")
    text = (
        f"import sys; sys.path[:0] = {[str(HERE), str(HERE.parent.parent)]!r}\n"
        "import patdsl.runtime.uuid; patdsl.runtime.uuid.sources_digest = lambda: 'sources'\n"
        "patdsl.runtime.uuid.kernels_digest = lambda: 'kernels'\n"
        "from test_runtime_uuid import CHANGES, uuid_of\n"
        "for change in CHANGES.values(): print(uuid_of(change))"
    )
    found = []
    for seed, folder in (("0", tmp_path), ("12345", HERE), ("random", tmp_path)):
        run = subprocess.run(
            [sys.executable, "-c", text],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(run.stdout.split())
    assert found[0] == found[1] == found[2] == [uuid_of(change) for change in CHANGES.values()]


def test_digest_of_the_sources(tmp_path):
    """Equal wherever the same code stands; another matcher is another pass, another command line is not."""

    def digest(folder):
        text = "from patdsl.runtime.uuid import sources_digest; print(sources_digest())"
        run = subprocess.run(
            [sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=True
        )
        return run.stdout

    package, copy = tmp_path / "one" / "patdsl", tmp_path / "two" / "patdsl"
    shutil.copytree(HERE.parents[1] / "patdsl", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package, copy)
    first = digest(package.parent)
    assert digest(copy.parent) == first
    engine, command = copy / "match" / "engine.py", copy / "cli.py"
    command.write_text(command.read_text() + "\n# changed\n")
    assert digest(copy.parent) == first
    engine.write_text(engine.read_text() + "\n# changed\n")
    assert digest(copy.parent) != first


def test_host_functions_say_who_they_are():
    def supports(layer, what):
        return True

    hosts = (HostValue("supports", "bool", ("str", "str"), True),)
    silent = FusionPass(spec(hosts=hosts), hosts={"supports": supports}, target="cpu")
    assert silent.uuid() is None
    assert "not cached" in str(silent.report())
    assert Chain([silent]).uuid() is None
    supports.uuid = "v1"
    first = FusionPass(spec(hosts=hosts), hosts={"supports": supports}, target="cpu").uuid()
    supports.uuid = "v2"
    assert first is not None
    assert FusionPass(spec(hosts=hosts), hosts={"supports": supports}, target="cpu").uuid() != first
    assert FusionPass(spec(hosts=hosts), target="cpu").uuid() not in (None, first)


def test_copies_are_the_same_pass():
    import copy

    fusion = FusionPass(spec(hosts=HOST), hosts={"tp_size": 4}, target="cpu")
    fusion.counts["norm_quants"] = 3
    for again in (pickle.loads(pickle.dumps(fusion)), copy.deepcopy(fusion)):  # noqa: S301
        assert again.uuid() == fusion.uuid()
        assert again.counts == fusion.counts
        assert again.hosts == {"tp_size": 4}
    chain = pickle.loads(pickle.dumps(Chain([fusion])))  # noqa: S301
    assert chain.uuid() == Chain([fusion]).uuid()


def test_canonical_text_takes_nothing_else():
    with pytest.raises(TypeError, match="no value of the data model"):
        canonical(object())
    assert canonical({"b": 1, "a": 1.0}) == "{'a':float(0x1.0000000000000p+0),'b':1}"
    assert canonical(Const(Lit(True))) != canonical(Const(Lit(1)))
    assert FUSED.param["epsilon"] == EPSILON
