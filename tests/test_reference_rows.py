"""The fused row ops against their parts, bit for bit; gemma weights against float64; padded norms."""

from __future__ import annotations

import inspect

import pytest
import torch
from reference_numerics import DTYPES, assert_same, assert_within, norm64, rand, rounding
from torch.nn import functional

from patdsl import reference as ref
from patdsl.reference.rows import ROW_OPS
from patdsl.register_ops import OPS

H = 128
SHAPES = [(7, H), (3, 5, H), (0, H)]
FP8, INT8 = torch.float8_e4m3fn, torch.int8
NORM_OPTIONS = {"variance_size": 96, "gemma": True}
# The options of a quantisation by name; what the parts are given is the same.
QUANTS = {
    "static_quant": [{}, {"quant_dtype": INT8}],
    "token_quant": [{"quant_dtype": FP8}, {"quant_dtype": INT8}],
    "group_quant": [
        {"group_size": 64},
        {"group_size": 32, "col_major": True, "tma_aligned": True},
        {"group_size": 32, "ue8m0": True, "quant_dtype": INT8},
    ],
    "mx_quant": [{}],
}
NORMS = ("rms_norm", "add_rms_norm")
SOURCES = (*NORMS, "silu_mul", "gelu_mul")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def rows_of(source, x, other, weight, options):
    """Arguments of a fused op in front of the quantisation's, the rows, and the sum if there is one."""
    if source == "rms_norm":
        return {"x": x, "weight": weight, "epsilon": 1e-6}, ref.rms_norm(x, weight, 1e-6, **options), ()
    if source == "add_rms_norm":
        args = {"x": x, "residual": other, "weight": weight, "epsilon": 1e-6}
        y, total = ref.fused_add_rms_norm(x, other, weight, 1e-6, **options)
        return args, y, (total,)
    wide = torch.cat([x, other], -1)
    return {"x": wide}, (ref.silu_and_mul if source == "silu_mul" else ref.gelu_and_mul)(wide), ()


def quantised(quant, y, scale, options):
    """Arguments of the quantisation, the quantised rows, and the scales if there are any."""
    given = {"scale": scale, **options} if quant == "static_quant" else options
    found = getattr(ref, quant)(y, **given)
    return given, *((found, ()) if quant == "static_quant" else (found[0], found[1:]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize(
    ("source", "norm_options"),
    [*((source, {}) for source in SOURCES), *((source, NORM_OPTIONS) for source in NORMS)],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_fused_is_its_parts(source, quant, norm_options, shape):
    x, other, weight = rand(*shape), rand(*shape), rand(H, spread=0.5)
    for quant_options in QUANTS[quant]:
        args, y, total = rows_of(source, x, other, weight, norm_options)
        given, q, scales = quantised(quant, y, torch.tensor([0.5]), quant_options)
        call = {**args, **given, **norm_options}
        assert_same(getattr(ref, f"{source}_{quant}")(**call), (q, *total, *scales))
        if source in NORMS:
            assert_same(getattr(ref, f"{source}_{quant}_keep")(**call), (q, *total, *scales, y))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weight", [True, False], ids=["weight", "no weight"])
@pytest.mark.parametrize("source", NORMS)
def test_two_layouts_are_two_quantisations(source, weight, shape):
    x, other = rand(*shape), rand(*shape)
    args, y, total = rows_of(source, x, other, rand(H, spread=0.5) if weight else None, {})
    for options in ({}, {"ue8m0": True, "tma_aligned": True}, {"quant_dtype": INT8}):
        q, scale = ref.group_quant(y, 64, **{**options, "tma_aligned": False})
        _, scale_t = ref.group_quant(y, 64, True, **options)
        found = getattr(ref, f"{source}_group_quant_layouts")(**args, group_size=64, **options)
        assert_same(found, (q, *total, scale, scale_t))


def test_positions_of_parameters():
    """Calls by position mean what they did before an option was appended, and options are appended in this order."""
    group = ["group_size", "col_major", "ue8m0", "tma_aligned", "quant_dtype"]
    norm, options = ["x", "weight", "epsilon"], ["variance_size", "gemma"]
    add = ["x", "residual", "weight", "epsilon"]
    expected = {
        "rms_norm": [*norm, *options],
        "fused_add_rms_norm": [*add, *options],
        "group_quant": ["x", *group],
        "static_quant": ["x", "scale", "quant_dtype"],
        "rms_norm_group_quant": [*norm, *group, *options],
        "add_rms_norm_group_quant_keep": [*add, *group, *options],
        "rms_norm_static_quant": ["x", "weight", "scale", "epsilon", "quant_dtype", *options],
        "add_rms_norm_static_quant": ["x", "residual", "weight", "scale", "epsilon", "quant_dtype", *options],
        "add_rms_norm_token_quant": [*add, "quant_dtype", *options],
        "rms_norm_mx_quant_keep": [*norm, *options],
        "silu_mul_group_quant": ["x", *group],
        "silu_mul_static_quant": ["x", "scale", "quant_dtype"],
        "add_rms_norm_pad": ["x", "weight", "epsilon", "residual", "multiple", *options],
    }
    found = {name: list(inspect.signature(getattr(ref, name)).parameters) for name in expected}
    assert found == expected


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if "!" not in op.schema])
def test_every_op_is_a_name_of_the_module(name):
    """So that `ref patdsl.reference:NAME` finds it."""
    assert name in ref.__all__
    assert getattr(ref, name).__name__ == name


@pytest.mark.parametrize("name", ROW_OPS)
def test_made_functions_tell_what_they_are(name):
    function = getattr(ref, name)
    results = function.__doc__.split("Out: ")[1].split("; ")
    assert len(results) == len(OPS[name].schema.split(" -> ")[1].split(","))
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        function()
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        function(*(torch.ones(2, 64),) * len(inspect.signature(function).parameters), colour=1)


# gemma


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variance_size", [None, 48])
def test_gemma_multiplies_by_the_weight_and_one(dtype, variance_size):
    """Rounded once, whatever the weight's dtype: the sum and the product are fp32."""
    x, other = rand(7, 64, dtype=dtype, spread=1), rand(7, 64, dtype=dtype, spread=1)
    weight = rand(64, dtype=dtype, spread=0.5)
    wide = weight.double() + 1
    exact = norm64(x, wide, 1e-6, variance_size)
    slack = norm64(x, None, 1e-6, variance_size).abs() * 2.0**-24 * (weight.abs().double() + 1)  # of the sum
    found = ref.rms_norm(x, weight, 1e-6, variance_size, True)
    assert_within(found, exact, rounding(dtype, 1, exact) + slack)
    exact = norm64(x.double() + other.double(), wide, 1e-6, variance_size)
    slack = norm64(x.double() + other.double(), None, 1e-6, variance_size).abs() * 2.0**-24
    found, total = ref.fused_add_rms_norm(x, other, weight, 1e-6, variance_size, True)
    assert_within(found, exact, rounding(dtype, 1, exact) + slack * (weight.abs().double() + 1))
    assert_same(total, x + other)


def test_gemma_is_not_a_rounded_weight():
    x, weight = rand(64, 256), rand(256, spread=0.5)
    found = ref.rms_norm(x, weight, 1e-6, gemma=True)
    assert_same(found, ref.rms_norm(x, weight.float() + 1, 1e-6))
    assert not torch.equal(found, ref.rms_norm(x, weight + 1, 1e-6))


# norm and pad


@pytest.mark.parametrize("multiple", [1, 32, 96, 200])
@pytest.mark.parametrize("shape", [(7, 64), (3, 5, 64), (0, 64)])
def test_padded_norms(shape, multiple):
    x, other, weight = rand(*shape), rand(*shape), rand(64, spread=0.5)
    amount = (0, -64 % multiple)
    for options in ({}, {"variance_size": 48, "gemma": True}):
        y = ref.rms_norm(x, weight, 1e-6, **options)
        assert_same(ref.rms_norm_pad(x, weight, 1e-6, multiple, **options), functional.pad(y, amount))
        y, total = ref.fused_add_rms_norm(x, other, weight, 1e-6, **options)
        found = ref.add_rms_norm_pad(x, weight, 1e-6, other, multiple, **options)
        assert_same(found, (functional.pad(y, amount), total))
