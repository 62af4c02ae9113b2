"""explain inside a process: the graph as a pass is given it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from fusing import bf16, passes_of
from printed_cases import post_grad, read_text, text_of

import patdsl
from patdsl.explain.in_process import ENVIRONMENT, patterns_of
from patdsl.explain.look import look
from patdsl.explain.printed import PRINTED
from patdsl.explain.shared import Shared
from patdsl.locate import library_folder
from patdsl.printed.schemas import Schemas
from patdsl.printed.view import PrintedView
from patdsl.runtime.resolve import resolve_pass

OPS = torch.ops.patdsl
THREE = "pattern three { rms_norm -> view? -> 3x group_quant => 3x rms_norm_group_quant }\n"
WITH_VIEWS = "pattern pair { rms_norm -> view -> 2x group_quant => 2x rms_norm_group_quant }\n"


def _two_quants(x: torch.Tensor, weight: torch.Tensor) -> Any:
    y = OPS.rms_norm(x, weight, 1e-6)
    return OPS.group_quant(y, 128), OPS.group_quant(x * 2, 128), OPS.group_quant(y, 128)


@pytest.mark.parametrize("text", [THREE, WITH_VIEWS], ids=["three", "views"])
def test_a_pass_explains_a_graph(text: str, tmp_path: Path) -> None:
    chain = passes_of(tmp_path, text)

    def explain(graph: torch.fx.Graph) -> Any:
        before = str(graph)
        report = chain.explain(graph)
        own = next(iter(chain)).explain(graph)
        assert str(graph) == before
        assert [each.message for each in own.misses] == [each.message for each in report.misses]
        printed = read_text(text_of(graph), tmp_path)
        resolved = {each.name: resolve_pass(each.spec, "cpu", {}, process=PRINTED) for each in chain}
        again = look(Shared(PrintedView(printed, Schemas(next(iter(chain)).spec.ops))), resolved)
        assert [(v.at.name, v.cause and v.cause.message) for v in again.misses] == [
            (each.at.name, each.message) for each in report.misses
        ]
        return report

    (report,) = post_grad(_two_quants, bf16(4, 256), bf16(256), show=explain)
    assert not report.matches
    (miss,) = [each for each in report.misses if each.at.name == "rms_norm"]
    assert miss.kind == ("count" if text == THREE else "view")
    assert (miss.suggestion is None) is (text == WITH_VIEWS)
    assert text == WITH_VIEWS or "+pattern three { rms_norm -> view? -> 2x group" in str(report)
    assert "y = OPS.rms_norm(x, weight, 1e-6)" in miss.at.source
    assert f"{tmp_path / 'own.pat'}:4" in str(report)
    assert miss.message in str(report)


def test_the_report_of_every_compilation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "reports"
    monkeypatch.setenv(ENVIRONMENT, str(folder))
    chain = passes_of(tmp_path, THREE)
    post_grad(_two_quants, bf16(4, 256), bf16(256), show=chain)
    (path,) = folder.iterdir()
    assert "2 alike of 'group_quant', the pattern takes 3" in path.read_text()


def test_a_folder_that_cannot_be_written_stops_no_compilation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "file"))
    chain = passes_of(tmp_path, THREE.replace("3x", "2x"))
    post_grad(_two_quants, bf16(4, 256), bf16(256), show=chain)
    assert "no report written" in caplog.text


def test_changes_are_suggested_where_the_file_is_the_one_that_was_compiled(tmp_path: Path) -> None:
    chain = passes_of(tmp_path, THREE)
    (own,) = chain
    path = tmp_path / "own.pat"
    text = path.read_text()

    def explain(graph: torch.fx.Graph) -> Any:
        (told,) = own.explain(graph).misses
        path.write_text(text.replace("3x", "2x"))
        (changed,) = own.explain(graph).misses
        path.unlink()
        (gone,) = own.explain(graph).misses
        path.write_text(text)
        own.origin = None
        (unknown,) = own.explain(graph).misses
        return told, changed, gone, unknown

    ((told, *others),) = post_grad(_two_quants, bf16(4, 256), bf16(256), show=explain)
    assert told.suggestion is not None
    assert told.span is not None
    for other in others:
        assert (other.suggestion, other.span) == (None, None)
        assert other.place == "own.pat:4"


def test_a_library_file_round_trips(tmp_path: Path) -> None:
    for path in sorted(library_folder().rglob("*.pat")):
        chain = patdsl.load(path) if path.parent.name != "ops" else ()
        assert list(patterns_of(list(chain)).units) == [each.name for each in chain], path
