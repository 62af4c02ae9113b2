"""`patdsl explain`: what it prints, writes and exits with; the example of its page."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from html.parser import HTMLParser
from pathlib import Path

import pytest

from patdsl.cli import main
from patdsl.explain.cause import KINDS

LOGS = Path(__file__).parent / "logs"
PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")
BLOCKS = [
    textwrap.dedent(found.group()).strip("\n") + "\n"
    for found in re.finditer(r"(?:^    .*\n|^\n(?=\n*    ))+", PAGE, re.MULTILINE)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's pattern and a log."""
    monkeypatch.chdir(tmp_path)
    (pattern,) = (block for block in BLOCKS if block.startswith("import vllm_ir"))
    Path("three.pat").write_text(pattern)
    shutil.copy(LOGS / "post_grad_dynamic.log", "post_grad.log")
    return tmp_path


def test_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = (block for block in BLOCKS if block.startswith("$ patdsl explain post_grad.log"))
    command, _, output = shown.partition("\n")
    assert main(command.removeprefix("$ patdsl ").split()) == 0
    assert capsys.readouterr().out == output
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(KINDS)


def test_json_and_html(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["explain", "post_grad.log", "--patterns", "three.pat", "--json", "--html", "report.html"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    (graph,) = document["graphs"]
    (miss,) = graph["misses"]
    assert document["diagnostics"] == []
    assert (miss["kind"], miss["matched"], miss["steps"]) == ("count", 1, 2)
    assert (miss["place"]["file"], miss["place"]["line"], miss["place"]["column"]) == ("three.pat", 5, 27)
    assert (miss["at"]["name"], miss["at"]["place"]["line"]) == ("rms_norm", 6)
    assert miss["suggestion"]["safe"] is True
    page = Path("report.html").read_text()
    assert "2 alike of &#x27;group_quant&#x27;, the pattern takes 3" in page
    assert "<script" not in page
    assert re.search(r"<ins>\+.*2x fused</ins>", page)


def test_the_page_stands_alone_whatever_a_graph_is_called(folder: Path) -> None:
    """One file that loads nothing, in which nothing of a log or a pattern is markup."""
    log = Path("post_grad.log").read_text()
    evil = "</pre><script src=//a.b/c></script><img src=x onerror=alert(1)>\u202e"
    Path("post_grad.log").write_text(log.replace("code: y =", f"code: {evil} y ="), encoding="utf-8")
    assert main(["explain", "post_grad.log", "--patterns", "three.pat", "--html", "report.html"]) == 0
    seen: list[tuple[str, list[tuple[str, str | None]]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((tag, attrs))

    text = Path("report.html").read_text(encoding="utf-8")
    Reader().feed(text)
    assert "&lt;script src=//a.b/c&gt;" in text
    assert "\u202e" not in text
    assert {tag for tag, _ in seen}.isdisjoint({"script", "img", "link", "iframe", "object", "a"})
    assert {name for _, attrs in seen for name, _ in attrs}.isdisjoint({"src", "href", "style", "onerror"})
    assert "url(" not in text
    assert "@import" not in text


def test_top(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "post_grad.log", "--top", "0"]) == 0
    out = capsys.readouterr().out
    assert "-->" not in out
    assert "ways in which places are not matched" in out


def test_no_file_is_changed(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["explain", "post_grad.log", "--patterns", "three.pat"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.log"], 1, "PAT001"),
        (["three.pat"], 1, "PAT601"),
        (["post_grad.log", "--graph-kind", "other"], 1, "post_grad_graphs"),
        (["post_grad.log", "--target", "h100"], 2, "unknown target"),
        (["post_grad.log", "--pass", "other"], 2, "no pass is called other"),
        (["post_grad.log", "--pattern", "other"], 2, "no pattern is called other"),
        (["post_grad.log", "--patterns", "post_grad.log"], 1, "PAT"),
    ],
)
def test_what_cannot_be_done(
    folder: Path, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == code
    assert words in capsys.readouterr().err
