"""From the spelling of a literal to its value.

In: a token and its place. Out: numbers, strings and fan-outs, with diagnostics for those out of range and for
unknown escapes; and back, from a string to its spelling.
"""

from __future__ import annotations

import math
import re

from lark import Token

from patdsl.diagnostic import Diagnostics
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast

MAX_INT = 2**63 - 1
MAX_FAN_OUT = 1024

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}
_SPELLED = {value: f"\\{letter}" for letter, value in _ESCAPES.items()}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}


def literal(token: Token, span: Span, diagnostics: Diagnostics) -> ast.Literal:
    """A number, string, `true`, `false` or `none`."""
    value: int | float | bool | str | None
    if token.type == "INT":
        value = integer(token, span, diagnostics)
    elif token.type == "FLOAT":
        value = _floating(token, span, diagnostics)
    elif token.type == "STRING":
        value = string(token, span, diagnostics)
    else:
        value = _WORDS[str(token)]
    return ast.Literal(span, value, str(token))


def integer(token: str, span: Span, diagnostics: Diagnostics) -> int:
    """At most 2**63 - 1, as torch's integers are; 0 after PAT013."""
    digits = token.lstrip("0")
    if len(digits) > 19 or int(digits or "0") > MAX_INT:
        diagnostics.add("PAT013", span, f"this number is larger than {MAX_INT}, the largest integer of torch")
        return 0
    return int(digits or "0")


def _floating(token: str, span: Span, diagnostics: Diagnostics) -> float:
    value = float(token)
    if math.isinf(value):
        diagnostics.add("PAT013", span, "this number is larger than any float64")
        return 0.0
    if value == 0.0 and re.search("[1-9]", re.split("[eE]", token)[0]):
        diagnostics.add("PAT013", span, "this number is smaller than any float64, but not zero")
    return value


def fan_out(token: str, span: Span, diagnostics: Diagnostics) -> ast.FanOut:
    """`2x`, `2..4x`, `1..x`; PAT018 where no number of consumers fits."""
    low_text, dots, high_text = token[:-1].partition("..")
    low = integer(low_text, span, diagnostics)
    high = low if not dots else integer(high_text, span, diagnostics) if high_text else None
    if low < 1:
        diagnostics.add("PAT018", span, f"`{token}` asks for no consumer", help="the least is `1..x`")
    elif high is not None and high < low:
        diagnostics.add("PAT018", span, f"`{token}` ends before it starts", help=f"write `{high}..{low}x`")
    elif max(low, high or 0) > MAX_FAN_OUT:
        diagnostics.add("PAT018", span, f"`{token}` asks for more than {MAX_FAN_OUT} consumers")
    return ast.FanOut(span, low, high)


def string(token: str, span: Span, diagnostics: Diagnostics) -> str:
    """The text between the quotes, with its escapes resolved; PAT015 for each unknown one."""
    body = token[1:-1]

    def resolve(found: re.Match[str]) -> str:
        code = found.group(1)
        if code in _ESCAPES:
            return _ESCAPES[code]
        if len(code) == 5 and not 0xD800 <= int(code[1:], 16) < 0xE000:
            return chr(int(code[1:], 16))
        start = span.start + 1 + found.start()
        diagnostics.add(
            "PAT015",
            Span(span.source, start, start + len(found.group())),
            f"`{found.group()}` is not an escape",
            help='escapes are `\\n`, `\\t`, `\\r`, `\\\\`, `\\"` and `\\u0041`; a backslash itself is `\\\\`',
        )
        return ""

    return _ESCAPE.sub(resolve, body) if "\\" in body else body


def spell_string(text: str) -> str:
    """The spelling of a string: what `string` reads back as the same text."""
    escaped = "".join(_SPELLED.get(char, char) for char in text)
    return '"' + _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", escaped) + '"'
