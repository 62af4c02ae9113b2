"""Section 2, types: what a declaration says of dtypes, dims and scalars decides what matches."""

from __future__ import annotations

import pytest
import torch
from language_cases import LANG, K, bf16, f32, fuses, leaves, load, named


def test_the_smallest_file():
    after = fuses(
        load("smallest"), lambda x, w: K.group_quant(K.rms_norm(x, w, 1e-6), 64), bf16(4, 128), bf16(128)
    )
    assert after == {"rms_norm_group_quant": 1}


def norm_twice(x, w):
    return LANG.twice(K.rms_norm(x, w, 1e-6))


@pytest.mark.parametrize("make", [bf16, f32])
def test_a_dtype_variable_is_one_dtype_in_a_declaration(make):
    passes = named(load("types_dtype_variable"), "one_dtype")
    assert fuses(passes, norm_twice, make(4, 128), make(128)) == {"norm_twice": 1}


def test_two_dtypes_are_not_one_variable():
    leaves(named(load("types_dtype_variable"), "one_dtype"), norm_twice, bf16(4, 128), f32(128))


@pytest.mark.parametrize("weight", [bf16, f32])
def test_two_variables_may_be_two_dtypes(weight):
    passes = named(load("types_dtype_variable"), "two_dtypes")
    assert fuses(passes, norm_twice, bf16(4, 128), weight(128)) == {"norm_twice": 1}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_dtype_of_a_set(dtype):
    assert fuses(load("types_dtype_set"), norm_twice, f32(4, 128), f32(128).to(dtype)) == {"norm_twice": 1}


def test_a_dtype_outside_the_set():
    leaves(load("types_dtype_set"), norm_twice, f32(4, 128), f32(128))


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.int8])
def test_a_dtype_parameter_is_the_result_dtype(dtype):
    def model(x, w):
        return K.token_quant(K.rms_norm(x, w, 1e-6), dtype)

    assert fuses(load("types_dtype_parameter"), model, bf16(4, 128), bf16(128)) == {"rms_norm_token_quant": 1}


FORMATS = {"cpu": torch.float8_e4m3fn, "gfx942": torch.float8_e4m3fnuz, "gfx950": torch.float8_e4m3fn}


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e4m3fnuz])
def test_fp8_is_the_format_of_the_target(target, dtype):
    def model(x, w):
        return K.token_quant(K.rms_norm(x, w, 1e-6), dtype)

    passes = load("types_fp8", target=target)
    if dtype == FORMATS[target]:
        assert fuses(passes, model, bf16(4, 128), bf16(128)) == {"rms_norm_token_quant": 1}
    else:
        leaves(passes, model, bf16(4, 128), bf16(128))


def scaled_twice(x, w):
    return LANG.twice(x * w)


def test_a_named_dim_is_one_size():
    assert fuses(load("types_named_dims"), scaled_twice, f32(4, 16), f32(16)) == {"mul_twice": 1}


@pytest.mark.parametrize(
    "shapes", [((4, 16), (1,)), ((4, 1), (16,)), ((2, 4, 16), (16,)), ((4, 16), (4, 16))]
)
def test_other_sizes_and_ranks_are_not_the_declared_op(shapes):
    leaves(load("types_named_dims"), scaled_twice, *(f32(*shape) for shape in shapes))


@pytest.mark.parametrize("shape", [(4, 16), (2, 3, 16), (2, 1, 3, 16)])
def test_variadic_dims_are_any_number_and_may_be_merged(shape):
    """The fused op takes a matrix: leading dims are merged for it, and split again for what follows."""
    after = fuses(load("types_variadic_dims"), lambda x: LANG.plus_one(LANG.twice(x)), f32(*shape))
    assert after["matrix_twice_plus_one"] == 1
    assert not {"twice", "plus_one"} & set(after)


def test_symbolic_dims_are_merged():
    """Their sizes are asked of what stays: nothing else in this graph holds them."""
    passes = load("types_variadic_dims")
    after = fuses(passes, lambda x: LANG.plus_one(LANG.twice(x)), f32(3, 4, 8), symbolic=True)
    assert after["matrix_twice_plus_one"] == 1
    assert not {"twice", "plus_one"} & set(after)


def test_no_dim_is_added_for_a_matrix():
    leaves(
        load("types_variadic_dims"), lambda x: LANG.plus_one(LANG.twice(x)), f32(16), why="declared rank 2"
    )


@pytest.mark.parametrize("width", [8, 10])
def test_a_rounded_division(width):
    passes = named(load("types_dim_arithmetic"), "rounded")
    assert fuses(passes, lambda x: LANG.blocks(LANG.halve(x), 4), f32(3, 2 * width)) == {"halve_blocks": 1}


def test_an_exact_division_demands_it():
    passes = named(load("types_dim_arithmetic"), "exact")
    assert fuses(passes, lambda x: LANG.blocks(LANG.halve(x), 4), f32(3, 16)) == {"halve_blocks": 1}
    leaves(passes, lambda x: LANG.blocks(LANG.halve(x), 4), f32(3, 20))


def test_an_even_size_is_solved_for():
    """`2 * D` does not fit an odd size: what the kernel does there is not what is declared."""
    leaves(load("types_dim_arithmetic"), lambda x: LANG.blocks(x[..., :4] + x[..., 5:], 4), f32(3, 9))


def test_sums_and_differences():
    passes = named(load("types_dim_arithmetic"), "joined")
    model = lambda x, y: LANG.shorten(LANG.join(x, y))  # noqa: E731
    assert fuses(passes, model, f32(3, 4), f32(3, 5)) == {"join_shorten": 1}


def affine_twice(*more, **named):
    return lambda x, shift=None: LANG.twice(LANG.affine(x, shift, *more, **named))


FORMS = {
    "omitted": affine_twice(),
    "positional": affine_twice(3.0),
    "keyword": affine_twice(scale=0.5),
    "explicit default": affine_twice(1.0, False, "plain"),
    "explicit default by keyword": affine_twice(relu=False),
}


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_optional_values_and_defaults(form, inputs):
    passes = load("types_optional_and_default")
    assert fuses(passes, FORMS[form], *(f32(4, 8) for _ in range(inputs))) == {"affine_twice": 1}


@pytest.mark.parametrize("model", [affine_twice(2.0, True), affine_twice(mode="fast")])
def test_a_parameter_off_its_default_that_the_right_side_does_not_take(model):
    leaves(load("types_optional_and_default"), model, f32(4, 8), f32(4, 8))


def fixed(scale=2.0, relu=True, mode="fast", times=3, dtype=torch.float32):
    return lambda x, shift: LANG.repeat(LANG.affine(x, shift, scale, relu, mode), times, dtype)


def test_scalars_of_every_kind():
    assert fuses(load("types_scalars"), fixed(), f32(4, 8), f32(4, 8)) == {"fixed": 1}


@pytest.mark.parametrize(
    "other",
    [{"scale": 2.5}, {"relu": False}, {"mode": "Fast"}, {"times": 4}, {"dtype": torch.bfloat16}],
    ids=str,
)
def test_each_scalar_decides(other):
    leaves(load("types_scalars"), fixed(**other), f32(4, 8), f32(4, 8))
