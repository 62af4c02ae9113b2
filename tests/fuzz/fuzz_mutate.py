"""Changes to a text: of bytes, of words, of nodes, and parts of other texts put in.

In: a text and random numbers. Out: another text, which may hold anything that a file can hold. Surrogates become bytes
that are no UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from random import Random

from fuzz_corpus import declarations, pieces, spare_parts, wholes
from fuzz_generate import GAPS, NAMES, SPELLED, generate

_TOKEN = re.compile(
    r'"(?:[^"\n\\]|\\.)*"|#[^\n]*|\d+\.\.\d*x\b|\d+x\b|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e-?\d+)?|->|=>|::|[<>=!]=|\S'
)
SIGNS = "-> => :: = == != < > <= >= + - * / % ( ) [ ] { } , : . ? | _ # \" ' \\ ; @ &"
RESERVED = "import const host op pattern pass test and or not in true false none"
CLAUSES = (
    "where on keep rounds restride prefer over only after when if expect effect ref commutative free read"
)
ODD = [
    *(
        "\0",
        "\r",
        "\r\n",
        "\t",
        "\x0b",
        "\x0c",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\xa0",
        "\ufeff",
        "\ud800",
        "\udcff",
    ),
    *("\u202e", "\u2066", "\u200b", "\u2028", "\u0430", "\uff41", "\u212a", "\u017f", "\u0661", "\U0001f600"),
    *(
        "é",
        "e\u0301",
        "½",
        "²",
        "\u3000",
        "\ufb01",
        "\u0130",
        "\U000e0001",
        "\uffff",
        "{0}",
        "%s",
        '"""',
        "'''",
    ),
]
WORDS = (
    *f"{SIGNS} {RESERVED} {CLAUSES}".split(),
    *NAMES,
    *(word for spelled in SPELLED.values() for word in spelled),
)
LONGEST = 3_000


@lru_cache(maxsize=20_000)
def text_of(lineage: tuple[int, ...]) -> str:
    """The text of a case: made by the first seed, changed by each further one."""
    return first(lineage[0]) if len(lineage) == 1 else mutate(text_of(lineage[:-1]), chance(lineage[-1]))


def chance(seed: int) -> Random:
    """The random numbers of a seed."""
    return Random(seed)  # noqa: S311  to be repeated, not to be secret


def first(seed: int) -> str:
    """A text from the grammar or the corpus, mostly changed somewhere."""
    random = chance(seed)
    way = random.random()
    if way < 0.35:
        text = "\n".join(generate(random) for _ in range(random.choice((1, 1, 1, 2))))
    elif way < 0.7:
        text = random.choice(wholes())
    else:
        text = "\n".join(random.choice(declarations()) for _ in range(random.choice((1, 1, 1, 2))))
    return text if random.random() < 0.15 else mutate(text, random)


def mutate(text: str, random: Random) -> str:
    """The text with one to three changes."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        text = random.choice(CHANGES)(text, random)
    return text[:LONGEST]


def _change_bytes(text: str, random: Random) -> str:
    data = bytearray(text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "replace"))
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(data) + 1)
        data[at : at + random.choice((0, 1, 1))] = (
            bytes([random.randrange(256)]) if random.random() < 0.8 else b""
        )
    return data.decode("utf-8", "surrogateescape")


def _is_escaped(text: str) -> bool:
    return not any("\ud800" <= char < "\udc80" or "\udcff" < char < "\ue000" for char in text)


def _insert_odd(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(ODD) + text[at:]


def _change_token(text: str, random: Random) -> str:
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return random.choice(WORDS)
    old = random.choice(tokens)
    near = random.choice(tokens[max(0, tokens.index(old) - 12) :][:24]).group()
    new = random.choice((near, near, random.choice(WORDS), random.choice(WORDS), ""))
    end = old.start() if random.random() < 0.25 else old.end()
    return f"{text[: old.start()]}{new}{random.choice(('', ' ', ' '))}{text[end:]}"


def _change_gap(text: str, random: Random) -> str:
    gaps = [found.start() for found in re.finditer(r"[ \n]", text)] or [0]
    at = random.choice(gaps)
    return text[:at] + random.choice(GAPS) + text[at + 1 :]


def _change_node(text: str, random: Random) -> str:
    """A node gone, doubled, wrapped, or another of its kind in its place."""
    found = pieces(text)
    if not found:
        return _change_token(text, random)
    piece = random.choice(found)
    others = spare_parts().get(piece.kind, (piece.text,))
    own = [one.text for one in found if one.kind == piece.kind]
    new = random.choice(
        (
            "",
            f"{piece.text} {piece.text}",
            f"{piece.text}, {piece.text}",
            f"({piece.text})",
            f"({piece.text} | {random.choice(own)})",
            f"{piece.text} -> {random.choice(own)}",
            f"{piece.text}?",
            *[random.choice(own)] * 3,
            *[random.choice(others)] * 6,
        )
    )
    return text[: piece.start] + new + text[piece.end :]


def _repeat(text: str, random: Random) -> str:
    """A part of the text many times: depth and length."""
    start = random.randrange(len(text) + 1)
    part = text[start : start + random.choice((1, 2, 5, 20))]
    return text[:start] + part * random.choice((2, 3, 10, 70)) + text[start:]


def _splice(text: str, random: Random) -> str:
    other = random.choice(random.choice((wholes(), declarations())))
    cut, from_ = random.randrange(len(text) + 1), random.randrange(len(other) + 1)
    return text[:cut] + other[from_:]


def _append(text: str, random: Random) -> str:
    return f"{text}\n{random.choice(declarations()) if random.random() < 0.5 else generate(random)}"


#: Those that leave most of the text right stand more than once.
CHANGES: tuple[Callable[[str, Random], str], ...] = (
    *[_change_token] * 5,
    *[_change_node] * 6,
    *[_change_gap] * 2,
    _change_bytes,
    _insert_odd,
    _repeat,
    _splice,
    _append,
)
