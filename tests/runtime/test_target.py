"""Names of targets: what is accepted, how they order, where the current one comes from."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import torch

from patdsl.reference import fp8_dtype, quant_max
from patdsl.runtime import target
from patdsl.runtime.target import ENVIRONMENT, check_target, current_target, matches, use_target


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    target._detect.cache_clear()
    yield
    target._detect.cache_clear()


@pytest.mark.parametrize("name", ["cpu", "sm_75", "sm_90", "sm_100", "sm_121", "gfx90a", "gfx942", "gfx1201"])
def test_well_formed_names(name):
    assert check_target(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "CPU", "sm90", "sm_9", "sm_90a", "sm_090", "sm_1000", "sm_\u0669\u0660", "SM_90", " sm_90"),
        *("sm_90\n", "sm_90+", "cuda", "hip", "rocm", "gfx", "gfx9", "gfx94x", "gfx942:sramecc+", "gfx942 "),
        *("GFX942", "gfx12345", "gfx042"),
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="unknown target") as raised:
        check_target(name)
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize(("name", "meant"), [("sm90", "sm_90"), ("GFX942", "gfx942"), ("gfx94", "gfx942")])
def test_a_near_miss_is_corrected(name, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        check_target(name)


@pytest.mark.parametrize(
    ("found", "wanted", "or_newer", "expected"),
    [
        ("sm_90", "sm_90", False, True),
        ("sm_100", "sm_90", False, False),
        ("sm_100", "sm_90", True, True),  # as text, '100' < '90'
        ("sm_90", "sm_100", True, False),
        ("sm_90", "sm_90", True, True),
        ("gfx942", "sm_80", True, False),
        ("cpu", "sm_80", True, False),
        ("cpu", "cpu", False, True),
        ("gfx950", "gfx942", False, False),
        ("gfx942", "gfx942", False, True),
    ],
)
def test_matches(found, wanted, or_newer, expected):
    assert matches(found, wanted, or_newer) is expected


@pytest.mark.parametrize("wanted", ["gfx942", "cpu"])
def test_only_compute_capabilities_order(wanted):
    with pytest.raises(ValueError, match=f"'{wanted}\\+' has no meaning"):
        matches("sm_90", wanted, or_newer=True)


@pytest.mark.parametrize(("found", "wanted"), [("sm90", "sm_90"), ("sm_90", "sm90")])
def test_matches_checks_both_names(found, wanted):
    with pytest.raises(ValueError, match="'sm90'"):
        matches(found, wanted)


def test_environment_and_block(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "sm_100")
    assert current_target() == "sm_100"
    with use_target("gfx942"):
        assert current_target() == "gfx942"
        with use_target("cpu"):
            assert current_target() == "cpu"
        assert current_target() == "gfx942"
    assert current_target() == "sm_100"


def test_the_block_ends_on_an_error():
    before = current_target()
    with pytest.raises(KeyError), use_target("gfx950"):
        raise KeyError
    assert current_target() == before


def test_the_block_is_of_one_thread():
    seen = []
    before = current_target()
    with use_target("gfx950"):
        other = threading.Thread(target=lambda: seen.append(current_target()))
        other.start()
        other.join()
    assert seen == [before]


def test_a_bad_name_in_the_environment_says_so(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "gfx-942")
    with pytest.raises(ValueError, match=f"{ENVIRONMENT}: unknown target 'gfx-942'.*did you mean 'gfx942'"):
        current_target()


def test_a_bad_name_for_a_block():
    with pytest.raises(ValueError, match="unknown target"), use_target("h100"):
        pass


def test_an_empty_environment_variable_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(ENVIRONMENT, "")
    assert current_target() == "cpu"


def test_detects_an_amd_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "hip", "7.0")
    properties = SimpleNamespace(gcnArchName="gfx942:sramecc+:xnack-")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert current_target() == "gfx942"


@pytest.mark.parametrize(("capability", "name"), [((9, 0), "sm_90"), ((10, 3), "sm_103"), ((8, 9), "sm_89")])
def test_detects_an_nvidia_gpu(monkeypatch, capability, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert current_target() == name


def test_importing_and_overriding_do_not_import_torch():
    code = (
        "import sys; from patdsl.runtime.target import current_target, use_target, matches\n"
        "with use_target('gfx942'): assert matches(current_target(), 'gfx942')\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "dtype", "largest"),
    [
        ("cpu", torch.float8_e4m3fn, 448.0),
        ("sm_90", torch.float8_e4m3fn, 448.0),
        ("gfx950", torch.float8_e4m3fn, 448.0),
        ("gfx942", torch.float8_e4m3fnuz, 224.0),
    ],
)
def test_fp8_by_target(name, dtype, largest):
    with use_target(name):
        assert fp8_dtype() == dtype
        assert quant_max(fp8_dtype()) == largest


def test_quant_max_of_int8_and_of_others():
    assert quant_max(torch.int8) == 127.0
    with pytest.raises(ValueError, match=r"torch\.bfloat16; accepted: torch\.float8_e4m3fn"):
        quant_max(torch.bfloat16)
