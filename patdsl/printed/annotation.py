"""The type that a printed graph gives a value: `"bf16[8, s0][s0, 1]cuda:0"`, `"Sym(s0)"`.

In: the text of an annotation. Out: a `TensorMeta`, an int or a `Size`, or None where it says something else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from patdsl.dtypes import NAMES, Dtype
from patdsl.match.found import TensorMeta
from patdsl.printed.sizes import read_size

#: How torch abbreviates dtypes where the language has another name.
_DTYPES = {"b8": "bool", "f8e8m0fnu": "f8e8m0", "f4e2m1fnx2": "f4e2m1x2", "f4e2m1fn_x2": "f4e2m1x2"}
_TENSOR = re.compile(r"(\w+)\[([^\[\]]*)\](?:\[([^\[\]]*)\])?([a-z]+(?::\d+)?)?")
#: The longest annotation that is read.
LONGEST = 10_000


@lru_cache(maxsize=4096)
def read_annotation(text: str) -> Any:
    """What the annotation says of the value."""
    if len(text) > LONGEST:
        return None
    if text.startswith("Sym(") and text.endswith(")"):
        return read_size(text[4:-1])
    found = _TENSOR.fullmatch(text)
    if found is None:
        return None
    name = _DTYPES.get(found[1], found[1])
    if name not in NAMES:
        return None
    strides = None if found[3] is None else _sizes(found[3])
    return TensorMeta(Dtype(name), _sizes(found[2]), strides, found[4] or "")


def _sizes(text: str) -> tuple[Any, ...]:
    """`8, (s0//2), 1`, split at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return tuple(read_size(part.strip()) for part in parts if part.strip())
