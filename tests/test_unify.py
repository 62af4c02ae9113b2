"""Declared types against actual ones, compared with trying every assignment."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patdsl.dtypes import Dtype
from patdsl.expr import Binary, EvaluationError, Func, Items, Lit, Ref, Scope, Star, Unary, evaluate, names_in
from patdsl.op_table import AnyTensor, Anything, DtypeOf, DtypeSet, DtypeVar, Plain, Tensor
from patdsl.unify import fit, unify_dims, unify_dtype, unify_type

NAMES = ("A", "G")
MOST = 12

dims = st.recursive(
    st.one_of(st.sampled_from(NAMES).map(Ref), st.integers(1, 4).map(Lit)),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda a, b: Func("ceil_div", (a, b)), inner, inner),
        st.builds(Unary, st.just("-"), inner),
    ),
    max_leaves=4,
)


def value(expr, names):
    try:
        return evaluate(expr, Scope(names))
    except EvaluationError:
        return None


@given(dims, st.integers(-6, 24), st.dictionaries(st.sampled_from(NAMES), st.integers(1, MOST), max_size=2))
@settings(max_examples=400)
def test_fit_agrees_with_trying_every_value(expr, actual, bound):
    """It fits only if the solved names reproduce the dim; where it does not, no value of the one open name would."""
    names = dict(bound)
    reason = fit(expr, actual, names, Scope(names))
    open_names = [name for name in names_in(expr) if name not in bound]
    if reason is None:
        assert set(names) == set(bound) | set(open_names)
        assert value(expr, names) == actual
        assert {name: names[name] for name in bound} == bound
        return
    assert names == bound, "what does not fit binds nothing"
    if "cannot solve" in reason and len(open_names) == 1 and not is_invertible(expr, open_names[0]):
        return
    if len(open_names) <= 1:
        for sizes in product(range(1, 100), repeat=len(open_names)):
            assert value(expr, {**bound, **dict(zip(open_names, sizes, strict=True))}) != actual


def is_invertible(expr, name):
    """Is the name there once, and under `+ - * /` alone?"""
    if isinstance(expr, Ref):
        return True
    if isinstance(expr, Unary):
        return is_invertible(expr.operand, name)
    if not isinstance(expr, Binary):
        return False
    sides = [side for side in (expr.left, expr.right) if name in names_in(side)]
    return len(sides) == 1 and is_invertible(sides[0], name)


simple = st.one_of(
    st.sampled_from(("A", "G", "H")).map(Ref),
    st.integers(1, 3).map(Lit),
    st.builds(
        lambda n, name: Binary("*", Lit(n), Ref(name)), st.integers(2, 3), st.sampled_from(("A", "G", "H"))
    ),
    st.builds(lambda a, b: Binary("/", Ref(a), Ref(b)), st.sampled_from("AH"), st.just("G")),
    st.builds(lambda a, b: Binary("+", Ref(a), Ref(b)), st.sampled_from("AH"), st.sampled_from("GH")),
    st.just(Star("B")),
    st.just(Anything()),
)
declared_dims = st.lists(simple, max_size=4).filter(
    lambda dims: sum(isinstance(dim, Star) for dim in dims) <= 1
)


def holds(declared, actual, names):
    flat = []
    for dim in declared:
        if isinstance(dim, Anything):
            flat.append(None)
        elif isinstance(dim, Star):
            flat.extend(names["B"])
        else:
            flat.append(value(dim, names))
    return len(flat) == len(actual) and all(
        isinstance(dim, Anything) or one == other
        for dim, one, other in zip(expanded(declared, names), flat, actual, strict=True)
    )


def expanded(declared, names):
    for dim in declared:
        yield from ([Lit(size) for size in names["B"]] if isinstance(dim, Star) else [dim])


@given(declared_dims, st.lists(st.integers(1, 4), max_size=4).map(tuple), st.data())
@settings(max_examples=400)
def test_dims_agree_with_trying_every_assignment(declared, actual, data):
    bound = data.draw(st.dictionaries(st.sampled_from("AGH"), st.integers(1, 4), max_size=2))
    names = dict(bound)
    reason = unify_dims(declared, actual, names, Scope(names))
    if reason is None:
        assert holds(declared, actual, {"B": (), **names})
        return
    if "cannot solve" in reason:
        return
    count = len(actual) - sum(not isinstance(dim, Star) for dim in declared)
    at = next((index for index, dim in enumerate(declared) if isinstance(dim, Star)), 0)
    if count < 0 or (count > 0 and not any(isinstance(dim, Star) for dim in declared)):
        return
    star = actual[at : at + count]
    for sizes in product(range(1, 17), repeat=3):
        tried = {**dict(zip("AGH", sizes, strict=True)), **bound, "B": star}
        assert not holds(declared, actual, tried), tried


@given(
    declared_dims,
    st.fixed_dictionaries({name: st.integers(1, 6) for name in "AGH"}),
    st.lists(st.integers(1, 5), max_size=2),
)
def test_dims_made_from_names_give_the_names_back(declared, names, star):
    """Whatever is declared fits a tensor that was made by it."""
    actual = []
    for dim in declared:
        if isinstance(dim, Star):
            actual.extend(star)
        else:
            actual.append(7 if isinstance(dim, Anything) else value(dim, names))
    assume(None not in actual)
    found = {}
    reason = unify_dims(declared, actual, found, Scope(found))
    if reason is not None:
        assert "cannot solve" in reason
        return
    for name, size in found.items():
        assert (tuple(star) if name == "B" else names[name]) == size


def test_the_order_of_the_dims_does_not_matter_for_what_can_be_solved():
    for declared in (
        [Ref("A"), Binary("/", Ref("H"), Ref("A"))],
        [Binary("/", Ref("H"), Ref("A")), Ref("A")],
    ):
        names = {"H": 12}
        actual = (3, 4) if declared[0] == Ref("A") else (4, 3)
        assert unify_dims(declared, actual, names, Scope(names)) is None
        assert names == {"H": 12, "A": 3}


@pytest.mark.parametrize(
    ("declared", "actual", "bound", "reason"),
    [
        ([Ref("M"), Ref("H")], (3,), {}, "rank 1, declared rank 2"),
        ([Star("B"), Ref("H")], (), {}, "rank 0, declared rank at least 1"),
        ([Ref("M"), Ref("M")], (3, 4), {}, "4, expected 3"),
        ([Star("B")], (3, 4), {"B": (3, 5)}, r"dims \[3, 4\], where \*B is \[3, 5\]"),
        ([Star("B")], (3,), {"B": (3, 5)}, r"dims \[3\], where \*B is \[3, 5\]"),
        ([Binary("/", Ref("H"), Ref("G"))], (3,), {"H": 10, "G": 4}, "10 is not divisible by 4"),
        ([Binary("/", Ref("H"), Ref("G"))], (3,), {"H": 10}, "cannot solve for G"),
        ([Binary("/", Ref("H"), Ref("G"))], (3,), {}, "cannot solve for H and G"),
        ([Binary("*", Lit(2), Ref("D"))], (9,), {}, "cannot solve for D"),
        ([Binary("*", Lit(0), Ref("D"))], (0,), {}, "cannot solve for D"),
        ([Binary("/", Ref("H"), Lit(0))], (3,), {"H": 10}, "10 / 0"),
        ([Func("ceil_div", (Ref("H"), Lit(2)))], (3,), {}, "cannot solve for H"),
        ([Func("ceil_div", (Ref("H"), Lit(2)))], (3,), {"H": 8}, "3, expected 4"),
    ],
)
def test_reasons(declared, actual, bound, reason):
    names = dict(bound)
    with pytest.raises(AssertionError, match=reason):
        assert unify_dims(declared, actual, names, Scope(names)) is None


BF16, F16, F32 = Dtype("bf16"), Dtype("f16"), Dtype("f32")


@pytest.mark.parametrize(
    ("declared", "actual", "bound", "after"),
    [
        (BF16, BF16, {}, {}),
        (BF16, F16, {}, None),
        (DtypeVar("T"), F16, {}, {"T": F16}),
        (DtypeVar("T"), F16, {"T": F16}, {"T": F16}),
        (DtypeVar("T"), F16, {"T": BF16}, None),
        (DtypeOf("to_dtype"), F32, {"to_dtype": F32}, {"to_dtype": F32}),
        (DtypeOf("to_dtype"), F32, {"to_dtype": F16}, None),
        (DtypeSet((BF16, F16)), F16, {}, {}),
        (DtypeSet((BF16, F16)), F32, {}, None),
    ],
)
def test_dtypes(declared, actual, bound, after):
    names = dict(bound)
    reason = unify_dtype(declared, actual, names)
    assert (reason is None) == (after is not None)
    assert names == (bound if after is None else after)


def test_types():
    names = {}
    assert unify_type(AnyTensor(), BF16, (1, 2), names, Scope(names)) is None
    assert not names
    assert "tensor where int" in unify_type(Plain("int"), BF16, (1, 2), names, Scope(names))
    declared = Tensor(DtypeVar("T"), (Star("B"), Ref("H")))
    assert unify_type(declared, BF16, (2, 3, 4), names, Scope(names)) is None
    assert names == {"T": BF16, "B": (2, 3), "H": 4}
    assert evaluate(Items(declared.dims), Scope(names)) == (2, 3, 4)
    assert "f16" in unify_type(declared, F16, (2, 3, 4), names, Scope(names))
    assert unify_type(declared, None, None, names, Scope(names)) is None
