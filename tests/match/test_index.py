"""The index leaves out only what cannot match, and looks at hardly anything of what it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from layers import build, own
from torch.fx.experimental.proxy_tensor import make_fx

import patdsl
from patdsl.match.engine import Found, find
from patdsl.match.fx_view import FxView
from patdsl.match.index import Indexed, PatternIndex
from patdsl.match.native import find_native
from patdsl.match.sites import Sites
from patdsl.runtime import FusionPass

HEAD = "import vllm_ir (rms_norm, group_quant, token_quant)\nimport aiter (rms_norm_group_quant as fused)\n"
PATTERNS = """
pattern fits { rms_norm(epsilon=1e-6) -> group_quant(group_size=128) => fused }
pattern other_epsilon { rms_norm(epsilon=1e-5) -> group_quant(group_size=128) => fused }
pattern other_group { rms_norm(epsilon=1e-6) -> group_quant(group_size=64) => fused }
pattern any { rms_norm -> group_quant => fused where group_size > 1000 }
pattern other_op { q, s = token_quant(rms_norm(x, w, e), fp8) => q, s = token_quant(x, fp8) }
"""


def load(folder: Path, text: str) -> FusionPass:
    path = folder / "index.pat"
    path.write_text(HEAD + text)
    (found,) = patdsl.load(path, target="gfx950")
    return found


@pytest.fixture
def passes(tmp_path: Path) -> FusionPass:
    return load(tmp_path, PATTERNS)


def names(entries: list[Indexed]) -> list[str]:
    return [entry.pattern.name for entry in entries]


def sites_of(passes: FusionPass, layers: int = 2) -> Sites:
    return Sites(FxView(build(layers, own()).graph), passes.resolved().context, find_native)


def test_candidates_are_in_the_order_of_the_pass(passes: FusionPass) -> None:
    left_out = {"other_epsilon", "other_op"}
    wanted = [name for name in names(passes.index().entries) if name not in left_out]
    assert names(passes.index().candidates(sites_of(passes))) == wanted


def test_what_is_missing_is_said(passes: FusionPass) -> None:
    sites, index = sites_of(passes), passes.index()
    said = {entry.pattern.name: index.missing(sites, entry) for entry in index.entries}
    assert said == {
        "fits": None,
        "any": None,
        "other_epsilon": "no call of rms_norm with epsilon = 1e-05",
        "other_group": None,  # its epsilon occurs; the index looks at one literal
        "other_op": "no call of token_quant",
    }


def test_with_the_index_as_much_is_found_as_without(
    passes: FusionPass, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, context = build(2, own()).graph, passes.resolved().context
    found = find(FxView(graph), passes.index(), context)
    monkeypatch.setattr(PatternIndex, "candidates", lambda self, sites: self.entries)
    whole = find(FxView(graph), passes.index(), context)
    assert [each.pattern.name for each in found.matches] == ["fits", "fits"]
    assert [each.before for each in found.matches] == [each.before for each in whole.matches]
    assert _said(found) == _said(whole)


def _said(found: Found) -> list[tuple[str, str, str]]:
    return [(each.pattern.name, each.rule, each.reason) for each in found.refusals]


@pytest.mark.parametrize(("wanted", "there"), [(1, 1), (1, -2), (-2, 1), (-1, 2)])
def test_a_dim_is_found_by_whatever_index_a_graph_has(wanted: int, there: int, tmp_path: Path) -> None:
    """Indices of a dim compare modulo the rank, which no table of literals does."""
    passes = load(
        tmp_path, f"pattern p {{ y = relu(unsqueeze(x, {wanted})) => y = neg(unsqueeze(x, {wanted})) }}\n"
    )
    assert (
        passes.apply(
            make_fx(lambda x: x.unsqueeze(there).relu(), tracing_mode="fake")(torch.randn(2, 3)).graph
        )
        == 1
    )


def test_patterns_of_one_left_side_share_its_places(tmp_path: Path) -> None:
    same = "pattern p{} {{ rms_norm -> group_quant => fused where group_size == {} }}\n"
    passes = load(tmp_path, "".join(same.format(at, at) for at in range(3)))
    assert {entry.left for entry in passes.index().entries} == {0}


def test_a_thousand_patterns_are_not_looked_at(tmp_path: Path) -> None:
    line = "pattern p{} {{ rms_norm(epsilon={}e-9) -> group_quant => fused }}\n"
    passes = load(tmp_path, "".join(line.format(at, at + 1) for at in range(1000)))
    assert names(passes.index().candidates(sites_of(passes))) == ["p999"]
