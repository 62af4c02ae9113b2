"""The text of one graph, with its place in the file that it comes from: what the readers give to the parser."""

from __future__ import annotations

import attrs

from patdsl.source import Source

#: The largest file that is read, in bytes.
MAX_BYTES = 256 << 20


@attrs.frozen(eq=False)
class GraphText:
    """One printed `forward`. `lines` are as printed, `numbers` their lines in the file; `kind` is what the log calls it
    ("" in a plain file), `compilation` torch's number of the compilation ("" where there is none)."""

    source: Source
    kind: str
    compilation: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...]

    @property
    def name(self) -> str:
        """How messages call the graph."""
        words = [self.kind, self.compilation]
        return " ".join(word for word in words if word) or f"line {self.numbers[0]}"
