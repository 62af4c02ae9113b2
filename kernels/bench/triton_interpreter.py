"""Makes Triton's interpreter compute with 16-bit and 8-bit floats as a GPU does.

In: nothing. Out: the interpreter's conversions round to nearest even, and its bf16 arithmetic is that of numbers, not
of their bits. For checks without a GPU (TRITON_INTERPRET=1); changes nothing where Triton compiles.
"""

from __future__ import annotations

from typing import Any

import numpy
import torch
from triton.runtime import interpreter

_TORCH = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8e4nv": torch.float8_e4m3fn,
}
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


def _convert(data: Any, source: Any, target: Any, rounding: Any) -> Any:
    """`data`, numbers of `source` in numpy's nearest type, as the bits of `target`."""
    held = torch.from_numpy(numpy.ascontiguousarray(data).view(f"int{source.primitive_bitwidth}"))
    wide = held.view(_TORCH[source.name]).float()
    if target.name == "fp8e4nv":
        wide = wide.clamp(-448.0, 448.0)  # the GPU's conversion saturates
    made = wide.to(_TORCH[target.name])
    bits = made.view(_BITS[made.element_size()]).numpy()
    return bits.view(f"uint{target.primitive_bitwidth}").reshape(numpy.shape(data))


def install() -> None:
    """Once a process."""
    interpreter._convert_float = _convert
    plain = interpreter.InterpreterBuilder.binary_op

    def binary_op(self: Any, left: Any, right: Any, op: Any) -> Any:
        kind = left.dtype.scalar
        if kind.name != "bf16":
            return plain(self, left, right, op)
        wide = interpreter.tl.float32
        parts = [
            interpreter.TensorHandle(_convert(part.data, kind, wide, None).view("float32"), wide)
            for part in (left, right)
        ]
        result = plain(self, *parts, op)
        return interpreter.TensorHandle(_convert(result.data, wide, kind, None), kind)

    interpreter.InterpreterBuilder.binary_op = binary_op
    patch = interpreter._patch_lang_tensor

    def patch_tensor(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        # Its own takes one-element arrays for numbers, which numpy no longer does: loops over a program's number fail.
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())

    interpreter._patch_lang_tensor = patch_tensor
