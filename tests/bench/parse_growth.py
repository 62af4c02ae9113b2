"""How long parsing and printing take as a file grows.

Prints a table for files of 10 to 10,000 patterns, each of eight lines as a library has them, and the time to import
the parser and to read the grammar. Run it as `python tests/bench/parse_growth.py`; it checks nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATTERN = """
# RMSNorm and a group quant of its result, {index}
pattern rms_group_quant_{index}(x: T[*B, H]) {{
  y    = rms_norm(x, weight, eps)
  q, s = group_quant(view(y, [M, H]), g, col_major=false)
=>
  q, s = rms_norm_group_quant(view(x, [M, H]), weight, eps, g)
  where g in {{64, 128}} and rank(x) > 2
}}
"""
START = """
import time
start = time.perf_counter()
import patdsl.syntax.text_to_ast
from patdsl.syntax.grammar_to_parser import pat_parser
imported = time.perf_counter()
pat_parser()
print(imported - start, time.perf_counter() - imported)
"""


def timed(function: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def main() -> None:
    """Print the table. Times are wall time in seconds; the start is the best of five processes."""
    from patdsl.diagnostic import Diagnostics
    from patdsl.source import Source
    from patdsl.syntax.ast_to_text import format_file
    from patdsl.syntax.text_to_ast import parse

    runs = [
        subprocess.run(
            [sys.executable, "-c", START], check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(5)
    ]
    imported, grammar = (min(float(run[part]) for run in runs) for part in (0, 1))
    print(f"import {imported:.3f} s, grammar {grammar:.3f} s\n")
    parse(Source("warm-up", PATTERN.format(index=0)), Diagnostics())
    print(
        f"{'patterns':>8} {'bytes':>10} {'parse s':>9} {'us/pattern':>11} {'print s':>9} {'us/pattern':>11}"
    )
    for count in (10, 100, 1_000, 10_000):
        text = "".join(PATTERN.format(index=index) for index in range(count))
        diagnostics = Diagnostics()
        file, parsing = timed(lambda text=text, found=diagnostics: parse(Source("bench.pat", text), found))  # type: ignore[misc]
        printed, printing = timed(lambda file=file: format_file(file))  # type: ignore[misc]
        assert not diagnostics.items
        assert printed == text.lstrip("\n")
        per_parse, per_print = parsing / count * 1e6, printing / count * 1e6
        print(
            f"{count:>8} {len(text):>10} {parsing:>9.3f} {per_parse:>11.0f} {printing:>9.3f} {per_print:>11.0f}"
        )


if __name__ == "__main__":
    main()
