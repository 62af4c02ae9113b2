"""Proofs that a rewrite keeps every type, against concrete sizes; and what is said where it does not."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from patdsl.compiler.ast_to_graph import resolve
from patdsl.compiler.graph_to_plan import plan
from patdsl.compiler.imports import Loader
from patdsl.compiler.prove import disproof_text, prove
from patdsl.diagnostic import Diagnostics


@pytest.fixture(scope="module")
def proofs(tmp_path_factory):
    """Text of a file -> its patterns and their proofs."""
    path = tmp_path_factory.mktemp("prove") / "file.pat"

    def of(text):
        path.write_text(text)
        loaded = Loader().load(path, Diagnostics())
        unit = resolve(loaded)
        assert not loaded.diagnostics.errors, [item.message for item in loaded.diagnostics.errors]
        return [(pattern, prove(pattern, unit.table, {})) for pattern in unit.patterns]

    return of


@pytest.fixture
def errors(tmp_path):
    """Text of a file -> what planning it finds."""

    def of(text):
        path = tmp_path / "file.pat"
        path.write_text(text)
        loaded = Loader().load(path, Diagnostics())
        plan(resolve(loaded), loaded)
        return [(item.code, item.message) for item in loaded.diagnostics.items]

    return of


# Random declarations

#: How a last dim is written, and what it is; None where there is no such size.
SIZES = {
    "H": lambda h: h,
    "2 * H": lambda h: 2 * h,
    "H / 2": lambda h: exact(Fraction(h, 2)),
    "H / 4": lambda h: exact(Fraction(h, 4)),
    "4 * H": lambda h: 4 * h,
    "H + 1": lambda h: h + 1,
    "H - 1": lambda h: h - 1 if h > 1 else None,
    "ceil(H / 2)": lambda h: math.ceil(h / 2),
    "ceil(H / 4)": lambda h: math.ceil(h / 4),
    "ceil(H / 4) * 4": lambda h: math.ceil(h / 4) * 4,
    "H * H": lambda h: h * h,
    "1": lambda h: 1,
    "3 * H / 2": lambda h: exact(Fraction(3 * h, 2)),
}
DTYPES = ("T", "f32", "bf16")


def exact(value):
    return int(value) if value.denominator == 1 else None


@st.composite
def ops(draw):
    return (
        draw(st.sampled_from(sorted(SIZES))),
        draw(st.sampled_from(DTYPES)),
        draw(st.sampled_from(("*B", "M"))),
    )


def declaration(name, size, dtype, lead):
    return f"op {name}(x: T[{lead}, H]) -> (y: {dtype}[{lead}, {size}]) = lang::{name}\n"


def applied(op, given):
    """Dtype and dims of an op's result; None where it does not take the argument."""
    size, dtype, lead = op
    before, dims = given
    last = SIZES[size](dims[-1])
    if last is None or (lead == "M" and len(dims) != 2):
        return None
    return (before if dtype == "T" else dtype), (*dims[:-1], last)


@given(ops(), ops(), ops(), st.sampled_from(("", "view? -> ")), st.data())
@settings(max_examples=150)
def test_what_is_proven_holds_at_all_sizes(proofs, first, second, fused, view, data):
    text = "".join(declaration(name, *op) for name, op in zip("abc", (first, second, fused), strict=True))
    ((_, proof),) = proofs(f"{text}pattern p {{ a -> {view}b => c }}")
    if proof.disproofs or proof.open_values:
        return
    for leading in ((), (2,), (5,), (2, 3), (2, 3, 5)):
        for h in (48, *data.draw(st.lists(st.integers(1, 40), min_size=3, max_size=3))):
            x = ("f16", (*leading, h))
            middle = applied(first, x)
            left = middle and applied(second, middle)
            # The rewrite merges leading dims where the fused op takes a matrix, and views the result.
            flat = x if fused[2] == "*B" or len(leading) <= 1 else (x[0], (math.prod(leading), h))
            right = applied(fused, flat)
            if left is None or right is None:
                continue
            assert left[0] == right[0]
            assert left[1][-1] == right[1][-1]
            assert math.prod(left[1]) == math.prod(right[1])


@given(ops(), ops(), st.sampled_from(("", "view? -> ")))
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_what_is_the_same_is_proven(proofs, first, second, view):
    """The fused op declared as the composition of the two; `T` of the second is the result dtype of the first."""
    assume(first[2] == second[2] == "*B")
    assume(first[0] != "1" or SIZES[second[0]](1) is not None)
    composed = second[0].replace("H", f"({first[0]})")
    dtype = first[1] if second[1] == "T" else second[1]
    text = declaration("a", *first) + declaration("b", *second) + declaration("c", composed, dtype, "*B")
    ((_, proof),) = proofs(f"{text}pattern p {{ a -> {view}b => c }}")
    assert not proof.disproofs
    assert not proof.open_values


# What must not pass: (declarations, pattern, what is said, sizes and both results where they differ)

NORM = "op norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H]) = lang::norm\n"
QUANT = "op quant(x: T[*B, H], g: int) -> (q: fp8[*B, H], scale: f32[*B, H / g]) = lang::quant\n"
WRONG = {
    "divisor": (
        QUANT + NORM + "op fused(x: T[M, H], weight: T[H], epsilon: float, g: int)\n"
        "  -> (q: fp8[M, H], scale: f32[M, H / 64]) = lang::fused\n",
        "norm -> quant => fused",
        ["`scale` is", "H/g", "H/64"],
        (lambda h, g: Fraction(h, g), lambda h, g: Fraction(h, 64), (128, 32)),
    ),
    "ceil for exact": (
        QUANT + "op relu2(x: T[*B, H]) -> (y: T[*B, H]) = lang::relu2\n"
        "op fused(x: T[M, H], g: int) -> (q: fp8[M, H], scale: f32[M, ceil(H / g)]) = lang::fused\n",
        "relu2 -> quant => fused",
        ["H/g", "ceil(H/g)"],
        (lambda h, g: Fraction(h, g), lambda h, g: math.ceil(Fraction(h, g)), (10, 4)),
    ),
    "dtype": (
        QUANT + "op relu2(x: T[*B, H]) -> (y: T[*B, H]) = lang::relu2\n"
        "op fused(x: T[*B, H], g: int) -> (q: f8e5m2[*B, H], scale: f32[*B, H / g]) = lang::fused\n",
        "relu2 -> quant => fused",
        ["`q` is fp8", "f8e5m2"],
        (lambda: "fp8", lambda: "f8e5m2", ()),
    ),
    "swapped dims": (
        "op outer(x: T[M], z: T[N]) -> (y: T[M, N]) = lang::outer\n"
        "op twice(x: T[M, N]) -> (y: T[M, N]) = lang::twice\n"
        "op fused(x: T[M], z: T[N]) -> (y: T[N, M]) = lang::fused\n",
        "y = twice(outer(x, z))\n=>\n y = fused(x, z)",
        ["`y` is [M, N]", "[N, M]"],
        (lambda m, n: (m, n), lambda m, n: (n, m), (2, 3)),
    ),
    "missing view": (
        "op twice(x: T[*B, H]) -> (y: T[*B, H]) = lang::twice\n"
        "op flat(x: T[*B, H]) -> (y: T[numel_of_b, H]) = lang::flat\n".replace("numel_of_b", "2 * H"),
        "y = twice(x)\n=>\n y = flat(x)",
        ["`y` is", "the right side makes [2*H, H]"],
        (lambda m, h: (m, h), lambda m, h: (2 * h, h), (3, 5)),
    ),
    "rank": (
        "op twice(x: T[*B, H]) -> (y: T[*B, H]) = lang::twice\n"
        "op more(x: T[*B, H]) -> (y: T[*B, H, 1]) = lang::more\n",
        "y = twice(x)\n=>\n y = more(x)",
        ["`y` is [B0, H]", "[B0, H, 1]"],
        (lambda m, h: 2, lambda m, h: 3, (3, 5)),
    ),
    "one input's dim for another's": (
        "op mix(x: T[M, H], w: T[K, N]) -> (y: T[M, N]) = lang::mix\n"
        "op twice(x: T[M, N]) -> (y: T[M, N]) = lang::twice\n"
        "op fused(x: T[M, H], w: T[K, N]) -> (y: T[M, H]) = lang::fused\n",
        "y = twice(mix(x, w))\n=>\n y = fused(x, w)",
        ["[M, N]", "[M, H]"],
        (lambda h, n: n, lambda h, n: h, (3, 5)),
    ),
    "a dtype variable for another": (
        "op mix(x: T[M, H], w: W[H]) -> (y: T[M, H]) = lang::mix\n"
        "op twice(x: T[M, N]) -> (y: T[M, N]) = lang::twice\n"
        "op fused(x: T[M, H], w: W[H]) -> (y: W[M, H]) = lang::fused\n",
        "y = twice(mix(x, w))\n=>\n y = fused(x, w)",
        ["`y` is"],
        (lambda t, w: t, lambda t, w: w, ("bf16", "f32")),
    ),
    "one of a set of dtypes": (
        "op twice(x: T[M, N]) -> (y: T[M, N]) = lang::twice\n"
        "op fused(x: {bf16, f16}[M, H]) -> (y: bf16[M, H]) = lang::fused\n",
        "y = twice(x)\n=>\n y = fused(x)",
        ["`y` is", "bf16"],
        (lambda t: t, lambda t: "bf16", ("f16",)),
    ),
    "a dim of the pattern that is called like one of an op": (
        "op mix(x: T[M, H], w: T[M, K]) -> (y: T[M, H]) = lang::mix\n"
        "op fused(x: T[M, N], w: T[M, K]) -> (y: T[M, K]) = lang::fused\n",
        "part, rest = split(z, [H, R], -1)\n y = mix(x, part)\n=>\n y = fused(x, part)",
        ["`y` is"],
        (lambda own, part: own, lambda own, part: part, (3, 5)),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_must_not_pass(proofs, errors, name):
    declared, body, said, (left, right, sizes) = WRONG[name]
    assert left(*sizes) != right(*sizes), "at these sizes the results do differ"
    text = f"{declared}pattern wrong {{\n {body}\n}}"
    ((pattern, proof),) = proofs(text)
    assert proof.disproofs
    sentence = disproof_text(pattern, proof.disproofs[0])
    for part in said:
        assert part in sentence
    assert [code for code, _ in errors(text)] == ["PAT401"]


def test_every_variant_is_proven_and_named(errors):
    text = (
        "op twice(x: T[*B, H]) -> (y: T[*B, H]) = lang::twice\n"
        "op half(x: T[*B, H]) -> (y: T[*B, H / 2]) = lang::half\n"
        "op fused(x: T[*B, H]) -> (y: T[*B, H]) = lang::fused\n"
        "pattern p { twice -> (twice | half) => fused }"
    )
    ((code, message),) = errors(text)
    assert code == "PAT401"
    assert "half" in message
    assert "H/2" in message


# What a match has checked before its result is typed

ONE = "op twice(x: T[*B, H]) -> (y: T[*B, H]) = lang::twice\n"


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        (
            "op outer(x: T[M], z: T[N]) -> (y: T[M, N]) = lang::outer\n"
            "op square(x: T[M], z: T[N]) -> (y: T[N, M]) = lang::square\n",
            "y = outer(x, z)\n=>\n y = square(x, z)\n where size(x, 0) == size(z, 0)",
        ),
        (
            "op outer(x: T[M], z: T[N]) -> (y: T[M, N]) = lang::outer\n"
            "op square(x: T[M], z: T[N]) -> (y: T[N, M]) = lang::square where M == N\n",
            "y = outer(x, z)\n=>\n y = square(x, z)",
        ),
        (
            ONE + "op fused(x: T[M, H]) -> (y: bf16[M, H]) = lang::fused\n",
            "y = twice(x)\n=>\n y = fused(x)\n where dtype(x) == bf16",
        ),
        (
            ONE + "op fused(x: T[M, H]) -> (y: bf16[M, H]) = lang::fused where T in {bf16}\n",
            "y = twice(x)\n=>\n y = fused(x)",
        ),
        (
            ONE + "op fused(x: T[A, M, H]) -> (y: T[A, M, H]) = lang::fused\n",
            "y = twice(x)\n=>\n y = fused(x)\n where rank(x) == 3",
        ),
        (
            ONE + "op fused(x: T[M, H]) -> (y: T[M, 64]) = lang::fused\n",
            "y = twice(x)\n=>\n y = fused(x)\n where rank(x) == 2 and size(x, -1) == 64",
        ),
        (
            ONE + "op fused(x: T[*B, H]) -> (y: T[*B, H]) = lang::fused where H % 16 == 0\n",
            "y = twice(x)\n=>\n y = fused(x)\n where numel(x) > 1 and not contiguous(x)",
        ),
    ],
)  # fmt: skip
def test_conditions_are_hypotheses(proofs, declared, body):
    ((_, proof),) = proofs(f"{declared}pattern p {{\n {body}\n}}")
    assert not proof.disproofs
    assert not proof.open_values
    bare = body.split("\n where")[0]
    if bare != body and "numel" not in body and "rank(x) == 3" not in body:
        ((_, proof),) = proofs(f"{declared}pattern p {{\n {bare}\n}}")
        assert proof.disproofs, "without the condition it must not pass"


@pytest.mark.parametrize(
    "condition",
    [
        "size(x, 0) != size(z, 0)",
        "not size(x, 0) == size(z, 0)",
        "size(x, 0) == size(z, 0) or rank(x) == 1",
        "size(x, 0) in {1, 2}",
        "size(x, 0) <= size(z, 0)",
        "size(x, 0) % size(z, 0) == 0",
        "dtype(x) == bf16",
    ],
)
def test_conditions_that_do_not_make_it_true(proofs, condition):
    text = (
        "op outer(x: T[M], z: T[N]) -> (y: T[M, N]) = lang::outer\n"
        "op square(x: T[M], z: T[N]) -> (y: T[N, M]) = lang::square\n"
        f"pattern p {{ y = outer(x, z)\n=>\n y = square(x, z)\n where {condition} }}"
    )
    ((_, proof),) = proofs(text)
    assert proof.disproofs


def test_a_rank_that_no_case_has_is_looked_at(proofs):
    text = (
        "op fused(x: T[*B, H]) -> (y: {}[*B, H]) = lang::fused\n"
        "pattern p {{ y = twice(x)\n=>\n y = fused(x)\n where rank(x) == 5 }}"
    )
    ((_, proof),) = proofs(ONE + text.format("T"))
    assert not proof.disproofs
    assert proof.possible
    ((_, proof),) = proofs(ONE + text.format("f32"))
    assert proof.disproofs


def test_a_condition_that_never_holds_proves_nothing(proofs):
    ((_, proof),) = proofs(
        ONE + "op fused(x: T[*B, H]) -> (y: T[*B, H]) = lang::fused\n"
        "pattern p { y = twice(x)\n=>\n y = fused(x)\n where rank(x) == 40 }"
    )
    assert not proof.possible
    assert proof.open_values == ("y",)


def test_a_broadcast_does_not_make_a_size_one(proofs):
    """`add` of two open shapes says nothing of them, so that what is wrong with another value is seen."""
    ((_, proof),) = proofs(
        ONE + "op fused(x: T[*B, H], z: T[*B, H]) -> (y: T[*B, H], t: T[*B, H * H]) = lang::fused\n"
        "pattern p { a = twice(x)\n s = add(a, z)\n t = add(a, x)\n y = twice(a)\n=>\n y, t = fused(x, z) }"
    )
    assert proof.disproofs[0].value == "t"
    assert "H^2" in proof.disproofs[0].reason


def test_what_the_declarations_leave_open(errors):
    found = errors(
        ONE + "op fused(x: T[*B, H], z: tensor) -> (y: T[*B, H]) = lang::fused\n"
        "pattern p { a = twice(x)\n y = add(a, z)\n=>\n y = fused(x, z) }"
    )
    assert [code for code, _ in found] == ["PAT402"]


def test_a_left_side_that_no_graph_has(errors):
    ((code, message),) = errors(
        "op a(x: f32[M, H]) -> (y: f32[M, H]) = lang::a\n"
        "op b(x: bf16[M, H]) -> (y: bf16[M, H]) = lang::b\n"
        "op c(x: f32[M, H]) -> (y: bf16[M, H]) = lang::c\n"
        "pattern p { a -> b => c }"
    )
    assert code == "PAT401"
    assert "can never fire" in message
    assert "f32" in message
    assert "bf16" in message


@pytest.mark.parametrize(
    "dims",
    [
        "H / 0",
        "H / (H - H)",
        "ceil(H / 0)",
        "ceil(H / (H - H))",
        " * ".join(f"(A{index} + C{index})" for index in range(40)),
        " * ".join(["9223372036854775807"] * 60),
        "H - H",
        "0",
        "-H",
    ],
    ids=lambda text: text[:20],
)
def test_odd_dims_end_in_a_finding_or_none_but_never_in_an_exception(errors, dims):
    free = (
        "".join(f", x{index}: T[A{index}], z{index}: T[C{index}]" for index in range(40))
        if "A0" in dims
        else ""
    )
    passed = "".join(f", x{index}, z{index}" for index in range(40)) if free else ""
    found = errors(
        f"op a(x: T[*B, H]{free}) -> (y: T[*B, {dims}]) = lang::a\n{ONE}"
        f"op c(x: T[*B, H]) -> (y: T[*B, H]) = lang::c\n"
        f"pattern p {{ y = twice(a(x{passed}))\n=>\n y = c(x) }}"
    )
    assert {code for code, _ in found} <= {"PAT401", "PAT402"}


@pytest.mark.parametrize("dims", ["M % 2", "rank(y)", "rank(x), Z", "M % 2, _", "M, rank(w)"])
@pytest.mark.parametrize("shape", ["shape(w)", "M % 2", "M", "[M % 2, _]"])
def test_views_to_what_is_no_size_end_in_a_finding(errors, dims, shape):
    found = errors(
        f"{ONE}pattern p(x: T[M, N]) {{\n y = twice(x)\n v = view(y, [{dims}])\n w = twice(v)\n"
        f"=>\n w = twice(view(x, {shape}))\n}}"
    )
    assert {code for code, _ in found} <= {"PAT307", "PAT401", "PAT402"}
