"""What a user may ask of the plugin, without vLLM."""

from __future__ import annotations

import re

import pytest

from patdsl.vllm.hosts import LayerSupport
from patdsl.vllm.settings import SettingsError, settings
from patdsl.vllm.versions import VersionError, check_version

KNOWN = ("first", "second", "third")


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("", ()),
        ("all", KNOWN),
        ("third,first", ("first", "third")),
        ("all, -second", ("first", "third")),
        ("all,none", ()),
        (["second"], ("second",)),
    ],
)
def test_passes_are_chosen_by_name(asked, chosen):
    assert settings(KNOWN, {"passes": asked}).passes == chosen


def test_the_configuration_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("PATDSL_VLLM", "first")
    monkeypatch.setenv("PATDSL_PREFER", "_C")
    assert settings(KNOWN) == settings(KNOWN, {"passes": "first", "prefer": ["_C"]})
    assert settings(KNOWN, {"passes": "none", "prefer": []}).passes == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"passes": "secnd"}, "no pass 'secnd' for vLLM; did you mean 'second'?"),
        ({"passes": 3}, "a text with commas, or a list of texts; got 3"),
        ({"passes": [3]}, "a list of texts; got [3]"),
        ({"passez": "all"}, "'patdsl.passez'; known: passes, prefer"),
    ],
)
def test_what_cannot_be_meant_is_told(given, told):
    with pytest.raises(SettingsError, match=re.escape(told)):
        settings(KNOWN, given)


def test_only_tested_versions_are_taken():
    check_version("0.32.0+cpu", allow_any=False)
    check_version("0.33.0", allow_any=True)
    with pytest.raises(VersionError, match=re.escape("0.33.0, and were tested with 0.32.0 only")):
        check_version("0.33.0", allow_any=False)


def test_a_layer_that_the_graph_does_not_name_may_be_any():
    support = LayerSupport({"a": {"rope": True, "quant": True}, "b": {"rope": True, "quant": False}})
    assert [support("a", "quant"), support("b", "quant"), support(None, "quant")] == [True, False, False]
    assert support(None, "rope")
    assert not support("c", "rope")
    assert not LayerSupport({})(None, "rope")
    assert support.uuid != LayerSupport({}).uuid
