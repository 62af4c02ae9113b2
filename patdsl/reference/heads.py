"""A gated norm quantised head by head as torch code does it, with a floor under the scale."""

from __future__ import annotations

from torch import Tensor

from patdsl.reference import unfused
from patdsl.reference.fp8 import fp8_dtype, quant_max

SMALLEST = 512.0


def gated_rms_norm_heads_quant(x: Tensor, weight: Tensor, z: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Of y = rms_norm_gated: `scale = max(amax(|y|) / m, 1 / (512 m))` a row, `q = y / scale`; m is fp8's largest.

    x, z: T[M, D]; weight: W[D]. Divided in fp32, rounded to nearest even. Out: q fp8[M, D], scale f32[M, 1].
    """
    y = unfused.rms_norm_gated(x, z, weight, epsilon)
    most = quant_max(fp8_dtype())
    scale = (y.abs().amax(-1, keepdim=True).float() / most).clamp(min=1.0 / (most * SMALLEST))
    return (y / scale).clamp(-most, most).to(fp8_dtype()), scale
