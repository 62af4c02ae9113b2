"""Diagnostics as text: exact outputs, and properties over hostile sources."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from patdsl import render
from patdsl.diagnostic import Diagnostic, Note
from patdsl.source import Source, Span

TEXT = """\
import vllm_ir

pattern p {
  rms_nrom -> view? -> 2x group_quant => 2x fused
}
"""


def span_of(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def rendered(text: str, under: str, **more: object) -> str:
    source = Source("a.pat", text)
    return render.to_text(Diagnostic("PAT200", "wrong", span_of(source, under), **more))  # type: ignore[arg-type]


def test_message_place_underline_help() -> None:
    source = Source("patterns/a.pat", TEXT)
    item = Diagnostic(
        "PAT200", "unknown op `rms_nrom`", span_of(source, "rms_nrom"), help="did you mean `rms_norm`?"
    )
    assert render.to_text(item) == (
        "error[PAT200]: unknown op `rms_nrom`\n"
        " --> patterns/a.pat:4:3\n"
        "  |\n"
        "4 |   rms_nrom -> view? -> 2x group_quant => 2x fused\n"
        "  |   ^^^^^^^^\n"
        "help: did you mean `rms_norm`?"
    )


def test_notes_have_their_own_places_and_share_the_gutter() -> None:
    other = Source("ops.pat", "\n" * 99 + "op rms_norm(x: T[H]) -> (y: T[H])\n")
    source = Source("a.pat", TEXT)
    item = Diagnostic(
        "PAT201",
        "two\nlines",
        span_of(source, "2x fused"),
        notes=(Note("declared here", span_of(other, "rms_norm")), Note("and a remark")),
        severity="warning",
    )
    assert render.to_text(item) == (
        "warning[PAT201]: two\n"
        "                 lines\n"
        "   --> a.pat:4:42\n"
        "    |\n"
        "  4 |   rms_nrom -> view? -> 2x group_quant => 2x fused\n"
        "    |                                          ^^^^^^^^\n"
        "note: declared here\n"
        "   --> ops.pat:100:4\n"
        "    |\n"
        "100 | op rms_norm(x: T[H]) -> (y: T[H])\n"
        "    |    ^^^^^^^^\n"
        "note: and a remark"
    )


def test_without_a_place() -> None:
    assert (
        render.to_text(Diagnostic("PAT001", "there is no file `x`")) == "error[PAT001]: there is no file `x`"
    )


@pytest.mark.parametrize(
    ("text", "under", "shown", "carets"),
    [
        ("\tx = y\n", "x", "    x = y", "    ^"),
        ("a\tb = y\n", "b", "a    b = y", "     ^"),
        ("a = \t\n", "\t", "a =     ", "    ^^^^"),
        ("入力 = xy\n", "xy", "入力 = xy", "       ^^"),
        ("op 入力\n", "入力", "op 入力", "   ^^^^"),
        ("e\u0301 = x\n", "x", "e\u0301 = x", "    ^"),
        ("a\x1b[31m = x\n", "x", "a\\x1b[31m = x", "            ^"),
        ("a \u202e b\n", "\u202e", "a \\u{202e} b", "  ^^^^^^^^"),
    ],
)
def test_carets_stand_exactly_under_the_span(text: str, under: str, shown: str, carets: str) -> None:
    _, _, _, line, underline = rendered(text, under).split("\n")
    assert line == f"1 | {shown}".rstrip()
    assert underline == f"  | {carets}"


def test_an_empty_span_at_the_end_of_a_file_gets_one_caret() -> None:
    source = Source("a.pat", "pattern p {")
    shown = render.to_text(Diagnostic("PAT016", "not closed", Span(source, 11, 11)))
    assert shown.split("\n")[3:] == ["1 | pattern p {", "  |            ^"]


def test_an_empty_file() -> None:
    shown = render.to_text(Diagnostic("PAT010", "nothing here", Span(Source("a.pat", ""), 0, 0)))
    assert shown.split("\n")[1:] == [" --> a.pat:1:1", "  |", "1 |", "  | ^"]


def test_a_span_of_several_lines_shows_its_first_and_last() -> None:
    assert rendered(TEXT, TEXT[TEXT.index("pattern") :]) == (
        "error[PAT200]: wrong\n --> a.pat:3:1\n  |\n3 | pattern p {\n  | ^^^^^^^^^^^\n...\n5 | }\n  | ^"
    )


def test_a_line_break_at_the_end_of_a_span_is_not_a_second_line() -> None:
    assert rendered("a\nb\n", "a\n").split("\n")[3:] == ["1 | a", "  | ^"]


@pytest.mark.parametrize("place", [0, 30, 5_000, 9_990])
def test_a_long_line_is_cut_around_the_place(place: int) -> None:
    text = "a" * place + "@" * 5 + "b" * (9_995 - place)
    lines = rendered(text, "@@@@@").split("\n")
    line, underline = lines[3].removeprefix("1 | "), lines[4].removeprefix("  | ")
    assert len(line) <= render.LINE_LIMIT + 2 * len(render.CUT)
    assert underline.count("^") == 5
    assert line[underline.index("^") : len(underline)] == "@@@@@"
    assert line.startswith(render.CUT) == (place > render.LINE_LEAD)
    assert line.endswith(render.CUT) == (place < 9_990)


def test_a_span_longer_than_the_cut_line_is_underlined_to_the_cut() -> None:
    lines = rendered("x" * 10_000, "x" * 10_000).split("\n")
    assert lines[3] == "1 | " + "x" * render.LINE_LIMIT + render.CUT
    assert lines[4] == "  | " + "^" * render.LINE_LIMIT


def test_a_long_message_is_cut() -> None:
    shown = render.to_text(Diagnostic("PAT200", "n" * 100_000, help="h" * 100_000))
    assert len(shown) < 3 * render.MESSAGE_LIMIT
    assert " ... " in shown


def test_file_names_and_messages_are_escaped() -> None:
    source = Source("a\x1b]0;title\x07\n.pat", "x")
    item = Diagnostic("PAT200", "bad `\x1b[2J`", Span(source, 0, 1), help="\x9b")
    shown = render.to_text(item)
    assert "bad `\\x1b[2J`" in shown
    assert " --> a\\x1b]0;title\\x07\\x0a.pat:1:1\n" in shown
    assert shown.endswith("help: \\x9b")


def test_json_has_stable_keys() -> None:
    source = Source("a.pat", TEXT)
    item = Diagnostic("PAT200", "wrong", span_of(source, "p {\n  rms"), notes=(Note("why"),), help="mend")
    nowhere = {"file": None, "line": None, "column": None, "end_line": None, "end_column": None}
    assert render.to_json(item) == {
        "code": "PAT200",
        "severity": "error",
        "message": "wrong",
        "file": "a.pat",
        "line": 3,
        "column": 9,
        "end_line": 4,
        "end_column": 6,
        "notes": [{"message": "why", **nowhere}],
        "help": "mend",
    }
    assert list(render.to_json(item)) == list(render.to_json(Diagnostic("PAT001", "x")))


def test_colour_changes_no_text() -> None:
    source = Source("a.pat", TEXT)
    item = Diagnostic("PAT200", "[bold]not markup[/]", span_of(source, "2x group_quant"), (Note("n"),), "h")
    plain = render.to_rich(item).plain
    assert "\n".join(line.rstrip() for line in plain.split("\n")) == render.to_text(item)


# Any text with a span inside it.
spans = st.text(max_size=300).flatmap(
    lambda text: st.tuples(st.just(text), st.integers(0, len(text)), st.integers(0, len(text)))
)


@given(spans, st.text(max_size=50))
def test_no_text_can_drive_the_terminal(place: tuple[str, int, int], message: str) -> None:
    text, one, other = place
    span = Span(Source(message, text), min(one, other), max(one, other))
    item = Diagnostic("PAT010", message, span, notes=(Note(message, span),), help=message)
    shown = render.to_text(item)
    assert not any(
        unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown if char != "\n"
    )
    assert json.loads(json.dumps(render.to_json(item)))["line"] >= 1


@given(spans)
def test_carets_cover_what_the_span_covers(place: tuple[str, int, int]) -> None:
    text, one, other = place
    text = text.replace("\n", " ").replace("\r", " ")[: render.LINE_LIMIT]
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    shown = render.to_text(Diagnostic("PAT010", "m", Span(Source("a.pat", text), start, end)))
    underline = shown.split("\n")[4].removeprefix("  | ")
    end = max(end, start + 1)  # an empty span is shown by the character after it
    before, upto = cell_len(render.escape(text[:start])), cell_len(render.escape(text[:end]))
    assert underline == " " * before + "^" * max(1, upto - before)
