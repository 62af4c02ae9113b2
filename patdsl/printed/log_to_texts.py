"""Logs, traces and archives -> the text of every graph in them.

In: a file that `TORCH_LOGS` or `TORCH_TRACE` wrote, one that holds a printed `forward`, an archive, or a folder of
these. Out: a `GraphText` for each graph, its lines with their numbers in the file, or diagnostics (PAT001, PAT601,
PAT602, PAT605). Nothing is executed, and what comes between the graphs is passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from patdsl.diagnostic import Diagnostics
from patdsl.printed.archive_to_texts import archive_texts, is_archive
from patdsl.printed.graph_text import MAX_BYTES, GraphText
from patdsl.source import Source

#: Of the graphs that a trace has of one compilation, those that are looked at unless others are asked for: the first
#: kind that occurs. The graph in front of the post-grad passes is what a pass sees.
WANTED = ("before_post_grad_graph", "inductor_post_grad_graph", "post_grad_graphs")

_PREFIX = re.compile(
    r"(?:\[rank(?P<rank>\d+)\]:)?[VDIWEC]\d{4} [\d:.]+ (?P<process>\d+) \S+:\d+\] ?(?P<rest>.*)", re.DOTALL
)
_COMPILATION = re.compile(r"\[(?P<id>!?[\d/_]+)\] ")
_ARTIFACT = re.compile(r"\[__(?P<name>\w+)\] ?")
_FORWARD = re.compile(r"( *)def forward\(")


@attrs.define
class _Stream:
    """Lines that one process wrote of one thing."""

    kind: str
    compilation: str
    lines: list[str] = attrs.Factory(list)
    numbers: list[int] = attrs.Factory(list)


def read_graphs(path: Path, diagnostics: Diagnostics, kind: str | None = None) -> list[GraphText]:
    """The graphs of a file or a folder. `kind` names the ones wanted; without it, the first kind of `WANTED`."""
    files = _files(path)
    found = [text for file in files for text in _texts(file, diagnostics)]
    if diagnostics.errors:
        return []
    kinds = dict.fromkeys(text.kind for text in found)
    chosen = kind if kind is not None else next((each for each in WANTED if each in kinds), None)
    wanted = [text for text in found if chosen is None or text.kind == chosen]
    if not wanted:
        others = ", ".join(filter(None, kinds))
        diagnostics.add(
            "PAT601",
            None,
            f"`{path}` holds no graph" + (f" of the kind `{kind}`" if found else ""),
            help=f"it holds graphs of the kinds {others}"
            if others
            else "run the program with TORCH_LOGS=post_grad_graphs, or with TORCH_TRACE naming a folder",
        )
    return wanted


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))


def _texts(path: Path, diagnostics: Diagnostics) -> list[GraphText]:
    if is_archive(path):
        return archive_texts(path, diagnostics)
    data = _read(path, diagnostics)
    if data is None:
        return []
    source = Source(os.fspath(path), data.decode("utf-8", "replace").replace("\r\n", "\n"))
    return [text for stream in _streams(source.text.split("\n")) for text in _forwards(source, stream)]


def _read(path: Path, diagnostics: Diagnostics) -> bytes | None:
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            diagnostics.add("PAT001", None, f"`{path}` {what}", help="name a log, a trace or a printed graph")
            return None
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        diagnostics.add("PAT001", None, f"`{path}` cannot be read: {reason}")
        return None
    if len(data) > MAX_BYTES:
        diagnostics.add(
            "PAT602",
            None,
            f"`{path}` is larger than {MAX_BYTES >> 20} MiB, the most that is read of one file",
            help="cut the log down to the compilation in question",
        )
        return None
    return data


def _streams(lines: list[str]) -> list[_Stream]:
    """The file's lines without what the log puts in front of them, apart for each process and kind."""
    every: list[_Stream] = []
    current: dict[Any, _Stream] = {}
    payload: _Stream | None = None

    def begin(kind: str, compilation: str) -> _Stream:
        every.append(_Stream(kind, compilation))
        return every[-1]

    for number, line in enumerate(lines, 1):
        if payload is not None and line.startswith("\t"):
            payload.lines.append(line[1:])
            payload.numbers.append(number)
            continue
        prefix = _PREFIX.match(line)
        if prefix is not None and prefix["rest"].startswith("{"):
            payload = begin(*_header(prefix["rest"]))
            continue
        payload = None
        if prefix is None:
            # What programs print between is no part of a log's graph, whose every line has the prefix.
            place, kind, compilation, rest = ("", "", ""), "", "", line
        else:
            compilation, rest = _taken(_COMPILATION, prefix["rest"], "id")
            kind, rest = _taken(_ARTIFACT, rest, "name")
            place = (prefix["rank"], prefix["process"], kind)
        stream = current.get(place)
        if stream is None or stream.compilation != compilation:
            stream = current[place] = begin(kind, compilation)
        stream.lines.append(rest)
        stream.numbers.append(number)
    return every


def _taken(what: re.Pattern[str], text: str, group: str) -> tuple[str, str]:
    found = what.match(text)
    return ("", text) if found is None else (found[group], text[found.end() :])


def _header(text: str) -> tuple[str, str]:
    """What the JSON line in front of a payload says: the artifact's name and the compilation."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(header, dict):
        return "", ""
    artifact = header.get("artifact")
    name = artifact.get("name") if isinstance(artifact, dict) else None
    kind = name if isinstance(name, str) else next((key for key in header if key.endswith("_graph")), "")
    frame, again = header.get("frame_id"), header.get("frame_compile_id")
    numbered = isinstance(frame, int) and isinstance(again, int)
    return kind, f"{frame}/{again}" if numbered else ""


def _forwards(source: Source, stream: _Stream) -> Iterator[GraphText]:
    """Each `forward` of a stream: its first line, and those that are indented deeper."""
    at, lines = 0, stream.lines
    while at < len(lines):
        found = _FORWARD.match(lines[at])
        if found is None:
            at += 1
            continue
        start, indent = at, len(found[1])
        at += 1
        while at < len(lines) and _inside(lines[at], indent):
            at += 1
        end = at
        while not lines[end - 1].strip():
            end -= 1
        cut = tuple(line[indent:] for line in lines[start:end])
        yield GraphText(source, stream.kind, stream.compilation, cut, tuple(stream.numbers[start:end]))


def _inside(line: str, indent: int) -> bool:
    stripped = line.lstrip(" ")
    return not stripped.strip() or len(line) - len(stripped) > indent or line[indent : indent + 1] == ")"
