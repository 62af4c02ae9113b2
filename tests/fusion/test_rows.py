"""Every source of rows with every quantisation: fused by the library, with the norm kept or not, with every option.

Results are compared bit for bit with the model run as it is, and every op of the graph is counted.
"""

from __future__ import annotations

import pytest
import torch
from fusing import OPS, assert_fuses, assert_left_alone, assert_same, bf16, compiled, library, whole_library

H = 256
EPSILON = 1e-6
FP8, INT8 = torch.float8_e4m3fn, torch.int8
SCALE = torch.tensor([0.043])
NORMS = ("rms_norm", "add_rms_norm")
ACTIVATIONS = ("silu_mul", "gelu_mul")
QUANTS = {
    "static_quant": lambda y, scale: OPS.static_quant(y, scale),
    "token_quant": lambda y, scale: OPS.token_quant(y, FP8),
    "group_quant": lambda y, scale: OPS.group_quant(y, 64),
    "mx_quant": lambda y, scale: OPS.mx_quant(y),
}


def values(source, x, other, weight, *options):
    """The rows that are quantised, and the sum if there is one."""
    if source == "rms_norm":
        return [OPS.rms_norm(x, weight, EPSILON, *options)]
    if source == "add_rms_norm":
        return list(OPS.fused_add_rms_norm(x, other, weight, EPSILON, *options))
    joined = torch.cat([x, other], -1)
    return [OPS.silu_and_mul(joined) if source == "silu_mul" else OPS.gelu_and_mul(joined)]


def inputs(*dims):
    return bf16(*dims), bf16(*dims, seed=2), bf16(H, seed=1), SCALE


@pytest.fixture(params=["alone", "whole library"])
def passes_for(request):
    """`source -> passes`: of the file that has its patterns, or of all of them."""
    if request.param == "whole library":
        return lambda source: whole_library()
    return lambda source: library("rms_norm_quant" if source in NORMS else "silu_mul_quant")


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("source", [*NORMS, *ACTIVATIONS])
def test_source_and_quantisation(source, quant, n, passes_for):
    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight)
        return [QUANTS[quant](y, scale) for _ in range(n)], total

    after = {f"{source}_{quant}": 1} | ({} if source in NORMS else {"cat": 1})
    assert_fuses(model, *inputs(4, H), passes=passes_for(source), after=after)


@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("source", [*NORMS, *ACTIVATIONS])
def test_in_3_d(source, quant):
    """The results are viewed as the graph has them where the fused op takes a matrix; else nothing is."""

    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight)
        return QUANTS[quant](y, scale), QUANTS[quant](y.view(-1, H), scale), total

    passes = library("rms_norm_quant" if source in NORMS else "silu_mul_quant")
    made = compiled(model, *inputs(2, 3, H), passes=passes)
    assert made.matches == {f"{source}_{quant}": 1}
    assert {name for name in made.after if name not in ("reshape", "view", "cat")} == {f"{source}_{quant}"}
    assert_same(made.results, model(*inputs(2, 3, H)))


@pytest.mark.parametrize("dims", [(4, H), (2, 3, H)], ids=["2-D", "3-D"])
@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("source", NORMS)
def test_the_norm_is_kept_for_who_else_reads_it(source, quant, dims):
    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight)
        return QUANTS[quant](y, scale), -y, total

    made = compiled(model, *inputs(*dims), passes=whole_library())
    assert made.matches == {f"{source}_{quant}_keep": 1}
    assert made.after[f"{source}_{quant}_keep"] == made.after["neg"] == 1
    assert {name for name in made.after if "norm" in name or "quant" in name} == {f"{source}_{quant}_keep"}
    assert_same(made.results, model(*inputs(*dims)))


@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("source", ACTIVATIONS)
def test_activations_are_not_kept(source, quant):
    def model(x, other, weight, scale):
        (y,) = values(source, x, other, weight)
        return QUANTS[quant](y, scale), y

    assert_left_alone(model, *inputs(4, H), passes=whole_library(), has={quant: 1, "cat": 1})


OPTIONS = {
    "int8": lambda y, scale: (
        OPS.group_quant(y, 128, quant_dtype=INT8),
        OPS.group_quant(y, 128, quant_dtype=INT8),
    ),
    "int8 columns, powers of two": lambda y, scale: OPS.group_quant(y, 32, True, True, True, INT8),
    "powers of two": lambda y, scale: OPS.group_quant(y, 128, False, True),
    "aligned columns": lambda y, scale: OPS.group_quant(y, 128, True, False, True),
    "the default dtype by name": lambda y, scale: OPS.group_quant(y, 128, quant_dtype=FP8),
    "static int8": lambda y, scale: OPS.static_quant(y, scale, INT8),
    "token int8": lambda y, scale: OPS.token_quant(y, INT8),
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("source", [*NORMS, *ACTIVATIONS])
def test_options_of_the_quantisation_are_passed_on(source, option):
    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight)
        return OPTIONS[option](y, scale), total

    quant = {"s": "static_quant", "t": "token_quant"}.get(option[0], "group_quant")
    quant = "group_quant" if option == "the default dtype by name" else quant
    made = compiled(model, *inputs(6, H), passes=whole_library())
    assert made.matches == {f"{source}_{quant}": 1}
    assert_same(made.results, model(*inputs(6, H)))


@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("source", NORMS)
@pytest.mark.parametrize(
    ("weight", "options"),
    [
        (None, ()),
        (None, (64,)),
        (torch.bfloat16, (64, True)),
        (torch.float32, (None, True)),
        (torch.float32, ()),
    ],
    ids=["no weight", "a part", "gemma, a part", "gemma, f32", "f32"],
)
def test_options_of_the_norm_are_passed_on(weight, options, source, quant):
    x, other, vector, scale = inputs(4, H)

    def model(x, other, vector, scale):
        y, *total = values(source, x, other, None if weight is None else vector, *options)
        return QUANTS[quant](y, scale), total, vector + 1

    args = x, other, vector.to(weight or torch.bfloat16), scale
    after = {f"{source}_{quant}": 1, "add": 1}
    assert_fuses(model, *args, passes=library("rms_norm_quant"), after=after)


# Two consumers that read their scales in different orders


def two_layouts(source, n=1, ue8m0=False, tma_aligned=False, dtype=None, columns_group=64):
    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight)
        flat = y.view(-1, H)
        rows = [OPS.group_quant(flat, 64, False, ue8m0, False, dtype) for _ in range(n)]
        columns = [OPS.group_quant(flat, columns_group, True, ue8m0, tma_aligned, dtype) for _ in range(n)]
        return rows, columns, total

    return model


@pytest.mark.parametrize(
    "options",
    [{}, {"n": 2}, {"ue8m0": True}, {"tma_aligned": True}, {"dtype": INT8}],
    ids=lambda options: next(iter(options), "plain"),
)
@pytest.mark.parametrize("dims", [(6, H), (2, 3, H)], ids=["2-D", "3-D"])
@pytest.mark.parametrize("source", NORMS)
def test_two_layouts_of_scales(source, dims, options, passes_for):
    model = two_layouts(source, **options)
    made = compiled(model, *inputs(*dims), passes=passes_for(source))
    assert made.matches == {f"{source}_group_quant_layouts": 1}
    assert {name for name in made.after if name not in ("reshape", "view")} == {
        f"{source}_group_quant_layouts"
    }
    assert_same(made.results, model(*inputs(*dims)))


def test_two_layouts_of_scales_for_any_batch():
    model = two_layouts("rms_norm")
    made = compiled(model, *inputs(6, H), passes=whole_library(), dynamic=True)
    assert made.matches == {"rms_norm_group_quant_layouts": 1}
    for rows in (6, 9):
        assert_same(made.function(*inputs(rows, H)), model(*inputs(rows, H)))


def test_scales_of_different_groups_are_no_two_layouts():
    model = two_layouts("rms_norm", columns_group=128)
    made = compiled(model, *inputs(4, H), passes=whole_library())
    assert made.after == {"rms_norm_group_quant_keep": 1, "group_quant": 1}
    assert_same(made.results, model(*inputs(4, H)))


@pytest.mark.slow
@pytest.mark.parametrize("quant", ["static_quant", "mx_quant"])
@pytest.mark.parametrize("source", [*NORMS, *ACTIVATIONS])
def test_in_inductor(source, quant):
    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight)
        return QUANTS[quant](y, scale), [y] if source in NORMS else [], total

    name = f"{source}_{quant}" + ("_keep" if source in NORMS else "")
    made = compiled(model, *inputs(4, H), passes=whole_library(), inductor=True)
    assert made.matches == {name: 1}
    assert_same(made.results, model(*inputs(4, H)))


@pytest.mark.slow
def test_two_layouts_in_inductor():
    model = two_layouts("add_rms_norm", tma_aligned=True)
    made = compiled(model, *inputs(6, H), passes=whole_library(), inductor=True)
    assert made.matches == {"add_rms_norm_group_quant_layouts": 1}
    assert_same(made.results, model(*inputs(6, H)))


# The gated norm, for each head, and the quantisation of the merged heads

D, HEADS = 128, 3
GATED = bf16(6, HEADS, D), bf16(6, HEADS, D, seed=2), bf16(D, seed=1)


def gated(group_size, col_major=False, kept=False):
    def model(x, z, weight):
        y = OPS.rms_norm_gated(x, z, weight, EPSILON)
        found = OPS.group_quant(y.view(-1, HEADS * D), group_size, col_major)
        return (*found, y) if kept else found

    return model


def native_gated(x, z, weight):
    """As plain torch has it: Inductor decomposes silu."""
    wide = x.float()
    y = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPSILON)
    y = y * weight.float() * torch.nn.functional.silu(z.float())
    return OPS.group_quant(y.to(x.dtype).view(-1, HEADS * D), 128)


@pytest.mark.parametrize("group_size", [32, 64, 128])
def test_gated_norm(group_size):
    passes = library("gated_rms_norm_quant")
    made = compiled(gated(group_size), *GATED, passes=passes)
    assert made.matches == {"gated_rms_norm_group_quant": 1}
    assert made.after["gated_rms_norm_group_quant"] == 1
    assert_same(made.results, gated(group_size)(*GATED))


def test_gated_norm_of_plain_torch():
    made = compiled(native_gated, *GATED, passes=whole_library())
    assert made.matches == {"gated_rms_norm_group_quant": 1}
    q, scale = made.results
    expected = native_gated(*GATED)
    # fp32 arithmetic in another order: a unit in the last place of bf16 at most, and so of a scale
    assert torch.allclose(scale, expected[1], rtol=2**-7, atol=0)
    assert (q.float() - expected[0].float()).abs().max() <= 32


@pytest.mark.parametrize(
    ("model", "weight"),
    [
        (gated(192), GATED[2]),
        (gated(128, True), GATED[2]),
        (gated(128, kept=True), GATED[2]),
        (gated(128), GATED[2].half()),
    ],
    ids=["a group across heads", "columns", "read twice", "another weight"],
)
def test_gated_norm_that_the_kernel_does_not_do(model, weight):
    has = {"rms_norm_gated": 1, "group_quant": 1}
    assert_left_alone(model, *GATED[:2], weight, passes=library("gated_rms_norm_quant"), has=has)


# Norms padded for the experts


@pytest.mark.parametrize("options", [(), (64, True)], ids=["plain", "gemma, a part"])
@pytest.mark.parametrize(
    ("source", "dims"), [("rms_norm", (4, H)), ("rms_norm", (2, 3, H)), ("add_rms_norm", (4, H))], ids=str
)
def test_pad(source, dims, options):
    def model(x, other, weight, scale):
        y, *total = values(source, x, other, weight, *options)
        return torch.nn.functional.pad(y, (0, 64)), total

    made = compiled(model, *inputs(*dims), passes=library("add_rms_norm_pad"))
    name = {"rms_norm": "rms_norm_pad", "add_rms_norm": "add_rms_norm_pad_alone"}[source]
    assert made.matches == {name: 1}
    assert not {"constant_pad_nd", "rms_norm", "fused_add_rms_norm"} & set(made.after)
    assert_same(made.results, model(*inputs(*dims)))


def test_pad_of_a_norm_that_is_read_otherwise_too():
    def model(x, other, weight, scale):
        y = OPS.rms_norm(x, weight, EPSILON)
        return torch.nn.functional.pad(y, (0, 64)), y

    has = {"rms_norm": 1, "constant_pad_nd": 1}
    assert_left_alone(model, *inputs(4, H), passes=whole_library(), has=has)
