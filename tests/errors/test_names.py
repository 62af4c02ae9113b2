"""Names, imports, constants, hosts, passes and tests: what is said where they are wrong."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from marked import Expected, compare, run_marked

PATTERN = "pattern p { norm -> quant => fused }\n"

CASES: list[tuple[str, str, list[Expected], dict[str, str]]] = [
    ("missing import", "import «nothing.here»", [("PAT102", "no file for import `nothing.here`", "")], {}),
    ("misspelt import", "import «aitre»", [("PAT102", "`aitre`", "did you mean `aiter`?")], {}),
    ("string import", 'import «"gone.pat"»', [("PAT102", "`gone.pat`", "")], {}),
    (
        "outside by dots",
        'import «"../../etc/passwd"»',
        [("PAT103", "outside the import roots", "--root")],
        {},
    ),
    ("outside by path", 'import «"/etc/passwd"»', [("PAT103", "outside the import roots", "--root")], {}),
    ("cycle with itself", "import «case»", [("PAT104", "case.pat -> case.pat", "third file")], {}),
    (
        "errors in an import",
        "import «other»\nop f(x: T[a]) -> (y: T[a]) = l::f",
        [("PAT105", "`other` has 2 errors", "mend that file")],
        {"other.pat": "const a = 1\nconst a = 2\nconst a = 3\n"},
    ),
    (
        "unknown import item",
        "import other («nrm»)",
        [("PAT106", "`other` declares no `nrm`", "it declares: c")],
        {"other.pat": "const c = 1"},
    ),
    (
        "import item of another library file",
        "import patdsl («token_quant»)",
        [("PAT106", "`patdsl` declares no `token_quant`", "the library declares it in `vllm_ir`")],
        {},
    ),
    (
        "misspelt import item",
        "import other («limti»)",
        [("PAT106", "`limti`", "did you mean `limit`?")],
        {"other.pat": "const limit = 1"},
    ),
    (
        "imported twice",
        "import one (f)\nimport two («f»)\npattern p { f -> relu => f }",
        [("PAT101", "`f` is imported twice", "rename one: import two (f as ...)")],
        {
            "one.pat": "op f(x: T[H]) -> (y: T[H]) = a::f",
            "two.pat": "op f(x: T[H]) -> (y: T[H]) = b::f",
        },
    ),
    (
        "declared twice",
        "const a = 1\nhost «a»: int",
        [("PAT101", "`a` is declared twice", "another name")],
        {},
    ),
    (
        "unused import",
        f"import «vllm_ir»\n{PATTERN}",
        [("PAT115", "nothing of `vllm_ir` is used", "remove it")],
        {},
    ),
    (
        "unused item",
        "import vllm_ir (rms_norm, «group_quant as gq»)\npattern p { rms_norm -> relu => rms_norm }",
        [("PAT115", "`gq` is imported from `vllm_ir` and never used", "remove it")],
        {},
    ),
    (
        "unused const and host",
        f"const «a» = 1\nhost «b»: int\n{PATTERN}pass s {{ p }}",
        [
            ("PAT115", "const `a` is never used", "remove it"),
            ("PAT115", "host `b` is never used", "remove it"),
        ],
        {},
    ),
    ("value of nothing", "const a = «_»", [("PAT112", "`_` has no value", "write a name")], {}),
    (
        "unknown name in a test",
        PATTERN + 'test "t" (x: bf16[2, 128]) {\n  y = norm(x, «wt», 1e-6)\n  expect p 0\n}',
        [("PAT107", "unknown name `wt`", "known here: x")],
        {},
    ),
    ("unknown name", "const a = «b»", [("PAT107", "unknown name `b`", "known here: a")], {}),
    (
        "unknown name in where",
        "pattern p {\n  y = norm(x, w, eps)\n=>\n  y = norm(x, w, eps)\n  where «epz» == 1.0\n}",
        [("PAT107", "unknown name `epz`", "did you mean `eps`?")],
        {},
    ),
    (
        "two unknown names in one where",
        "pattern p { norm -> quant => fused where «foo» > 1 and «bar» > 2 }",
        [("PAT107", "`foo`", "known here: x, w"), ("PAT107", "`bar`", "known here: x, w")],
        {},
    ),
    (
        "unknown function",
        "const a = «ceiling»(1)",
        [("PAT108", "`ceiling` is not a function", "`ceil`?")],
        {},
    ),
    ("no near function", "const a = «zzz»(1)", [("PAT108", "`zzz`", "functions: ceil, ")], {}),
    ("arity", "const a = «min(1)»", [("PAT109", "`min` takes 2 arguments, got 1", "write min(a, b)")], {}),
    (
        "arity of a host",
        "host h(n: int): bool\nop f(x: T[H]) -> (y: T[H]) = a::f where «h(1, 2)»",
        [("PAT109", "`h` takes 1 argument, got 2", "write h(a)")],
        {},
    ),
    (
        "unknown target",
        "const a = 1 | 2 on «gfx_942»",
        [("PAT110", "unknown target `gfx_942`", "did you mean `gfx942`?")],
        {},
    ),
    ("no near target", "const a = 1 | 2 on «tpu»", [("PAT110", "`tpu`", "did you mean `cpu`?")], {}),
    (
        "target without order",
        "const a = 1 | 2 on «gfx942+»",
        [("PAT110", "`gfx942+`", "list each target")],
        {},
    ),
    ("two variadic dims", "op f(x: T[*A, «*B»]) -> (y: T[*A]) = a::f", [("PAT111", "`*B`", "keep one")], {}),
    (
        "unknown dtype in a set",
        "op f(x: {bf16, «b16»}[H]) -> (y: T[H]) = a::f",
        [("PAT107", "dtype `b16`", "`bf16`?")],
        {},
    ),
    (
        "too many dims",
        "op f(x: «T[" + ", ".join(f"D{i}" for i in range(65)) + "]») -> (y: T[H]) = a::f",
        [("PAT211", "65 dims", "`*B`")],
        {},
    ),
    ("const of nothing", "const a = «1 / 0»", [("PAT208", "`a` has no value", "numbers alone")], {}),
    ("const of a host", "host n: int\nconst a = «n»", [("PAT208", "`n` has no value", "numbers alone")], {}),
    (
        "const without elsewhere",
        "const «a» = 1 on cpu",
        [("PAT209", "`a` has no value on other", "`on`")],
        {},
    ),
    ("host default", "host n: int = «1 / 0»", [("PAT208", "test value of `n`", "numbers alone")], {}),
    (
        "host default of a type",
        'host n: int = «"a"»',
        [("PAT201", "test value of `n` is no int", "whole number")],
        {},
    ),
    ("host bool", "host n: bool = «1»", [("PAT201", "is no bool", "`true` or `false`")], {}),
    (
        "unknown pattern in a pass",
        f"{PATTERN}pass s {{ p, «pp» }}",
        [("PAT107", "unknown pattern `pp`", "did you mean `p`?")],
        {},
    ),
    (
        "no pattern of that name",
        f"{PATTERN}pass s {{ p, «zz» }}",
        [("PAT107", "pattern `zz`", "known here: p")],
        {},
    ),
    ("unknown pass", f"{PATTERN}pass s after «zz» {{ p }}", [("PAT107", "pass `zz`", "known here: s")], {}),
    (
        "listed twice",
        f"{PATTERN}pass s {{ p, «p» }}",
        [("PAT101", "pass `s` lists `p` twice", "remove it")],
        {},
    ),
    (
        "passes in a circle",
        f"{PATTERN}pass s after «t» {{ p }}\npass t after s {{ p }}",
        [("PAT406", "passes wait for each other", "remove one `after`")],
        {},
    ),
    (
        "test of unknown ops and patterns",
        PATTERN
        + 'test "t" (x: bf16[2, 8], w: bf16[8]) {\n  norm(x, w, 1.0) -> «qaunt»(128)\n  expect p 1\n  expect «q» 2\n}',
        [
            ("PAT107", "unknown op `qaunt`", "did you mean `quant`?"),
            ("PAT107", "pattern `q`", "known here: p"),
        ],
        {},
    ),
    (
        "op of the library",
        "pattern p { «rms_norm» -> quant => fused }",
        [("PAT107", "unknown op `rms_norm`", "add: import vllm_ir")],
        {},
    ),
    (
        "const as op",
        "const c = 1\npattern p { norm -> «c» => fused }",
        [("PAT113", "`c` is a const", "name an op")],
        {},
    ),
    (
        "prefer unknown",
        "pattern p { norm -> quant => fused\n  prefer p over «r» }",
        [("PAT107", "pattern `r`", "known here: p")],
        {},
    ),
]


@pytest.mark.parametrize(
    ("text", "expected", "files"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_findings(text: str, expected: list[Expected], files: dict[str, str], tmp_path: Path) -> None:
    outcome, ranges = run_marked(text, tmp_path, files)
    own = [item for item in outcome.diagnostics if item.span is None or item.span.source is outcome.source]
    assert all(item.span is not None for item in own)
    compare(attrs.evolve(outcome, diagnostics=tuple(own)), ranges, expected)
