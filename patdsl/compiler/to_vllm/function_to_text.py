"""A function of a class as text, in the property that makes it for a count of branches.

In: its parameters and lines, and what it returns. Out: lines of Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from patdsl.compiler.to_vllm.python_lines import fitted
from patdsl.compiler.to_vllm.spelling import Line


def function_lines(
    name: str, params: Mapping[str, str], body: list[Line], of_branch: Sequence[str], others: Sequence[str]
) -> list[str]:
    """It returns the results of each branch, then the others."""
    each = ", ".join(of_branch)
    once = "".join(f", {text}" for text in others)
    body = _read(body, f"{each}{once}")
    words = {word for line in body for word in re.findall(r"(?<![.\w])\w+(?!\()", line.text)}
    lines = ["    @property", f"    def {name}(self) -> Callable[..., Any]:"]
    lines += [f"        {held} = self.{held}" for held in ("view", "hosts") if held in words]
    if each:
        lines.append("        branch_count = self.branch_count")
    if len(lines) > 2:
        lines.append("")
    parameters = ", ".join(f"{param}: {kind}" for param, kind in params.items())
    lines += fitted(f"def {name}({parameters}):", 8)
    looped = [line.text for line in body if line.each]
    for line in body:
        if not line.each:
            lines += fitted(line.text, 12)
    if looped:
        count = "branch" if "branch" in words else "_"
        lines += ["            branches = []", f"            for {count} in range(branch_count):"]
        lines += [text for line in looped for text in fitted(line, 16)]
        lines += fitted(f"branches += [{each}]", 16)
        lines += fitted(f"return [*branches{once}]", 12)
    elif each:
        lines += fitted(f"branch = [{each}]", 12)
        lines += fitted(f"return [*branch * branch_count{once}]", 12)
    else:
        lines += fitted(f"return [{once.removeprefix(', ')}]", 12)
    return [*lines, "", f"        return {name}"]


def _read(body: list[Line], result: str) -> list[Line]:
    """The lines without results that nothing reads."""
    kept: list[Line] = []
    read = set(re.findall(r"\w+", result))
    for line in reversed(body):
        item = re.fullmatch(r"(\w+) = \w+\[.*\]", line.text)
        if item is None or item[1] in read:
            kept.insert(0, line)
            read |= set(re.findall(r"\w+", line.text.partition(" = ")[2]))
    return kept
