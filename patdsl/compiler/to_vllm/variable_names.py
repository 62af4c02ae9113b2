"""Names of a pattern as names of Python that mean nothing else in a module for vLLM.

In: a value's or a capture's name; that of a pattern or a pass. Out: the variable that holds it; the class.
"""

from __future__ import annotations

import keyword
import re

#: Names that the functions use themselves.
TAKEN = frozenset(
    {"torch", "self", "match", "known", "functionalized", "name_of", "hosts", "FP8", "view", "lead"}
    | {"branch", "branches", "branch_count", "l", "I", "O"}  # the last three look like digits
)


def variable(name: str) -> str:
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{name}_" if keyword.iskeyword(name) or name in TAKEN or name.startswith("__") else name


def class_name(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))
