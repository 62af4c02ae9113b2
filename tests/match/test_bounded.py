"""Graphs made to be ambiguous: the search stays short, or gives up and says so."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from match_cases import graph_of
from torch.fx import Graph

import patdsl
import patdsl.reference
from patdsl.runtime import FusionPass

OPS = torch.ops.patdsl
HEAD = "import vllm_ir (rms_norm, group_quant)\nimport aiter (rms_norm_group_quant)\nimport aten (add)\n"
RELU = "op relu(x: T[*B, H]) -> (y: T[*B, H]) = aten::relu\n"
#: Far more than any of these takes, and far less than a search without an end.
SECONDS = 30.0


def run(folder: Path, text: str, graph: Graph) -> FusionPass:
    path = folder / "bounded.pat"
    path.write_text(HEAD + RELU + text)
    (found,) = patdsl.load(path, target="gfx950")
    start = time.process_time()
    found(graph)
    assert time.process_time() - start < SECONDS
    return found


def branches() -> Graph:
    """A norm that two hundred equal quantisations read."""

    def many(x, w):
        y = OPS.rms_norm(x, w, 1e-6)
        return [part for _ in range(200) for part in OPS.group_quant(y, 128)]

    return graph_of(many, torch.zeros(8, 256, dtype=torch.bfloat16), torch.zeros(256, dtype=torch.bfloat16))


def test_two_hundred_equal_branches(tmp_path: Path) -> None:
    found = run(tmp_path, "pattern p { rms_norm -> 1..x group_quant => rms_norm_group_quant }", branches())
    assert found.last_counts["p"] == 1


def test_two_of_two_hundred_branches(tmp_path: Path) -> None:
    found = run(tmp_path, "pattern p { rms_norm -> 2x group_quant => 2x rms_norm_group_quant }", branches())
    assert not found.last_counts["p"]


def sums(count: int) -> str:
    """A sum of `count` additions, each of whose operands may be the one that goes on."""
    inputs = ", ".join(["x: T[*B, H]", *(f"y{at}: T[*B, H]" for at in range(count))])
    lines = "".join(f"  s{at} = add({f's{at - 1}' if at else 'x'}, y{at})\n" for at in range(count))
    return f"pattern p({inputs}) {{\n{lines}=>\n  s{count - 1} = relu(x)\n}}\n"


def test_a_tree_of_commutative_additions(tmp_path: Path) -> None:
    def tree(x):
        parts = [torch.relu(x + at) for at in range(50)]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=False)
            parts = [one + other for one, other in pairs] + parts[len(parts) // 2 * 2 :]
        return parts[0]

    found = run(tmp_path, sums(20), graph_of(tree, torch.zeros(4, 8)))
    assert not found.last_counts["p"]


def test_a_search_without_an_end_is_given_up_and_reported(tmp_path: Path) -> None:
    """Each sum reads the two before it: a chain of sixteen can be bound in 2^16 ways from each of fifty ends."""

    def ladder(x):
        one, other = torch.relu(x), torch.relu(x + 1)
        for _ in range(50):
            one, other = other, other + one
        return other

    graph = graph_of(ladder, torch.zeros(4, 8))
    before = [node.target for node in graph.nodes]
    found = run(tmp_path, sums(16), graph)
    assert [node.target for node in graph.nodes] == before
    assert "budget" in {refused.rule for refused in found.report().refusals}
