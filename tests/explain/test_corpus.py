"""Every planted cause is named, at its place, and the change that is suggested is the one that mends it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from corpus import CASES, OPS, PAIR, Case, graph_text, quant

from patdsl.cli import main


def test_there_are_enough() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.pat").write_text(f"{OPS}\n{case.pattern}\n")
    Path("graph.txt").write_text(graph_text(case))
    arguments = [
        "explain",
        "graph.txt",
        "--patterns",
        "p.pat",
        "--pattern",
        "p",
        "--target",
        case.target,
        "--json",
    ]
    assert main(arguments) == 0
    (graph,) = json.loads(capsys.readouterr().out)["graphs"]
    assert graph["matches"] == []
    assert graph["misses"], graph["absent"]
    nearest = graph["misses"][0]
    assert nearest["kind"] == case.kind, nearest["message"]
    for words in case.says:
        assert words in nearest["message"]
    assert case.at in [node["name"] for node in nearest["nodes"]]
    change = nearest["suggestion"]
    if not case.change:
        assert change is None
        return
    assert change is not None
    added = [
        line for line in change["diff"].split("\n") if line.startswith("+") and not line.startswith("+++")
    ]
    assert any(case.change in line for line in added), change["diff"]
    Path("p.pat").write_text(applied(change["diff"], Path("p.pat").read_text()))
    assert main(arguments) == 0
    (graph,) = json.loads(capsys.readouterr().out)["graphs"]
    assert graph["matches"], graph["misses"]
    assert main(["fmt", "p.pat"]) == 0
    assert main(["check", "p.pat"]) == 0


@pytest.mark.parametrize(("counts", "change"), [((2, 3), "2..x"), ((2, 1), "1..x"), ((1, 3), "1x")])
def test_a_change_keeps_the_matches_that_there_are(
    counts: tuple[int, int],
    change: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One norm for each count of consumers; the pattern takes two. A count is changed only where nothing is lost."""
    lines = []
    for at, count in enumerate(counts):
        lines.append(f"y{at}: bf16[8, 256] = lib.norm({'xz'[at]}, w, 1e-06)")
        for number in range(count):
            lines += quant(f"y{at}", tag=f"{at}{number}")
    parts = ", ".join(f"q{at}{number}" for at, count in enumerate(counts) for number in range(count))
    case = Case("", PAIR, (*lines, f"return ({parts})"), "", (), "")
    monkeypatch.chdir(tmp_path)
    Path("p.pat").write_text(f"{OPS}\n{case.pattern}\n")
    Path("graph.txt").write_text(graph_text(case))
    assert main(["explain", "graph.txt", "--patterns", "p.pat", "--target", "cpu", "--json"]) == 0
    (graph,) = json.loads(capsys.readouterr().out)["graphs"]
    assert len(graph["matches"]) == counts.count(2)
    assert f"{change} quant => {change} fused" in graph["misses"][0]["suggestion"]["diff"]


def applied(diff: str, text: str) -> str:
    """A text with a diff that has no context lines. Raises AssertionError where the diff is of another text."""
    lines = text.splitlines(keepends=True)
    shift = 0
    for hunk in re.split(r"^@@ ", diff, flags=re.MULTILINE)[1:]:
        header, *body = hunk.split("\n")
        found = re.match(r"-(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@", header)
        assert found
        start, count = int(found[1]), int(found[2] or 1)
        at = start - 1 + shift if count else start + shift
        assert [f"-{line}".rstrip("\n") for line in lines[at : at + count]] == [
            line for line in body if line.startswith("-")
        ]
        more = [f"{line[1:]}\n" for line in body if line.startswith("+")]
        lines[at : at + count] = more
        shift += len(more) - count
    return "".join(lines)
