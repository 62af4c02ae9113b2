"""The dtypes of the language.

In: names as a `.pat` file writes them. Out: `Dtype` values that know their torch name. `fp8` is a dtype of its
own until a target resolves it: e4m3fnuz on gfx942, e4m3fn elsewhere. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class Dtype:
    """A dtype by its name in the language (`bf16`)."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def resolved(self) -> Dtype:
        """Itself, or what a dtype that was not known (`symbolic.DtypeVariable`) has come to be."""
        return self

    def among(self, options: Sequence[Dtype]) -> bool:
        """Is it one of these? A dtype that is not known (`symbolic.DtypeVariable`) may come to be one."""
        return self in options


#: Name in the language -> attribute of the torch module.
TORCH_NAMES = {
    "bf16": "bfloat16",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "bool": "bool",
    "f8e4m3fn": "float8_e4m3fn",
    "f8e4m3fnuz": "float8_e4m3fnuz",
    "f8e5m2": "float8_e5m2",
    "f8e5m2fnuz": "float8_e5m2fnuz",
    "f8e8m0": "float8_e8m0fnu",
    "f4e2m1x2": "float4_e2m1fn_x2",
}

FP8 = "fp8"

#: Every dtype by its name in the language.
NAMES = (*TORCH_NAMES, FP8)

#: torch attribute -> Dtype, to read a graph.
FROM_TORCH = {torch_name: Dtype(name) for name, torch_name in TORCH_NAMES.items()}


def is_dtype(name: str) -> bool:
    return name == FP8 or name in TORCH_NAMES


def fp8_on(target: str) -> Dtype:
    """The fp8 format that a target's hardware converts to."""
    return Dtype("f8e4m3fnuz" if target == "gfx942" else "f8e4m3fn")


def resolve(dtype: Dtype, target: str) -> Dtype:
    """`dtype` with `fp8` replaced by the target's format."""
    return fp8_on(target) if dtype.name == FP8 else dtype
