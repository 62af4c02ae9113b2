"""The pages of docs/errors: what stands in them, and what the tool says to their examples.

In: a page. Out: its examples as files in a folder, and the findings of a run. `python tests/errors/error_pages.py`
writes the messages of all pages, and the index, anew.

An example is a fenced block whose info string begins with `pat`:

    pat error       the failing example, `example.pat`
    pat mended      the mended one, also `example.pat`
    pat file=NAME   another file, beside both; `pat file=NAME mended`: beside the mended one instead

Words behind `error` say how the file is made of the block: `missing` (not at all), `escaped` (the bytes that its `\\x`
escapes name), `escaped-text` (the characters that its `\\u` escapes name), `times=N` (repeated), `chain=N` (beside N
files that import each other), `torch` (checked against torch's schemas), `vllm` (compiled to a module for vLLM),
`graph` (it is no `.pat` file but the log `example.log`), `repeated=N` (each minus of a graph so often), `archive` (it
is the JSON in the archive `example.pt2`), `model` (it is the module `example.py`, of which `make` is run).
`among=CODE`: findings of that code stand beside.
"""

from __future__ import annotations

import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import attrs

from patdsl.codes import CODES
from patdsl.compiler.schema_findings import schema_findings
from patdsl.diagnostic import Diagnostic, Diagnostics
from patdsl.explain.printed import graphs_of
from patdsl.pipeline import Outcome, run
from patdsl.render import to_text

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "errors"
NAME = "example.pat"
LOG = "example.log"
ARCHIVE = "example.pt2"
_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@attrs.frozen
class Page:
    """`error` and `mended` are the files of each example by name; `message` what the page says the tool prints."""

    path: Path
    code: str
    title: str
    options: tuple[str, ...]
    error: dict[str, str]
    mended: dict[str, str]
    message: str

    def option(self, name: str) -> str | None:
        found = (option.partition("=") for option in self.options)
        return next((value for key, _, value in found if key == name), None)


def read(path: Path) -> Page:
    """A page. Raises AssertionError where its form is not that of a page."""
    text = path.read_text(encoding="utf-8")
    heading = re.match(r"# (PAT\d{3}): (.+)\n", text)
    assert heading, f"{path.name} does not begin with its code and title"
    error: dict[str, str] = {}
    mended: dict[str, str] = {}
    others: dict[str, str] = {}
    options: tuple[str, ...] = ()
    message = None
    for block in _BLOCK.finditer(text):
        words, body = block["info"].split(), block["text"]
        if words[:2] == ["pat", "error"]:
            error[NAME], options = body, tuple(words[2:])
        elif words[:2] == ["pat", "mended"]:
            mended[NAME] = body
        elif words[:1] == ["pat"]:
            name = words[1].removeprefix("file=")
            (mended if words[2:] == ["mended"] else others)[name] = body
        elif words == ["text"]:
            message = body.rstrip("\n")
    assert NAME in error, f"{path.name} has no failing example"
    assert NAME in mended, f"{path.name} has no mended example"
    assert message is not None, f"{path.name} has no message"
    return Page(path, heading[1], heading[2], options, others | error, others | mended, message)


def pages() -> list[Page]:
    return [read(path) for path in sorted(FOLDER.glob("PAT*.md"))]


def findings(page: Page, files: dict[str, str], folder: Path, *, as_error: bool) -> Outcome:
    """Run the tool on an example in `folder`, from there, so that paths are as a user would see them."""
    options = page.options if as_error else ()
    if "graph" in page.options:
        times = int(page.option("repeated") or 1) if as_error else 1
        (folder / LOG).write_text(files[NAME].replace("-x", "-" * times + "x"), encoding="utf-8")
        return _of_graphs(folder, LOG)
    if "archive" in page.options:
        with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
            archive.writestr("example/models/model.json", files[NAME])
        return _of_graphs(folder, ARCHIVE)
    if "model" in page.options:
        (folder / "example.py").write_text(files[NAME], encoding="utf-8")
        return _of_model(folder)
    for name, text in files.items():
        _write(folder / name, text, page if name == NAME and options else None)
    for index in range(1, int(page.option("chain") or 0) + 1):
        (folder / f"f{index}.pat").write_text(f"import f{index + 1} (last)\n")
    if page.option("chain"):
        depth = int(page.option("chain") or 0) + 1 if as_error else 1
        (folder / f"f{depth}.pat").write_text("const last = 1\n")
    before = Path.cwd()
    os.chdir(folder)
    try:
        outcome = run([Path(NAME)], target="vllm" if "vllm" in page.options else "patdsl")[0]
        return _with_torch(outcome) if "torch" in page.options else outcome
    finally:
        os.chdir(before)


def _write(path: Path, text: str, page: Page | None) -> None:
    if page is None:
        path.write_text(text, encoding="utf-8")
    elif "missing" not in page.options:
        if "escaped" in page.options:
            data = re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), text).encode("latin-1")
        elif "escaped-text" in page.options:
            data = re.sub(r"\\u(....)", lambda found: chr(int(found[1], 16)), text).encode()
        else:
            data = text.encode() * int(page.option("times") or 1)
        path.write_bytes(data)


def _of_graphs(folder: Path, name: str) -> Outcome:
    """What is found in a log or archive of `folder`."""
    found = Diagnostics()
    before = Path.cwd()
    os.chdir(folder)
    try:
        graphs_of(Path(name), found)
    finally:
        os.chdir(before)
    return Outcome(Path(name), None, None, None, None, tuple(found.items))


def _of_model(folder: Path) -> Outcome:
    """What is found in the module of `folder`."""
    from patdsl.explain.model import each_graph

    found = Diagnostics()
    before = Path.cwd()
    os.chdir(folder)
    sys.modules.pop("example", None)
    try:
        each_graph("example:make", str, found)
    finally:
        os.chdir(before)
        sys.modules.pop("example", None)
    return Outcome(Path("example.py"), None, None, None, None, tuple(found.items))


def _with_torch(outcome: Outcome) -> Outcome:
    from patdsl.runtime.torch_ops import find_op

    def schema_of(target: str) -> Any:
        op = find_op(target)
        return None if op is None else op._schema

    assert outcome.file is not None
    assert outcome.unit is not None
    found = schema_findings(outcome.file, outcome.unit, schema_of)
    return attrs.evolve(outcome, diagnostics=(*outcome.diagnostics, *found))


def main_finding(page: Page, outcome: Outcome) -> Diagnostic:
    """The first finding of the page's code."""
    return next(item for item in outcome.diagnostics if item.code == page.code)


def index_text(all_pages: list[Page]) -> str:
    """The index: every code with its title, by stage."""
    lines = [
        "# Errors",
        "",
        "Every finding of patdsl has a code. Its page says what it means, shows an example with the message that it",
        "gives, and the example mended. Warnings and notes are marked as such; everything else is an error.",
    ]
    stage = ""
    for page in sorted(all_pages, key=lambda page: page.code):
        if CODES[page.code].stage != stage:
            stage = CODES[page.code].stage
            lines += ["", f"## {stage.capitalize()}", ""]
        lines.append(f"- [{page.code}]({page.code}.md): {page.title}")
    return "\n".join(lines) + "\n"


def update() -> None:
    import tempfile

    for page in pages():
        with tempfile.TemporaryDirectory() as folder:
            outcome = findings(page, page.error, Path(folder), as_error=True)
        shown = to_text(main_finding(page, outcome))
        text = page.path.read_text(encoding="utf-8")
        start = text.index("```text\n") + len("```text\n")
        end = text.index("\n```", start - 1) + 1
        page.path.write_text(f"{text[:start]}{shown}\n{text[end:]}", encoding="utf-8")
    (FOLDER / "README.md").write_text(index_text(pages()), encoding="utf-8")


if __name__ == "__main__":
    update()
