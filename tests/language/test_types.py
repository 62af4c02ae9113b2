"""Section 2, types: what a declaration says of dtypes, dims and scalars decides what matches."""

from __future__ import annotations

import pytest
import torch
from language_cases import K, bf16, f32, fuses, leaves, load


def norm_quant(x, w):
    return K.group_quant(K.rms_norm(x, w, 1e-6), 64)


@pytest.mark.parametrize("make", [bf16, f32])
def test_a_dtype_variable_is_one_dtype_in_a_declaration(make):
    after = fuses(load("types_dtype_variable"), norm_quant, make(4, 128), make(128))
    assert after == {"rms_norm_group_quant": 1}


def test_two_dtypes_are_not_one_variable():
    leaves(load("types_dtype_variable"), norm_quant, bf16(4, 128), f32(128))
