"""Patterns, their clauses and what is proven of them: what is said where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import Expected, compare, run_marked


def block(left: str, right: str = "q, s = fused(x, w, eps, g)", clauses: str = "") -> str:
    return f"pattern p {{\n  {left}\n=>\n  {right}\n  {clauses}\n}}"


NORM = "y = norm(x, w, eps)\n  q, s = quant(y, g)"

CASES: list[tuple[str, str, list[Expected]]] = [
    # Left sides that are blocks
    ("no call", block("y = «x»\n  q, s = quant(y, g)"), [("PAT301", "matches calls", "name = op(...)")]),
    ("number", block("y = «1 + 1»\n  q, s = quant(y, g)"), [("PAT301", "matches calls", "name = op(...)")]),
    (
        "unwritten",
        block("y = «norm(x, w)»\n  q, s = quant(y, g)"),
        [("PAT203", "`norm` needs `eps`", "eps=_")],
    ),
    (
        "unknown parameter",
        block("y = norm(x, w, «ep»=1.0)\n  q, s = quant(y, g)"),
        [("PAT204", "no parameter `ep`", "did you mean `eps`?")],
    ),
    (
        "far parameter",
        block("y = norm(x, w, eps, «zz»=1.0)\n  q, s = quant(y, g)"),
        [("PAT204", "no parameter `zz`", "parameters: x, w, eps")],
    ),
    (
        "given twice",
        block("y = norm(x, w, eps, «x=x»)\n  q, s = quant(y, g)"),
        [("PAT204", "`x` of `norm` is given twice", "leave one")],
    ),
    (
        "too many",
        block("y = norm(x, w, eps, «g»)\n  q, s = quant(y, g)"),
        [("PAT205", "`norm` takes 3 arguments", "parameters: x, w, eps")],
    ),
    (
        "results",
        block("y = norm(x, w, eps)\n  q, s, t = «quant(y, g)»"),
        [("PAT206", "2 results (q, s), 3 are named", "`_`")],
    ),
    (
        "one result",
        block("y, u = «norm(x, w, eps)»\n  q, s = quant(y, g)"),
        [("PAT206", "1 result (y), 2 are named", "`_`")],
    ),
    (
        "used early",
        block("q, s = quant(«y», g)\n  y = norm(x, w, eps)"),
        [("PAT303", "`y` is used before", "put the line")],
    ),
    (
        "set used early",
        block("y = norm(x, w, eps)\n  q, s = quant(y, «z» in {1, 2})\n  z = relu(q)"),
        [("PAT303", "`z` is used before", "put the line")],
    ),
    (
        "defined twice",
        block(f"{NORM}\n  «y» = norm(x, w, eps)"),
        [("PAT101", "`y` is defined twice", "another name")],
    ),
    (
        "twice in one",
        block("y = norm(x, w, eps)\n  q, «q» = quant(y, g)"),
        [("PAT101", "`q` is defined twice", "another name")],
    ),
    (
        "set of no name",
        block("y = norm(x, w, eps)\n  q, s = quant(y, «g + 1» in {1, 2})"),
        [("PAT302", "a set constrains a name", "name in {...}")],
    ),
    (
        "view of a number",
        block("y = norm(view?(«1»), w, eps)\n  q, s = quant(y, g)"),
        [("PAT302", "a view is taken of a value", "call of an op")],
    ),
    (
        "view without shape",
        block("y = norm(x, w, eps)\n  v = «view(y)»\n  q, s = quant(v, g)"),
        [("PAT205", "takes a value and a shape", "view(x, [M, H])")],
    ),
    (
        "long list",
        block("y = relu(x)\n  a, b = split(y, «[" + ", ".join(["1"] * 129) + "]», -1)", "y = neg(x)"),
        [("PAT318", "a list of 129 items", "split")],
    ),
    (
        "parts",
        "pattern «p» {\n  y = relu(x)\n  z = relu(u)\n=>\n  y = neg(x)\n  z = neg(u)\n}",
        [("PAT313", "falls into 2 parts", "share a value")],
    ),
    (
        "tensor and dim",
        "pattern p(x: T[B, H], u: «T[*B, H]») {\n  y = add(x, u)\n=>\n  y = add(u, x)\n}",
        [("PAT319", "`B` is a number", "two names")],
    ),
    (
        "tensor and number",
        block("«y» = norm(x, w, eps)\n  q, s = quant(y, y)", "q, s = fused(x, w, eps, 1)"),
        [("PAT319", "`y` is a tensor", "two names")],
    ),
    # Left sides that are chains
    (
        "view first",
        "pattern p { «view?» -> quant => fused }",
        [("PAT305", "does not begin with a view", "begin with an op")],
    ),
    (
        "fan-out first",
        "pattern p { «2x» norm -> quant => fused }",
        [("PAT306", "does not begin with a fan-out", "behind the op")],
    ),
    (
        "fan-out in a branch",
        "pattern p { norm -> 2x relu -> «2x» quant => fused }",
        [("PAT306", "inside a branch", "pattern of its own")],
    ),
    (
        "no tensor",
        "pattern p { norm -> «lone»(n=1) => fused }",
        [("PAT207", "`lone` takes no tensor", "block of statements")],
    ),
    (
        "behind a group",
        "pattern p { norm -> (relu, neg) -> «quant» => fused }",
        [("PAT317", "a group ends its chain", "into the branch")],
    ),
    (
        "unwritten in a chain",
        "pattern p { norm -> «lost» => norm(w=w) }\nop lost(y: T[*B], k: int) -> (z: T[*B]) = a::l",
        [("PAT203", "`k` of `lost` is not written", "k=_")],
    ),
    (
        "captured twice",
        "pattern p { norm(w=w) -> relu -> «norm(w=w)» => norm }",
        [("PAT304", "`eps` is captured by `norm`", "eps=eps")],
    ),
    (
        "fed twice",
        "pattern p { norm -> quant(«y=y») => fused }",
        [("PAT204", "`y` of `quant` is given twice", "the arrow feeds it")],
    ),
    (
        "too many behind an arrow",
        "pattern p { norm -> quant(g, «1») => fused }",
        [("PAT205", "`y` is fed by the arrow", "parameters: y, g")],
    ),
    # Right sides
    (
        "unknown name",
        block(NORM, "q, s = fused(x, w, «epz», g)"),
        [("PAT307", "nothing binds `epz`", "did you mean `eps`?")],
    ),
    (
        "no near name",
        block(NORM, "q, s = fused(x, w, «zzz», g)"),
        [("PAT307", "nothing binds `zzz`", "bound on the left: x, w, eps, g, y, q, s")],
    ),
    (
        "chain lacks",
        "pattern p { norm -> quant(g=_) => «fused» }",
        [("PAT307", "nothing on the left binds `g` of `fused`", "fused(g=...)")],
    ),
    ("right unwritten", block(NORM, "q, s = «fused(x, w, eps)»"), [("PAT203", "`fused` needs `g`", "g=...")]),
    (
        "right parameter",
        block(NORM, "q, s = fused(x, w, eps, g, «group»=1)"),
        [("PAT204", "no parameter `group`", "parameters: x, w, eps, g")],
    ),
    (
        "right twice",
        block(NORM, "q, s = fused(x, w, eps, g, «g=1»)"),
        [("PAT204", "`g` of `fused` is given twice", "leave one")],
    ),
    (
        "right too many",
        block(NORM, "q, s = fused(x, w, eps, g, «1»)"),
        [("PAT205", "`fused` takes 4 arguments", "parameters: x, w, eps, g")],
    ),
    (
        "right wildcard",
        block(NORM, "q, s = fused(x, w, «_», g)"),
        [("PAT302", "`_` is none", "left side binds")],
    ),
    (
        "right set",
        block(NORM, "q, s = fused(x, w, eps, «g in {1, 2}»)"),
        [("PAT302", "`g in {1, 2}` is none", "left side binds")],
    ),
    ("right number", block(NORM, "q = «1 + 1»"), [("PAT302", "calls and aliases", "y = op(...)")]),
    (
        "right results",
        block(NORM, "q, s, t = «fused(x, w, eps, g)»"),
        [("PAT206", "2 results (q, s), 3 are named", "`_`")],
    ),
    (
        "right defined twice",
        block(NORM, "q, s = fused(x, w, eps, g)\n  «s» = relu(x)"),
        [("PAT101", "`s` is defined twice on the right", "another name")],
    ),
    (
        "alias of a number",
        block("y = norm(x, w, 1.0)\n  q, s = quant(y, 128)", "q = «fp8»\n  s = x"),
        [("PAT302", "`fp8` is no tensor value", "a value of the left side")],
    ),
    ("alias of nothing", block(NORM, "«r» = x"), [("PAT308", "`r` is none", "defines: y, q, s")]),
    (
        "misspelt alias",
        block("y = norm(x, w, eps)\n  quant_out, s = quant(y, g)", "«quant_oot» = x"),
        [("PAT308", "`quant_oot` is none", "`quant_out`?")],
    ),
    (
        "replaced twice",
        block(NORM, "q, s = fused(x, w, eps, g)\n  «q» = x"),
        [("PAT101", "`q` is replaced twice", "leave one")],
    ),
    (
        "replaces nothing",
        "pattern «p» {\n  y = relu(x)\n=>\n  z = neg(x)\n}",
        [("PAT309", "`p` replaces nothing", "the name of the left value")],
    ),
    (
        "chain replaces nothing",
        "pattern p { norm -> quant(g=_) => «norm» }",
        [("PAT309", "a result of `quant` (q, s); the right side makes y", "correspond by name")],
    ),
    (
        "bundles",
        block("y = norm(x, w, eps)\n  o = quant(y, g)", "«o» = three(x)")
        + "\nop three(x: T[*B]) -> (a: T[*B], b: T[*B], c: T[*B]) = l::three",
        [("PAT206", "2 results on the left and 3", "one by one")],
    ),
    (
        "branch value",
        block("y = norm(x, w, eps)\n  q, s = 2x quant(y, g)", "q, s = quant(«q», g)"),
        [("PAT311", "`q` has a value in each branch", "Nx")],
    ),
    (
        "other fan-out",
        "pattern p { norm -> 2x quant => «3x» fused }",
        [("PAT310", "`3x` corresponds to no fan-out of the left side, which has 2x", "count of the left")],
    ),
    (
        "no fan-out",
        "pattern p { norm -> quant => «2x» fused }",
        [("PAT310", "which has no fan-out", "count of the left")],
    ),
    (
        "right view",
        "pattern p { norm -> quant => «view?» -> fused }",
        [("PAT302", "needs no view", "as a block")],
    ),
    (
        "right alternatives",
        "pattern p { norm -> quant => «(fused | norm)» }",
        [("PAT302", "no alternatives", "name one op")],
    ),
    (
        "right group",
        "pattern p { norm -> quant => (relu, neg) -> «fused» }",
        [("PAT317", "a group ends its chain", "into the branch")],
    ),
    (
        "right view as a number",
        "pattern «p»(x: T[M, H]) {\n  y = relu(x)\n=>\n  y = view(relu(x), H % M)\n}",
        [("PAT401", "a list of sizes such as [H % M], not H % M", "same types on both sides")],
    ),
    (
        "right view without shape",
        block("y = relu(x)", "y = «view(x)»"),
        [("PAT205", "takes a value and a shape", "view(x, [M, H])")],
    ),
    (
        "right view of two",
        block("y = relu(x)", "y = view(x, [_, «_»])"),
        [("PAT302", "one dim of a view", "what this one is")],
    ),
    # Parameters and inputs
    (
        "too few values",
        "pattern p[(f, g) in {(norm, 1), «norm»}] { f -> quant(g=g) => fused(g=g) }",
        [("PAT314", "1 value for 2 parameters (f, g)", "(f, g)")],
    ),
    (
        "tuple for one",
        "pattern p[g in {1, «(2, 3)»}] { norm -> quant(g=g) => fused(g=g) }",
        [("PAT314", "2 values for 1 parameter (g)", "one value")],
    ),
    (
        "option twice",
        "pattern p[g in {1, «1»}] { norm -> quant(g=g) => fused(g=g) }",
        [("PAT314", "`g=1` is given twice", "leave one")],
    ),
    (
        "unknown option",
        "pattern p[f in {norm, «nrom»}] { f -> quant => fused }",
        [("PAT107", "`nrom`", "did you mean `norm`?")],
    ),
    (
        "too many variants",
        "pattern «p»[g in {" + ", ".join(map(str, range(300))) + "}] { norm -> quant(g=g) => fused(g=g) }",
        [("PAT315", "300 variants", "several patterns")],
    ),
    (
        "too large",
        "pattern «p» { " + " -> ".join(["relu"] * 256) + " => relu }",
        [("PAT318", "257 ops", "several patterns")],
    ),
    (
        "no optional op",
        "pattern p { a: relu? -> norm -> quant => «b?» -> fused }",
        [("PAT316", "no optional op `b`", "b: op?")],
    ),
    (
        "unused input",
        "pattern p(«v»: T[H]) {\n  y = relu(x)\n=>\n  y = neg(x)\n}",
        [("PAT312", "input `v` is not used", "captured on the left: x")],
    ),
    (
        "misspelt input",
        "pattern p(«reisdual»: T[H]) {\n  y = relu(residual)\n=>\n  y = neg(residual)\n}",
        [("PAT312", "`reisdual`", "did you mean `residual`?")],
    ),
    # Clauses
    (
        "keep",
        block(NORM, clauses="keep «yy»"),
        [("PAT107", "unknown value of the left side `yy`", "did you mean `y`?")],
    ),
    (
        "rounds",
        block(NORM, clauses="rounds «r»"),
        [("PAT107", "value of the left side `r`", "known here: y, q, s")],
    ),
    (
        "restride",
        block(NORM, clauses="restride «r»"),
        [("PAT107", "value of the left side `r`", "known here: y, q, s")],
    ),
    (
        "only value",
        block(NORM, clauses="only «r» -> norm.x"),
        [("PAT107", "value of the left side `r`", "known here: y, q, s")],
    ),
    (
        "only op",
        block(NORM, clauses="only q -> «nrm».x"),
        [("PAT107", "unknown op `nrm`", "did you mean `norm`?")],
    ),
    (
        "only parameter",
        block(NORM, clauses="only q -> norm.«z»"),
        [("PAT204", "`norm` has no parameter `z`", "parameters: x, w, eps")],
    ),
    # What is proven
    (
        "other dtype",
        "op to8(x: T[*B]) -> (q: fp8[*B]) = a::t\nop to16(x: T[*B]) -> (q: f16[*B]) = a::u\n"
        "pattern «p» { to8 => to16 }",
        [("PAT401", "`q` is fp8, the right side makes f16", "same types")],
    ),
    (
        "open",
        "op cut(x: T[*B]) -> (q: T[K]) = a::t\nop cut2(x: T[*B]) -> (q: T[K]) = a::u\npattern «p» { cut => cut2 }",
        [("PAT402", "do not say enough of `q`", "")],
    ),
    (
        "never",
        "pattern a { norm -> quant => fused }\npattern «b» { norm -> quant(g=128) => fused(g=128)\n  prefer a over b }",
        [("PAT403", "`b` never fires in pass `case`", "prefer b over a")],
    ),
    (
        "ambiguous",
        "pattern a { norm -> quant => fused }\npattern «b» { norm -> quant(g=128) => fused(g=128) }",
        [("PAT404", "`a` and `b` can match the same ops", "prefer b over a")],
    ),
    (
        "starved",
        "op cheap(x: T[*B, H], w: T[H], eps: float) -> (y: T[*B, H]) = l::c\npattern a { norm => cheap }\n"
        "pattern «b» { norm -> quant => fused }\npass one { a }\npass two { b }",
        [("PAT405", "`b` of pass `two` is starved", "one pass")],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_findings(text: str, expected: list[Expected], tmp_path: Path) -> None:
    compare(*run_marked(text, tmp_path), expected)
