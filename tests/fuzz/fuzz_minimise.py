"""The shortest text that still fails in the same way.

In: a text and a test of it. Out: a text from which no word, line or half can be taken away without the test's answer
becoming no.
"""

from __future__ import annotations

from collections.abc import Callable


def minimise(text: str, fails: Callable[[str], bool], most: int = 2_000) -> str:
    """Take parts away, large ones first, as long as the text fails. At most `most` tries."""
    size = max(1, len(text) // 2)
    while size and most > 0:
        at = 0
        is_shorter = False
        while at < len(text) and most > 0:
            shorter = text[:at] + text[at + size :]
            most -= 1
            if fails(shorter):
                text, is_shorter = shorter, True
            else:
                at += size
        if size == 1 and not is_shorter:
            break
        size = max(1, size // 2)
    return text
