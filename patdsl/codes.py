"""The table of every diagnostic's code.

In: nothing. Out: `CODES`, which says for each code what it is about and which stage reports it. Codes are
never used again for something else.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Code:
    """`title` says in a few words what is wrong; `stage` is the stage that finds it."""

    title: str
    stage: str


CODES: dict[str, Code] = {
    # PAT0xx: input and syntax
    "PAT001": Code("a file cannot be read", "input"),
    "PAT002": Code("a file is not UTF-8", "input"),
    "PAT003": Code("a file is too large", "input"),
    "PAT004": Code("a control or invisible character", "input"),
    "PAT010": Code("unexpected text", "syntax"),
    "PAT011": Code("a string without an end", "syntax"),
    "PAT012": Code("a character that means nothing", "syntax"),
    "PAT013": Code("a number that is too large", "syntax"),
    "PAT014": Code("nested too deeply", "syntax"),
    "PAT015": Code("an unknown escape in a string", "syntax"),
    "PAT016": Code("a bracket that is not closed", "syntax"),
    "PAT017": Code("a reserved word as a name", "syntax"),
    "PAT018": Code("a fan-out that no graph can have", "syntax"),
    "PAT019": Code("a clause given twice", "syntax"),
    "PAT020": Code("a type that cannot stand here", "syntax"),
    "PAT021": Code("a chain on one side, a block on the other", "syntax"),
    "PAT022": Code("too many syntax errors", "syntax"),
}
