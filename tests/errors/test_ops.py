"""Declarations of ops and their bindings: what is said where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import Expected, compare, run_marked

F = "op f(x: T[H], n: int) -> (y: T[H], z: T[H])"

CASES: list[tuple[str, str, list[Expected]]] = [
    (
        "default of a type",
        "op f(n: int = «1.5») -> (y: f32[n]) = a::f",
        [("PAT201", "`1.5` does not fit `n`", "whole number")],
    ),
    (
        "bool as int",
        "op f(n: int = «true») -> (y: f32[n]) = a::f",
        [("PAT201", "which is `int`", "whole number")],
    ),
    (
        "none without ?",
        "op f(n: int = «none») -> (y: f32[H]) = a::f",
        [("PAT201", "`none`", "n: int? = none")],
    ),
    ("tensor default", "op f(x: T[H] = «1») -> (y: T[H]) = a::f", [("PAT201", "which is `T[H]`", "")]),
    ("list default", "op f(n: int[] = «1») -> (y: f32[H]) = a::f", [("PAT201", "which is `int[]`", "")]),
    (
        "result of no tensor",
        "op f(x: T[H]) -> (n: «int») = a::f",
        [("PAT202", "result `n` is `int`", "tensor[]")],
    ),
    (
        "parameter twice",
        "op f(x: T[H], «x»: T[H]) -> (y: T[H]) = a::f",
        [("PAT101", "parameter `x`", "another name")],
    ),
    (
        "result twice",
        "op f(x: T[H]) -> (y: T[H], «y»: T[H]) = a::f",
        [("PAT101", "result `y`", "another name")],
    ),
    (
        "dim and dims",
        "op f(x: T[B, H], w: «T[*B]») -> (y: T[H]) = a::f",
        [("PAT319", "`B` is a number", "two names")],
    ),
    (
        "none as dim",
        "op f(x: T[H]) -> (y: T[«none»]) = a::f",
        [("PAT302", "a dim is a size; `none` is none", "a whole number")],
    ),
    (
        "dtype and dim",
        "op f(x: T[H], y: «S[T]») -> (z: f32[H]) = a::f",
        [("PAT319", "`T` is a dtype", "two names")],
    ),
    ("tensor as dim", "op f(x: T[H]) -> (y: «T[x]») = a::f", [("PAT319", "`x` is a tensor", "two names")]),
    (
        "too many parameters",
        "op «f»(" + ", ".join(f"a{i}: int" for i in range(257)) + ") -> (y: f32[1]) = a::f",
        [("PAT211", "`f` has 257 parameters", "no torch op")],
    ),
    (
        "too many results",
        "op «f»(x: T[H]) -> (" + ", ".join(f"a{i}: T[H]" for i in range(257)) + ") = a::f",
        [("PAT211", "`f` has 257 results", "no torch op")],
    ),
    (
        "position behind name",
        f"{F} = a::f(out y, out z, k=x, «n»)",
        [("PAT501", "stands after one by name", "write its name")],
    ),
    (
        "argument twice",
        f"{F} = a::f(x, n, k=out y, «k=out z»)",
        [("PAT501", "argument `k` is given twice", "leave one")],
    ),
    (
        "unknown out",
        f"{F} = a::f(x, n, out y, out z, out «zz»)",
        [("PAT502", "no result `zz`", "did you mean `z`?")],
    ),
    (
        "unknown mut",
        f"{F} = a::f(mut «w» -> y, n, out z)",
        [("PAT502", "no parameter `w`", "parameters: x, n")],
    ),
    (
        "unknown same",
        f"{F} = a::f(same «q», n, out y, out z)",
        [("PAT502", "no parameter `q`", "parameters: x, n")],
    ),
    ("unknown result name", f"{F} = a::f -> (y, z, «u»)", [("PAT502", "no result `u`", "results: y, z")]),
    (
        "unknown view dtype",
        f"{F} = a::f(x, n, out y as «u88», out z)",
        [("PAT107", "dtype `u88`", "did you mean `u8`?")],
    ),
    (
        "unknown name in a template",
        f"{F} = a::f(x, «m», out y, out z)",
        [("PAT107", "name `m`", "known here: x, T, H")],
    ),
    ("result without source", f"{F} = «a::f(x, n) -> (y)»", [("PAT503", "yields result `z`", "out z")]),
    (
        "scratch",
        f"{F} = a::f(x, n, out y, out z, temp «f32[K]»)",
        [("PAT210", "what `K` is", "dims and dtypes")],
    ),
    (
        "scratch dtype",
        f"{F} = a::f(x, n, out y, out z, temp «S[H]»)",
        [("PAT210", "what `S` is", "dims and dtypes")],
    ),
    ("bound to itself", f"{F} = «f»", [("PAT504", "`f` is bound to itself", "ns::op")]),
    ("bound to nothing", f"{F} = «nrom»", [("PAT107", "unknown op `nrom`", "did you mean `norm`?")]),
    (
        "inner arity",
        "op f(x: T[H], a: int, b: int) -> (z: f32[a]) = «lone»",
        [("PAT109", "`lone` takes 1 argument, got 3", "parameters: n")],
    ),
    (
        "inner parameter",
        "op f(a: int) -> (z: f32[a]) = «lone»(m=a)",
        [("PAT502", "`lone` has no parameter `m`", "n")],
    ),
    (
        "inner results",
        "op f(n: int) -> (z: f32[n], u: f32[n]) = «lone»",
        [("PAT503", "`lone` has 1 result, 2 are bound", "its results: z")],
    ),
    (
        "nested arity",
        f"{F} = a::f(lone(n, «x»), out y, out z)",
        [("PAT109", "`lone` takes 1 argument, got 2", "parameters: n")],
    ),
    (
        "block without a result",
        f"{F} = «{{ y = relu(x) }}»",
        [("PAT503", "does not define result `z`", "add a line: z = ...")],
    ),
    ("block of a name", f"{F} = {{ y = «x»  z = relu(x) }}", [("PAT301", "matches calls", "name = op(...)")]),
    (
        "unknown name in a block",
        f"{F} = {{ y = relu(«v»)  z = relu(x) }}",
        [("PAT107", "name `v`", "known here: x, T, H, n")],
    ),
    (
        "used before defined",
        f"{F} = {{ y = relu(«z»)  z = relu(x) }}",
        [("PAT303", "`z` is used before", "put the line")],
    ),
    (
        "unknown op in a block",
        f"{F} = {{ y = «rellu»(x)  z = relu(y) }}",
        [("PAT107", "op `rellu`", "did you mean `relu`?")],
    ),
    ("where", f"{F} = a::f where «K» == 1", [("PAT107", "unknown name `K`", "known here")]),
    ("guard", f"{F} = a::f if «K» == 1", [("PAT107", "unknown name `K`", "known here")]),
    ("target", f"{F} = a::f on «sm90»", [("PAT110", "unknown target `sm90`", "did you mean `sm_90`?")]),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_findings(text: str, expected: list[Expected], tmp_path: Path) -> None:
    compare(*run_marked(text, tmp_path), expected)
