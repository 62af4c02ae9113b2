"""Which 8-bit float a target quantises to, the largest value used of it, and how many share an MX scale.

In: the current target. Out: dtypes and limits. Converts nothing.
"""

from __future__ import annotations

import torch

from patdsl.runtime.target import current_target

# e4m3fnuz reaches 240. The quantisation ops in use on such targets scale and clamp to 224, for accuracy, and a
# fused op has to produce the same scales.
_LIMITS = {torch.float8_e4m3fn: 448.0, torch.float8_e4m3fnuz: 224.0, torch.int8: 127.0}

# A group of the OCP microscaling formats.
MX_GROUP = 32


def fp8_dtype() -> torch.dtype:
    """`float8_e4m3fnuz` on gfx942, `float8_e4m3fn` on every other target and on the CPU."""
    return torch.float8_e4m3fnuz if current_target() == "gfx942" else torch.float8_e4m3fn


def quant_max(dtype: torch.dtype) -> float:
    """The largest magnitude a quantised value takes: 448 (e4m3fn), 224 (e4m3fnuz), 127 (int8).

    Raises ValueError for any other dtype.
    """
    limit = _LIMITS.get(dtype)
    if limit is None:
        accepted = ", ".join(str(known) for known in _LIMITS)
        raise ValueError(f"cannot quantise to {dtype}; accepted: {accepted}")
    return limit
