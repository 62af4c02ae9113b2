"""A `.pat` file as passes: the whole way, through the text of its module."""

from __future__ import annotations

import importlib.util
import traceback

import pytest
from runtime_models import agree, bf16, compiled, norm_quants

import patdsl
from patdsl.runtime.loading import run_module

PAT = """
host tp_size: int

op norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H])
  = patdsl_test::norm
op quant(x: T[*B, H], group: int) -> (q: i8[*B, H], scale: f32[*B, H / group])
  = patdsl_test::quant
op norm_quant(x: T[M, H], weight: T[H], epsilon: float, group: int) -> (q: i8[M, H], scale: f32[M, H / group])
  = aiter::norm_quant on gfx942
  | patdsl_test::norm_quant_out(x, out q, out scale, weight, epsilon, group)

pattern norm_quants { norm -> view? -> 1..x quant => norm_quant }

pass fuse when tp_size < 3 { norm_quants }
"""


@pytest.fixture
def pat(tmp_path):
    path = tmp_path / "fuse.pat"
    path.write_text(PAT)
    return path


@pytest.mark.parametrize("second_form", [False, True])
def test_file_to_compiled_model(pat, second_form):
    chain = patdsl.load(pat, target="cpu")
    model, inputs = norm_quants(None, (-1, 256), None), (bf16(2, 3, 256), bf16(256))
    outputs, kept = compiled(model, inputs, chain, second_form=second_form, dynamic=True)
    agree(model, inputs, outputs)
    assert kept.after["norm_quant_out"] == 1
    assert kept.after["norm"] == kept.after["quant"] == 0
    assert chain.counts == {"norm_quants": 1}
    report = str(chain.report())
    assert "norm_quant: skips aiter::norm_quant.default, for gfx942, not cpu" in report
    assert "norm_quant: calls patdsl_test::norm_quant_out.default" in report


def test_hosts_and_target_reach_the_passes(pat):
    assert patdsl.load(pat, hosts={"tp_size": 2}).report().passes[0].enabled
    off = patdsl.load(pat, hosts={"tp_size": 4}, target="gfx942").report().passes[0]
    assert off.target == "gfx942"
    assert off.reasons == ("'when' is false: tp_size < 3 (tp_size = 4)",)


def test_module_on_disk_is_the_same_pass(pat, tmp_path):
    from patdsl.pipeline import compile_module

    path = tmp_path / "fuse.py"
    path.write_text(compile_module(pat))
    found = importlib.util.spec_from_file_location("fuse", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert module.load(target="cpu").uuid() == patdsl.load(pat, target="cpu").uuid()


def test_text_decides_the_identity_not_the_place(pat, tmp_path):
    moved = tmp_path / "elsewhere" / pat.name
    moved.parent.mkdir()
    moved.write_text("# a comment\n\n" + PAT)
    assert patdsl.load(moved, target="cpu").uuid() == patdsl.load(pat, target="cpu").uuid()
    moved.write_text(PAT.replace("1..x quant", "2x quant"))
    assert patdsl.load(moved, target="cpu").uuid() != patdsl.load(pat, target="cpu").uuid()


def test_bad_file_raises_its_diagnostics(tmp_path):
    path = tmp_path / "bad.pat"
    path.write_text("pattern p { nothing => nowhere }")
    with pytest.raises(patdsl.PatError):
        patdsl.load(path)


def test_tracebacks_show_the_module(tmp_path):
    module = run_module("def fault():\n    return 1 / 0\n", tmp_path / "x.pat")
    with pytest.raises(ZeroDivisionError) as error:
        module.fault()
    text = "".join(traceback.format_exception(error.value))
    assert f"<patdsl {tmp_path / 'x.pat'}>" in text
    assert "return 1 / 0" in text
