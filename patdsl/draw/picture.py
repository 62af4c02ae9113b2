"""What is drawn: boxes and arrows, before they have places.

In: nothing. Out: `Picture`, which `pattern_to_picture.py` and `graph_to_picture.py` make and `layout.py` places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

#: `input` and `output`: where values come from and go to. `op`: a call that stays. `gone` and `new`: what the rewrite
#: takes and what it puts there. `view`: costs nothing.
Kind = Literal["input", "output", "op", "gone", "new", "view"]


@attrs.frozen
class Box:
    """`lines` are its text, `hover` what a pointer over it shows. `match` counts matches from 0; several `repeated`."""

    key: str
    kind: Kind
    lines: tuple[str, ...]
    hover: str
    match: int | None = None
    repeated: bool = False


@attrs.frozen
class Arrow:
    """From one box to another, by key. `dashed`: a view may stand between."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


@attrs.frozen
class Picture:
    """`title` is above it, `note` below."""

    title: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    note: str = ""
