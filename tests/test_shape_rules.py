"""Shape rules against torch: for random arguments, the types that a rule gives are those that torch's own op makes."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patdsl.compiler.shape_rules import RULES, input_type, rule_types
from patdsl.compiler.symbolic import Facts, Poly
from patdsl.dtypes import FROM_TORCH, TORCH_NAMES
from patdsl.match.found import TensorMeta

DTYPES = ("bf16", "f16", "f32", "f64", "i8", "i32", "i64", "u8", "bool")
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
KNOWN = Facts(assuming=False).decided


def tensor(shape, dtype="f32"):
    return torch.ones(shape, dtype=getattr(torch, TORCH_NAMES[dtype]))


def meta(value):
    return TensorMeta(FROM_TORCH[str(value.dtype).removeprefix("torch.")], tuple(value.shape), None, "")


def check(op, args, made):
    """`args` with tensors in them; the rule sees their types only. An open type is no error, another one is."""
    typed = {
        name: meta(value)
        if isinstance(value, torch.Tensor)
        else tuple(map(meta, value))
        if isinstance(value, tuple) and value and isinstance(value[0], torch.Tensor)
        else value
        for name, value in args.items()
    }
    ruled = rule_types(op, typed, lambda a, b: a == b)
    assert ruled is not None, "the rule has no answer"
    assert ruled == [meta(each) for each in made]


@given(shapes, st.data())
def test_split(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = []
    while sum(sizes) < shape[dim]:
        sizes.append(data.draw(st.integers(1, shape[dim] - sum(sizes))))
    x = tensor(shape)
    check("split", {"x": x, "sizes": tuple(sizes), "dim": dim}, torch.split(x, sizes, dim))


@given(shapes, st.integers(1, 6), st.data())
def test_chunk(shape, chunks, data):
    """Also where it does not come out even: the last is smaller, or there are fewer."""
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = tensor(shape)
    check("chunk", {"x": x, "chunks": chunks, "dim": dim}, torch.chunk(x, chunks, dim))


@given(shapes, st.data())
def test_slice(shape, data):
    """Start and end as Python and torch take them: negative, beyond, crossed, the largest index."""
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    bound = st.one_of(st.integers(-7, 7), st.just(2**63 - 1))
    start, end = data.draw(st.integers(-7, 7)), data.draw(bound)
    x = tensor(shape)
    check(
        "slice",
        {"x": x, "dim": dim, "start": start, "end": end},
        [torch.ops.aten.slice.Tensor(x, dim, start, end)],
    )


@given(shapes, st.data())
def test_unsqueeze(shape, data):
    dim = data.draw(st.integers(-len(shape) - 1, len(shape)))
    x = tensor(shape)
    check("unsqueeze", {"x": x, "dim": dim}, [x.unsqueeze(dim)])


@given(shapes, st.data())
def test_squeeze(shape, data):
    """A dim that is not 1 stays."""
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = tensor(shape)
    check("squeeze", {"x": x, "dim": dim}, [x.squeeze(dim)])


@given(shapes, st.data())
def test_permute(shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    dims = tuple(dim - len(shape) * data.draw(st.booleans()) for dim in order)
    x = tensor(shape)
    check("permute", {"x": x, "dims": dims}, [x.permute(dims)])


@given(shapes, st.lists(st.integers(1, 3), max_size=2), st.data())
def test_expand(shape, lead, data):
    """-1 keeps a size; more dims come in front."""
    kept = tuple(data.draw(st.sampled_from((-1, size, *([3] if size == 1 else [])))) for size in shape)
    x = tensor(shape)
    dims = (*lead, *kept)
    check("expand", {"x": x, "dims": dims}, [x.expand(dims)])


@given(st.sampled_from(("add", "sub", "mul", "div")), shapes, st.data())
@settings(max_examples=300)
def test_broadcast_and_promotion(op, shape, data):
    other = tuple(
        data.draw(st.sampled_from((size, 1))) for size in shape[data.draw(st.integers(0, len(shape))) :]
    )
    first = tuple(data.draw(st.sampled_from((size, 1))) for size in shape)
    a = tensor(first, data.draw(st.sampled_from(DTYPES)))
    b = tensor(other, data.draw(st.sampled_from(DTYPES)))
    assume(op != "sub" or torch.bool not in (a.dtype, b.dtype))
    if data.draw(st.booleans()):
        a, b = b, a
    check(op, {"x": a, "other": b}, [getattr(torch, op)(a, b)])


@given(
    st.sampled_from(("add", "sub", "mul", "div")),
    shapes,
    st.sampled_from(DTYPES),
    st.sampled_from((2, 2.5, True)),
    st.booleans(),
)
def test_broadcast_with_a_number(op, shape, dtype, other, swapped):
    a = tensor(shape, dtype)
    assume(op != "sub" or (a.dtype is not torch.bool and other is not True))
    if swapped:
        check(
            op,
            {"x": other, "other": a},
            [getattr(torch, op)(torch.tensor(other), a)]
            if op == "div"
            else [{"add": lambda: other + a, "sub": lambda: other - a, "mul": lambda: other * a}[op]()],
        )
    else:
        check(op, {"x": a, "other": other}, [getattr(torch, op)(a, other)])


@given(shapes, st.sampled_from(DTYPES), st.sampled_from((2, 2.0, 0.5, 3)))
def test_pow(shape, dtype, exponent):
    x = tensor(shape, dtype)
    check("pow", {"x": x, "exponent": exponent}, [torch.pow(x, exponent)])


@given(st.sampled_from(("mean", "amax")), shapes, st.booleans(), st.data())
def test_reductions(op, shape, keepdim, data):
    dims = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True))
    dims = tuple(dim - len(shape) * data.draw(st.booleans()) for dim in dims)
    x = tensor(shape)
    made = x.mean(dims, keepdim) if op == "mean" else x.amax(dims, keepdim)
    check(op, {"x": x, "dims": dims, "keepdim": keepdim}, [made])


@given(shapes, st.booleans(), st.sampled_from(DTYPES), st.data())
def test_max(shape, keepdim, dtype, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = tensor(shape, dtype)
    check("max", {"x": x, "dim": dim, "keepdim": keepdim}, list(x.max(dim, keepdim)))


@given(shapes, st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_cat(shape, sizes, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    at = dim % len(shape)
    tensors = tuple(
        tensor((*shape[:at], size, *shape[at + 1 :]), data.draw(st.sampled_from(DTYPES))) for size in sizes
    )
    check("cat", {"tensors": tensors, "dim": dim}, [torch.cat(tensors, dim)])


@given(shapes, st.lists(st.integers(1, 3), max_size=2), st.sampled_from(("i64", "i32")))
def test_index(shape, count, dtype):
    x, at = tensor(shape), torch.zeros(count, dtype=getattr(torch, TORCH_NAMES[dtype]))
    check("index", {"x": x, "indices": (at,)}, [x[at]])


@given(shapes, st.data())
def test_index_by_a_mask_is_open(shape, data):
    """How many elements a mask takes is in no type."""
    x = tensor(shape)
    mask = torch.ones(shape[: data.draw(st.integers(1, len(shape)))], dtype=torch.bool)
    ruled = rule_types("index", {"x": meta(x), "indices": (meta(mask),)}, lambda a, b: a == b)
    assert ruled in (None, [None])


@given(shapes, st.data())
def test_pad(shape, data):
    pads = tuple(
        data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=2))
        for _ in range(data.draw(st.integers(0, len(shape))))
    )
    flat = tuple(pad for pair in pads for pad in pair)
    x = tensor(shape)
    check("pad", {"x": x, "pads": flat, "value": None}, [torch.ops.aten.constant_pad_nd(x, list(flat), 0)])


@given(shapes, st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_bitcast(shape, before, after):
    """The last dim changes with the width; where that is not known the type is left open."""
    x = tensor(shape, before)
    try:
        made = x.view(getattr(torch, TORCH_NAMES[after]))
    except RuntimeError:
        return
    ruled = rule_types("bitcast", {"x": meta(x), "to_dtype": meta(made).dtype}, lambda a, b: a == b)
    assert ruled in ([None], [meta(made)])


def test_every_rule_is_tried():
    tried = "split chunk slice unsqueeze squeeze permute expand add sub mul div pow mean amax max cat index pad bitcast"
    assert set(RULES) == set(tried.split())


# Sizes that are left open

A, B, H, ONE = Poly.var("A"), Poly.var("B"), Poly.var("H"), 1
F32 = FROM_TORCH["float32"]


def open_meta(*dims):
    return TensorMeta(F32, dims, None, "")


def test_broadcasting_of_open_sizes_guesses_nothing():
    """A size that could be 1 makes the result open; no size is taken to be 1."""
    for one, other, wanted in [
        ((A, H), (A, H), (A, H)),
        ((A, H), (H,), (A, H)),
        ((A, H), (1,), (A, H)),
        ((A, 1), (1, H), (A, H)),
        ((A, H), (B, H), None),
        ((A,), (3,), None),
    ]:
        facts = Facts()
        ruled = rule_types(
            "add",
            {"x": open_meta(*one), "other": open_meta(*other)},
            lambda a, b, facts=facts: facts.decided(a == b),
        )
        assert not facts.equal
        if wanted is None:
            assert ruled == [None]
        else:
            (made,) = ruled
            assert len(made.dims) == len(wanted)
            assert all(KNOWN(a == b) is True for a, b in zip(made.dims, wanted, strict=True))


def same_open(a, b):
    return KNOWN(a == b)


@pytest.mark.parametrize(
    ("op", "args", "wanted"),
    [
        ("split", {"x": open_meta(A, H), "sizes": (B, H - B), "dim": -1}, [(A, B), (A, H - B)]),
        ("chunk", {"x": open_meta(A, H * 2), "chunks": 2, "dim": 1}, [(A, H), (A, H)]),
        ("slice", {"x": open_meta(A, H * 2), "dim": -1, "start": 0, "end": H}, [(A, H)]),
        ("slice", {"x": open_meta(A, H * 2), "dim": -1, "start": H, "end": H * 2}, [(A, H)]),
        ("slice", {"x": open_meta(A, H), "dim": -1, "start": 0, "end": B}, [(A, B)]),
        ("slice", {"x": open_meta(A, H), "dim": -1, "start": 0, "end": 2**63 - 1}, [(A, H)]),
        ("slice", {"x": open_meta(A, H), "dim": -1, "start": -3, "end": H}, None),
        ("squeeze", {"x": open_meta(A, 1), "dim": -1}, [(A,)]),
        ("squeeze", {"x": open_meta(A, H), "dim": -1}, None),
        ("expand", {"x": open_meta(A, 1), "dims": (-1, H)}, [(A, H)]),
        ("expand", {"x": open_meta(A, 1), "dims": (B, -1, H)}, [(B, A, H)]),
        ("pad", {"x": open_meta(A, H), "pads": (0, B - H), "value": None}, [(A, B)]),
    ],
)
def test_open_sizes(op, args, wanted):
    ruled = rule_types(op, args, same_open)
    if wanted is None:
        assert ruled is None or None in ruled
        return
    assert [len(each.dims) for each in ruled] == [len(dims) for dims in wanted]
    for each, dims in zip(ruled, wanted, strict=True):
        assert all(KNOWN(a == b) is True for a, b in zip(each.dims, dims, strict=True)), each


# Types of inputs that an argument determines


@given(shapes, st.data())
def test_the_input_of_a_split(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    found = input_type("split", "x", meta(tensor(shape)), {"sizes": sizes, "dim": dim})
    parts = torch.split(tensor(found.dims), sizes, dim)
    assert [part.shape[dim] for part in parts] == list(sizes)


@given(shapes, st.data())
def test_the_source_of_a_slice_scatter(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    start = data.draw(st.integers(0, shape[dim] - 1))
    end = data.draw(st.integers(start + 1, shape[dim]))
    x = tensor(shape)
    found = input_type("slice_scatter", "src", None, {"x": meta(x), "dim": dim, "start": start, "end": end})
    made = torch.slice_scatter(x, torch.zeros(found.dims), dim, start, end)
    assert made.shape == x.shape


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("index", {"x": open_meta(A, H), "indices": (open_meta(B), open_meta(B))}),
        ("chunk", {"x": open_meta(A, H), "chunks": 0, "dim": 0}),
        ("chunk", {"x": open_meta(A, H), "chunks": 10**15, "dim": 0}),
        ("chunk", {"x": open_meta(6, 4), "chunks": -1, "dim": 0}),
        ("split", {"x": open_meta(A, H), "sizes": (A,), "dim": 2}),
        ("split", {"x": open_meta(), "sizes": (A,), "dim": 0}),
        ("squeeze", {"x": open_meta(), "dim": 0}),
        ("unsqueeze", {"x": open_meta(A), "dim": 2}),
        ("permute", {"x": open_meta(A, H), "dims": (0, 0)}),
        ("permute", {"x": open_meta(A, H), "dims": (0,)}),
        ("expand", {"x": open_meta(A, H), "dims": (4,)}),
        ("mean", {"x": open_meta(A, H), "dims": (2,), "keepdim": True}),
        ("mean", {"x": open_meta(A, H), "dims": (1,), "keepdim": H}),
        ("cat", {"tensors": (), "dim": 0}),
        ("pad", {"x": open_meta(A), "pads": (1, 1, 1, 1)}),
        ("add", {"x": 1, "other": 2}),
    ],
)
def test_what_torch_would_refuse_has_no_type(op, args):
    """And ends in no exception, however odd."""
    assert rule_types(op, args, same_open) in (None, [None], [])


def test_unknown_arguments_leave_the_type_open():
    for op, dim in product(RULES, (None, "x", 1.5)):
        assert rule_types(op, {"x": None, "dim": dim}, same_open) in (None, [None])
    assert rule_types("no_such_op", {}, same_open) is None
    assert input_type("split", "x", None, {}) is None
