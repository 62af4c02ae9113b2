"""The ops that the demo's models call, in float64 and without any rounding.

In: float64 tensors. Out: float64 tensors of the shapes that `torch.ops.patdsl` returns; a quantised value is not
rounded either. What the ops mean is stated in `patdsl.reference`; this is that meaning before rounding, and so the
yardstick for both the fused and the unfused model.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from patdsl.reference import fp8_dtype, quant_max

GROUP_AMAX_MIN = 1e-10  # an all-zero group is scaled as if this were in it
TOKEN_SCALE_MIN = 1 / 512  # of the scale of a row whose largest magnitude is 1


class Float64:
    """Stands in for `torch.ops.patdsl` in a model's `forward`."""

    def rms_norm(self, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt() * weight

    def fused_add_rms_norm(
        self, x: Tensor, residual: Tensor, weight: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor]:
        return self.rms_norm(x + residual, weight, epsilon), x + residual

    def group_quant(self, x: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
        groups = x.reshape(*x.shape[:-1], x.shape[-1] // group_size, group_size)
        scale = groups.abs().amax(-1).clamp(min=GROUP_AMAX_MIN) / quant_max(fp8_dtype())
        return (groups / scale.unsqueeze(-1)).flatten(-2), scale

    def token_quant(self, x: Tensor, quant_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        limit = quant_max(quant_dtype)
        scale = x.abs().amax(-1, keepdim=True).clamp(min=TOKEN_SCALE_MIN) / limit
        return x / scale, scale

    def silu_and_mul(self, x: Tensor) -> Tensor:
        gate, up = x.chunk(2, -1)
        return functional.silu(gate) * up
