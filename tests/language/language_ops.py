"""Small torch ops for the golden files, `torch.ops.lang.*`: plain arithmetic, exact in float32, with fakes."""

from __future__ import annotations

import torch
from torch import Tensor

import patdsl.reference

lib = torch.library.Library("lang", "DEF")


def define(schema, function, fake=None):
    """`fake`: the shapes; for a function without data-dependent parts it is the function itself."""
    name = schema.split("(")[0]
    lib.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    lib.impl(name, function, "CompositeExplicitAutograd")
    lib._register_fake(name, fake or function)


def norm_twice(x, weight, epsilon):
    return patdsl.reference.rms_norm(x, weight, epsilon) * 2


def halve(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x[..., :half] + x[..., half:]


def blocks(x, size):
    count = -(-x.shape[-1] // size)
    padded = torch.nn.functional.pad(x, (0, count * size - x.shape[-1]))
    return padded.reshape(*x.shape[:-1], count, size).sum(-1)


def affine(x, shift, scale=1.0, relu=False, mode="plain"):
    y = x * scale if shift is None else x * scale + shift
    y = y.relu() if relu else y
    return y + 1 if mode == "fast" else y


def matrix(function):
    def of_a_matrix(x):
        assert x.dim() == 2, "the kernel takes a matrix"
        return function(x)

    return of_a_matrix


define("twice(Tensor x) -> Tensor", lambda x: x * 2)
define("plus_one(Tensor x) -> Tensor", lambda x: x + 1)
define("twice_plus_one(Tensor x) -> Tensor", lambda x: x * 2 + 1)
define("matrix_twice_plus_one(Tensor x) -> Tensor", matrix(lambda x: x * 2 + 1))
define("norm_twice(Tensor x, Tensor weight, float epsilon) -> Tensor", norm_twice)
define("mul_twice(Tensor x, Tensor weight) -> Tensor", lambda x, weight: x * weight * 2)
define("join(Tensor x, Tensor other) -> Tensor", lambda x, other: torch.cat([x, other], -1))
define("halve(Tensor x) -> Tensor", halve)
define("shorten(Tensor x) -> Tensor", lambda x: x[..., 1:].clone())
define("blocks(Tensor x, int size) -> Tensor", blocks)
define("halve_blocks(Tensor x, int size) -> Tensor", lambda x, size: blocks(halve(x), size))
define(
    "join_shorten(Tensor x, Tensor other) -> Tensor",
    lambda x, other: torch.cat([x, other], -1)[..., 1:].clone(),
)
_AFFINE = 'Tensor x, Tensor? shift, float scale=1.0, bool relu=False, str mode="plain"'
define(f"affine({_AFFINE}) -> Tensor", affine)
define(
    "affine_twice(Tensor x, Tensor? shift, float scale) -> Tensor",
    lambda x, shift, scale: affine(x, shift, scale) * 2,
)
define(
    "repeat(Tensor x, int times, ScalarType to_dtype) -> Tensor",
    lambda x, times, to_dtype: (x * times).to(to_dtype),
)
define("fixed(Tensor x, Tensor? shift) -> Tensor", lambda x, shift: affine(x, shift, 2.0, True, "fast") * 3)


def register(schema, function, fake=None):
    """Ops that write: the fake does nothing unless given."""
    define(schema, function, fake or (lambda *args, **named: None))


def affine_reordered(shift, x, *, scale, mode):
    return x - scale, affine(x, None, scale, False, mode) + shift


def twice_out(out, x):
    out.copy_(x * 2)


def twice_plus_one_out(out, x):
    out.copy_(x * 2 + 1)


def twice_plus_one_scratch(out, x, scratch):
    assert scratch.dtype == torch.float32
    assert scratch.shape == (x.shape[0], -(-x.shape[1] // 4))
    scratch.fill_(7.0)
    out.copy_(x * 2 + 1)


def add_twice_(x, residual):
    residual.add_(x)
    x.copy_(residual * 2)


def add_twice_plus_one_(x, residual):
    residual.add_(x)
    x.copy_(residual * 2 + 1)


def negate_(x):
    x.neg_()


def twice_or_store(x, store):
    assert not store
    return x * 2


define("mul(Tensor x, Tensor s) -> Tensor", lambda x, s: x * s)
define("twice_sum_plus_one(Tensor x, Tensor other) -> Tensor", lambda x, other: (x + other) + (x + other) + 1)
define("add_plus_one(Tensor x, Tensor residual) -> Tensor", lambda x, residual: x + residual + 1)
define("twice_plus_one_fast(Tensor x) -> Tensor", lambda x: x * 2 + 1)
define("twice_plus_base(Tensor x, Tensor base) -> Tensor", lambda x, base: x * 2 + base)
define("twice_plus_base_plus_one(Tensor x, Tensor base) -> Tensor", lambda x, base: x * 2 + base + 1)
define("increase.by(Tensor x, float amount) -> Tensor", lambda x, amount: x + amount)
define("increase.twice_by(Tensor x, float amount) -> Tensor", lambda x, amount: x * 2 + amount)
define(
    "affine_reordered(float shift, Tensor x, *, float scale, str mode) -> (Tensor, Tensor)", affine_reordered
)
register("twice_out(Tensor(a!) out, Tensor x) -> ()", twice_out)
register("twice_plus_one_out(Tensor(a!) out, Tensor x) -> ()", twice_plus_one_out)
register("twice_plus_one_scratch(Tensor(a!) out, Tensor x, Tensor(b!) scratch) -> ()", twice_plus_one_scratch)
register("add_twice_(Tensor(a!) x, Tensor(b!) residual) -> ()", add_twice_)
register("add_twice_plus_one_(Tensor(a!) x, Tensor(b!) residual) -> ()", add_twice_plus_one_)
register("twice_or_store(Tensor(a!) x, bool store) -> Tensor", twice_or_store, lambda x, store: x * 2)
define("store(Tensor x, str layer) -> Tensor", lambda x, layer: x.new_empty(0))
define("store_twice(Tensor x, str layer) -> Tensor", lambda x, layer: x.new_empty(0))
define("load(Tensor x, str layer) -> Tensor", lambda x, layer: x + 1)
define("load_twice(Tensor x, str layer) -> Tensor", lambda x, layer: (x + 1) * 2)


def spread(x):
    return x - 1, x + 1


def dag(x, both):
    return both.clone(), x * 2 * both


define("spread(Tensor x) -> (Tensor, Tensor)", spread)
define("double_spread(Tensor x) -> (Tensor, Tensor)", lambda x: spread(x * 2))
define("combine(Tensor x, Tensor other) -> Tensor", lambda x, other: x * other)
define("combine_twice(Tensor x, Tensor other) -> Tensor", lambda x, other: x * 2 + other)
define("double_group(Tensor x) -> (Tensor, Tensor, Tensor)", lambda x: (x * 2 + 1, *spread(x * 2)))
define("spread_plus_one(Tensor x) -> (Tensor, Tensor)", lambda x: ((x - 1) + 1, x + 1))
define("spread_equal(Tensor x) -> (Tensor, Tensor)", lambda x: (x * 2, x * 2))
define("dag(Tensor x, Tensor both) -> (Tensor, Tensor)", dag)
define(
    "negated_part(Tensor x, int start, int size) -> Tensor",
    lambda x, start, size: -x[..., start : start + size],
)
define("total(Tensor x, int[] sizes) -> Tensor", lambda x, sizes: x * sum(sizes))
define("total_twice(Tensor x, int[] sizes) -> Tensor", lambda x, sizes: x * sum(sizes) * 2)
define(
    "scaled_twice(Tensor x, Tensor shift, float scale) -> Tensor",
    lambda x, shift, scale: (x * scale + shift) * scale * shift,
)
define("plus_one_columns(Tensor x) -> Tensor", lambda x: (x + 1).t().contiguous().t())
define("twice_plus_one_twice(Tensor x) -> Tensor", lambda x: (x * 2 + 1) * 2)
define("twice_plus_two(Tensor x) -> Tensor", lambda x: x * 2 + 1 + 1)
define("plus_one_twice(Tensor x) -> Tensor", lambda x: (x + 1) * 2)
define("twice_combine(Tensor x, Tensor late) -> Tensor", lambda x, late: x * 2 * late)
define("silu_mul(Tensor x, Tensor up) -> Tensor", lambda x, up: torch.nn.functional.silu(x) * up)
register("negate_(Tensor(a!) x) -> ()", negate_)


def flip_halves(x):
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


define("flip_halves(Tensor x) -> Tensor", flip_halves)
LANG = torch.ops.lang
