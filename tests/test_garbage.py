"""Garbage collection is paused, and afterwards is as it was."""

from __future__ import annotations

import gc

import pytest

from patdsl.garbage import collections_paused


@pytest.fixture(autouse=True)
def _as_it_was():
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_as_it_was(enabled):
    (gc.enable if enabled else gc.disable)()
    with collections_paused():
        assert not gc.isenabled()
        with collections_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled() is enabled


def test_after_a_fault_too():
    gc.enable()
    with pytest.raises(KeyError), collections_paused():
        raise KeyError
    assert gc.isenabled()


def test_it_stays_off_where_that_is_asked_for():
    gc.enable()
    with collections_paused(resume=lambda: False):
        pass
    assert not gc.isenabled()


def test_none_begins_while_a_pass_is_applied(monkeypatch):
    from torch.fx import Graph

    from patdsl.library import rms_norm_quant
    from patdsl.runtime import FusionPass

    within = []
    monkeypatch.setattr(FusionPass, "_apply", lambda *_: within.append(gc.isenabled()) or 0)
    gc.enable()
    rms_norm_quant.load(target="gfx950")(Graph())
    assert within
    assert not any(within)
    assert gc.isenabled()
