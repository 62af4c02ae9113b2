"""How long checking takes as a file grows: all stages up to the plan, for 10 to 10,000 patterns in one file.

Prints a table for five kinds of file: patterns that differ in a constant (nothing to compare), patterns that differ in
`where` (every pair is a candidate), patterns each in a pass of its own, wrong patterns (one error each), and ops. Exits
with 1 where the time of one pattern grows more than threefold between the second row and the last. Run it as
`python tests/bench/check_growth.py [most]`; `most` leaves out larger files.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from patdsl.pipeline import Outcome, run
from patdsl.syntax.path_to_source import MAX_BYTES

HEAD = "import vllm_ir (rms_norm, group_quant)\nimport aiter (rms_norm_group_quant as fused)\n"
KINDS: dict[str, Callable[[int], str]] = {
    "constants": lambda i: (
        f"pattern p{i} {{ rms_norm(epsilon={i}e-9) -> group_quant => fused(epsilon={i}e-9) }}\n"
    ),
    "conditions": lambda i: f"pattern p{i} {{ rms_norm -> group_quant => fused where group_size == {i} }}\n",
    "passes": lambda i: (
        f"pattern p{i} {{ rms_norm(epsilon={i}e-9) -> group_quant => fused }} pass s{i} {{ p{i} }}\n"
    ),
    "errors": lambda i: f"pattern p{i} {{ rms_nrom{i} -> 2x group_quant => 2x fused }}\n",
    "ops": lambda i: f"op f{i}(x: T[*B, H], n: int) -> (y: T[*B, H / n]) = lib::f{i} where H % n == {i}\n",
}
MOST_GROWTH = 3.0


def main(most: int) -> int:
    """Print the table; 1 if something grows faster than the file."""
    run_text(HEAD + KINDS["constants"](1))
    print(f"{'kind':<12} {'count':>6} {'bytes':>9} {'seconds':>8} {'ms each':>8}  findings")
    failed = 0
    for kind, line in KINDS.items():
        each: list[float] = []
        for count in (10, 100, 1_000, 10_000):
            text = HEAD + "".join(line(index) for index in range(1, count + 1))
            if count > most or len(text) > MAX_BYTES:
                continue
            start = time.perf_counter()
            outcome = run_text(text)
            took = time.perf_counter() - start
            each.append(took / count)
            print(
                f"{kind:<12} {count:>6,} {len(text):>9,} {took:>8.2f} {took / count * 1e3:>8.2f}  {_found(outcome)}",
                flush=True,
            )
        if each[-1] > MOST_GROWTH * each[1]:
            failed = 1
            print(f"{kind}: one takes {each[-1] / each[1]:.1f} times as long in the largest file")
    return failed


def run_text(text: str) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.pat"
        path.write_text(text, encoding="utf-8")
        return run([path], stop_after="plan")[0]


def _found(outcome: Outcome) -> str:
    codes = [item.code for item in outcome.diagnostics]
    return ", ".join(f"{code} x {codes.count(code):,}" for code in sorted(set(codes))) or "none"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
