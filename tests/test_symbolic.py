"""Polynomials against integers, and what `Facts` knows against every assignment that satisfies what it was told."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patdsl.compiler.symbolic import MOST_TERMS, Condition, DtypeVariable, Facts, Poly, product
from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN, Binary, EvaluationError, Func, Lit, Ref, Scope, Unary, evaluate

NAMES = ("A", "B", "G", "H")
VARS = {name: Poly.var(name) for name in NAMES}
sizes = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})

leaves = st.one_of(st.sampled_from(NAMES).map(Ref), st.integers(1, 6).map(Lit))
sums = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from("+-*"), inner, inner), st.builds(Unary, st.just("-"), inner)
    ),
    max_leaves=6,
)
dims = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda a, b: Func("ceil_div", (a, b)), inner, inner),
    ),
    max_leaves=6,
)


def poly(expr, facts=None):
    value = evaluate(expr, Scope(VARS, known=(facts or Facts()).decided))
    if value is UNKNOWN:
        raise EvaluationError("a division by zero")
    return Poly.of(value)


def number(expr, names):
    """The value at these sizes; EvaluationError where a division is not exact."""
    return evaluate(expr, Scope(names))


def value_of(made, names):
    """A polynomial without `ceil` at these sizes, term by term."""
    total = Fraction(0)
    for monomial, coefficient in made.terms.items():
        for name, power in monomial:
            coefficient *= Fraction(names[name]) ** power
        total += coefficient
    return total


@given(sums, sizes)
def test_sums_and_products_are_those_of_integers(expr, names):
    assert value_of(poly(expr), names) == number(expr, names)


@given(sums, sums)
def test_equal_polynomials_have_one_form(one, other):
    """Equal on a grid that is finer than the degree: equal polynomials, so equal terms. And the other way round."""
    grid = [
        dict(zip(NAMES, at, strict=True))
        for at in ((1, 1, 1, 1), (2, 3, 5, 7), (11, 13, 17, 19), (23, 31, 29, 41))
    ]
    grid += [{name: 10**9 + 7 * index**5 for index, name in enumerate(NAMES, start)} for start in (1, 2, 3)]
    same = poly(one).terms == poly(other).terms
    if same:
        assert all(number(one, at) == number(other, at) for at in grid)
    else:
        assert any(number(one, at) != number(other, at) for at in grid)


@given(dims, sizes)
def test_exact_quotients(expr, names):
    try:
        wanted = number(expr, names)
    except EvaluationError:
        return
    made = poly(expr)
    assume(all(name in NAMES for monomial in made.terms for name, _ in monomial))
    assert value_of(made, names) == wanted


@given(sums, sums)
def test_a_product_divided_by_a_factor_is_the_other(one, other):
    a, b = poly(one), poly(other)
    assume(a.terms and len(b.terms) == 1)
    assert (a * b // b).terms == a.terms


@given(st.integers(1, 6), st.sampled_from(NAMES), sums)
def test_a_multiple_of_a_sum_divided_by_it(count, name, other):
    divisor = poly(other)
    assume(divisor.terms)
    assert (VARS[name] * count * divisor // divisor).terms == (VARS[name] * count).terms


@given(st.integers(-20, 20), st.integers(1, 7))
def test_ceil_of_numbers(dividend, divisor):
    made = Poly.of(dividend).ceil_div(divisor)
    assert made.constant == ceil(Fraction(dividend, divisor)) or str(made).startswith(("ceil", "-ceil"))


@given(dims, dims, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), sizes)
@settings(max_examples=400)
def test_what_is_known_without_facts_holds_at_all_sizes(one, other, op, names):
    """Where every division comes out and every dim is positive."""
    try:
        left, right = number(one, names), number(other, names)
        assume(all(number(part, names) > 0 for each in (one, other) for part in parts(each)))
        condition = Binary(op, one, other)
        held = evaluate(condition, Scope(VARS, known=Facts().decided))
    except EvaluationError:
        return
    assert held is UNKNOWN or held == evaluate(Binary(op, Lit(left), Lit(right)), Scope({}))


def parts(expr):
    yield expr
    if isinstance(expr, Binary):
        yield from parts(expr.left)
        yield from parts(expr.right)
    elif isinstance(expr, Func):
        for arg in expr.args:
            yield from parts(arg)


equalities = st.lists(st.tuples(dims, dims), min_size=1, max_size=3)
small = st.fixed_dictionaries({name: st.integers(1, 6) for name in NAMES})


@given(equalities)
def test_what_is_assumed_is_known(pairs):
    facts = Facts()
    taken = []
    for one, other in pairs:
        try:
            condition = poly(one) == poly(other)
        except EvaluationError:
            return
        if facts.known(condition) is True:
            taken.append(condition)
    facts.assuming = False
    for condition in taken[-1:]:
        assert facts.known(condition) is True


@given(equalities, dims, dims, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), st.data())
@settings(max_examples=500)
def test_what_is_known_holds_wherever_the_assumed_facts_do(pairs, one, other, op, data):
    """Look for sizes that satisfy the assumptions and contradict an answer."""
    facts = Facts()
    try:
        for left, right in pairs:
            assume(facts.known(poly(left) == poly(right)) is not False)
        facts.assuming = False
        condition = Binary(op, one, other)
        held = evaluate(condition, Scope(VARS, known=facts.known))
    except EvaluationError:
        return
    if held is UNKNOWN:
        return
    for names in every_size(4):
        try:
            if not all(number(a, names) == number(b, names) for a, b in pairs):
                continue
            if not all(
                number(part, names) > 0
                for pair in (*pairs, (one, other))
                for each in pair
                for part in parts(each)
            ):
                continue
            assert held == evaluate(condition, Scope(names)), names
        except EvaluationError:
            continue


def every_size(most):
    from itertools import product as all_of

    for choice in all_of(range(1, most + 1), repeat=len(NAMES)):
        yield dict(zip(NAMES, choice, strict=True))


A, B, G, H = VARS.values()


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (H // G * G == H, True),
        ((H // G).ceil_div(1) == H // G, UNKNOWN),
        (H.ceil_div(G) == H // G, UNKNOWN),
        ((A * B).ceil_div(B) == A, True),
        (A.ceil_div(A + B) == 1, True),
        (A.ceil_div(2 * A) == 1, True),
        (H * 0 == 0, True),
        (H > 0, True),
        (H >= 1, UNKNOWN),
        (H == 0, False),
        (A + B > A, True),
        (A - B == 0, UNKNOWN),
        (A + B == A, False),
        (A // (A + B) > 0, True),
        (A // (A - B) > 0, UNKNOWN),
        ((A - B).ceil_div(G) > 0, UNKNOWN),
        ((0 - A).ceil_div(B) == 1, UNKNOWN),
        (H % 16 == 0, True),
        (H % 16 != 0, UNKNOWN),
        (H % 16 == 4, UNKNOWN),
        (H % 16 > 4, UNKNOWN),
        (Poly.of(7) % 2 == 0, False),
        (Poly.of(8) % 2 == 0, True),
        (5 - A < 5, True),
    ],
)
def test_single_conditions(condition, wanted):
    assert Facts(assuming=False).known(condition) is wanted


def test_an_open_condition_has_no_truth_value():
    for condition in (A == B, A != B, A < B, A % B == 0):
        with pytest.raises(TypeError):
            bool(condition)
    with pytest.raises(TypeError):
        min(A, B)
    assert evaluate(Func("min", (Ref("A"), Ref("B"))), Scope(VARS, known=Facts().decided)) is UNKNOWN
    assert evaluate(Func("max", (Ref("A"), Lit(-1))), Scope(VARS, known=Facts().decided)) is A


@pytest.mark.parametrize(
    "make", [lambda: A // 0, lambda: A // (B - B), lambda: A.ceil_div(0), lambda: 1 // (A - A)]
)
def test_division_by_zero(make):
    with pytest.raises(ZeroDivisionError):
        make()


@pytest.mark.parametrize("other", ["1", None, "x", (1,)])
def test_only_numbers_take_part(other):
    with pytest.raises(TypeError):
        A + other


def test_a_long_product_is_not_multiplied_out():
    """2^40 terms otherwise: a hostile declaration must not stop the compiler."""
    names = [Poly.var(f"V{index}") for index in range(80)]
    pairs = [names[index] + names[index + 1] for index in range(0, 80, 2)]
    one, again = product(pairs), product(pairs)
    assert len(one.terms) <= MOST_TERMS
    facts = Facts(assuming=False)
    assert facts.known(one == again) is True
    assert facts.known(one > 0) is True
    assert facts.known(one == one * 2) is False
    assert facts.known(product([*pairs, A - B]) > 0) is UNKNOWN


def test_huge_coefficients_stay_printable():
    one = A
    for _ in range(40):
        one = one * 10**400
    assert len(str(one)) < 5000


def test_text():
    texts = {
        "A": A,
        "2*A + 3": 2 * A + 3,
        "-A": -A,
        "A/G": A // G,
        "A*B/2": A * B // 2,
        "A^2": A * A,
        "0": A - A,
        "1/A": 1 // A,
    }
    assert {text: str(made) for text, made in texts.items()} == {text: text for text in texts}
    assert str((A - B).ceil_div(G)) == "ceil(A/G - B/G)"


def test_assumed_equalities_carry_over():
    facts = Facts()
    assert facts.known(A == B) is True
    assert facts.known(B == G) is True
    facts.assuming = False
    assert facts.known(A == G) is True
    assert facts.known(A * H == G * H) is True
    assert facts.known(A == H) is UNKNOWN
    assert facts.known(A == G + 1) is False


def test_deciding_assumes_nothing():
    facts = Facts()
    assert facts.decided(A == 1) is UNKNOWN
    assert facts.decided(A == 1) is UNKNOWN
    assert not facts.equal
    assert facts.known(Condition("!=", A - B)) is UNKNOWN
    assert not facts.equal


def test_facts_that_contradict_each_other_do_no_harm():
    facts = Facts()
    facts.known(A == B - G)
    facts.known(B == G)
    assert facts.known(H // A == H) in (True, False, UNKNOWN)


BF16, F16, F32 = Dtype("bf16"), Dtype("f16"), Dtype("f32")


def variables(*names):
    facts = Facts()
    return facts, *(DtypeVariable(name, facts) for name in names)


def test_dtype_variables_unite():
    facts, t, w, v = variables("T", "W", "V")
    assert t == w
    assert w == v
    assert v == BF16
    assert t == BF16
    assert t != F32
    assert str(t) == "bf16"
    facts.assuming = False
    assert w == BF16
    assert t == BF16


def test_dtype_variables_that_nothing_unites_differ():
    facts, t, w = variables("T", "W")
    facts.assuming = False
    assert t != w
    assert t == t
    assert t != BF16


def test_a_cycle_of_dtype_variables_ends():
    facts, t, w = variables("T", "W")
    assert t == w
    assert w == t
    assert facts.dtype(t).name == facts.dtype(w).name


def test_a_set_of_dtypes_is_not_a_choice():
    facts, t = variables("T")
    assert t.among((BF16, F16))
    facts.assuming = False
    assert t != BF16
    assert t.among((BF16, F16, F32))
    assert not t.among((BF16,))


def test_sets_of_dtypes_meet():
    _facts, t, w = variables("T", "W")
    assert t.among((BF16, F16))
    assert not t.among((F32,))
    assert t.among((F16, F32))
    assert t == F16
    assert w.among((F16, BF16))
    assert w != F32
    assert w == BF16
    assert BF16.among((BF16, F16))
    assert not F32.among((BF16, F16))


def test_among_another_unknown_dtype():
    facts, t, w = variables("T", "W")
    assert w.among((t, F32))  # it may be T: nothing is learnt
    assert not facts.options
    facts.assuming = False
    assert not w.among((t, F32))
    assert w.among((w, F32))


def test_united_variables_share_their_sets():
    facts, t, w = variables("T", "W")
    assert t.among((BF16, F16))
    assert w.among((F16, F32))
    assert t == w
    facts.assuming = False
    assert t == F16
    assert w == F16
    _, t, w = variables("T", "W")
    assert t.among((BF16,))
    assert w.among((F32,))
    assert t != w
