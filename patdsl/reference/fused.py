"""The meaning of the fused ops: compositions of the unfused ones, rounding where those round.

In: an interpretation of the unfused ops, `unfused` (values) or `results` (shapes, dtypes and strides alone). Out:
the fused ops under the same interpretation. Written once for both, so a fused op cannot differ from its parts, nor
its fake implementation from its meaning. Tensor sizes, roundings and errors are those of the parts. The products of
one source of rows and one quantisation are not here: `rows.py` makes them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from patdsl.reference.fp8 import fp8_dtype


class Unfused(Protocol):
    """The unfused ops that fused ones are made of, as `unfused.py` and `results.py` both have them."""

    def rms_norm(
        self,
        x: Tensor,
        weight: Tensor | None,
        epsilon: float,
        variance_size: int | None = None,
        gemma: bool = False,
    ) -> Tensor: ...
    def fused_add_rms_norm(
        self,
        x: Tensor,
        residual: Tensor,
        weight: Tensor | None,
        epsilon: float,
        variance_size: int | None = None,
        gemma: bool = False,
    ) -> tuple[Tensor, Tensor]: ...
    def rms_norm_gated(self, x: Tensor, z: Tensor, weight: Tensor, epsilon: float) -> Tensor: ...
    def group_quant(
        self,
        x: Tensor,
        group_size: int,
        col_major: bool = False,
        ue8m0: bool = False,
        tma_aligned: bool = False,
        quant_dtype: torch.dtype | None = None,
    ) -> tuple[Tensor, Tensor]: ...
    def ragged_group_quant(self, x: Tensor, group_size: int) -> tuple[Tensor, Tensor]: ...
    def token_quant(self, x: Tensor, quant_dtype: torch.dtype) -> tuple[Tensor, Tensor]: ...
    def static_quant(self, x: Tensor, scale: Tensor, quant_dtype: torch.dtype | None = None) -> Tensor: ...
    def mx_quant(self, x: Tensor) -> tuple[Tensor, Tensor]: ...
    def nvfp4_quant(self, x: Tensor, global_scale: Tensor, swizzled: bool) -> tuple[Tensor, Tensor]: ...
    def silu_and_mul(self, x: Tensor) -> Tensor: ...
    def gelu_and_mul(self, x: Tensor) -> Tensor: ...
    def pad(self, x: Tensor, multiple: int) -> Tensor: ...
    def rope(
        self,
        positions: Tensor,
        query: Tensor,
        key: Tensor,
        head_size: int,
        cos_sin: Tensor,
        neox: bool,
    ) -> tuple[Tensor, Tensor]: ...


class Fused:
    """The fused ops over `ops`. Each docstring is the composition; `add_` ops return the sum second."""

    def __init__(self, ops: Unfused) -> None:
        self.ops = ops

    def add_rms_norm_nvfp4_quant(
        self,
        x: Tensor,
        residual: Tensor,
        weight: Tensor,
        epsilon: float,
        global_scale: Tensor,
        swizzled: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """nvfp4_quant(fused_add_rms_norm(x, residual)). Out: q u8[M, H / 2], residual_out T[M, H], scale."""
        y, residual_out = self.ops.fused_add_rms_norm(x, residual, weight, epsilon)
        q, scale = self.ops.nvfp4_quant(y, global_scale, swizzled)
        return q, residual_out, scale

    def silu_mul_nvfp4_quant(self, x: Tensor, global_scale: Tensor) -> tuple[Tensor, Tensor]:
        """nvfp4_quant(silu_and_mul(x)), swizzled scales. x: T[M, 2 D]. Out: q u8[M, D / 2], scale i32."""
        return self.ops.nvfp4_quant(self.ops.silu_and_mul(x), global_scale, True)

    def gated_rms_norm_group_quant(
        self, x: Tensor, weight: Tensor, z: Tensor, epsilon: float, group_size: int
    ) -> tuple[Tensor, Tensor]:
        """ragged_group_quant(rms_norm_gated(x, z)). Out: q fp8[*B, D], scale f32[*B, ceil(D / group_size)]."""
        return self.ops.ragged_group_quant(self.ops.rms_norm_gated(x, z, weight, epsilon), group_size)

    def mla_dual_rms_norm(
        self,
        q: Tensor,
        q_weight: Tensor,
        kv: Tensor,
        kv_weight: Tensor,
        q_epsilon: float,
        kv_epsilon: float,
    ) -> tuple[Tensor, Tensor]:
        """rms_norm(q), rms_norm(kv). q: T[*B, Q], kv: T[*B, C]; often two slices of one row. Out: like them."""
        q_n = self.ops.rms_norm(q, q_weight, q_epsilon)
        return q_n, self.ops.rms_norm(kv, kv_weight, kv_epsilon)

    def mla_dual_rms_norm_group_quant(
        self,
        q: Tensor,
        q_weight: Tensor,
        kv: Tensor,
        kv_weight: Tensor,
        q_epsilon: float,
        kv_epsilon: float,
        group_size: int,
        col_major: bool = False,
        ue8m0: bool = False,
        tma_aligned: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """group_quant(rms_norm(q)), rms_norm(kv). Out: q fp8[*B, Q], scale f32[*B, Q / group_size], kv T[*B, C]."""
        q_n, kv_n = self.mla_dual_rms_norm(q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon)
        return *self.ops.group_quant(q_n, group_size, col_major, ue8m0, tma_aligned), kv_n

    def mla_dual_rms_norm_token_quant(
        self,
        q: Tensor,
        q_weight: Tensor,
        kv: Tensor,
        kv_weight: Tensor,
        q_epsilon: float,
        kv_epsilon: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """token_quant(rms_norm(q)) to fp8, rms_norm(kv). Out: q fp8[*B, Q], scale f32[*B, 1], kv T[*B, C]."""
        q_n, kv_n = self.mla_dual_rms_norm(q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon)
        return *self.ops.token_quant(q_n, fp8_dtype()), kv_n

    def rms_norm_pad(
        self,
        x: Tensor,
        weight: Tensor | None,
        epsilon: float,
        multiple: int,
        variance_size: int | None = None,
        gemma: bool = False,
    ) -> Tensor:
        """rms_norm, padded with zeros. Out: T[*B, ceil(H / multiple) * multiple]."""
        return self.ops.pad(self.ops.rms_norm(x, weight, epsilon, variance_size, gemma), multiple)

    def add_rms_norm_pad(
        self,
        x: Tensor,
        weight: Tensor | None,
        epsilon: float,
        residual: Tensor,
        multiple: int,
        variance_size: int | None = None,
        gemma: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """fused_add_rms_norm, its norm padded with zeros. Out: T[*B, ceil(H / multiple) * multiple], T[*B, H]."""
        y, residual_out = self.ops.fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
        return self.ops.pad(y, multiple), residual_out

    def qk_norm_rope(
        self,
        qkv: Tensor,
        heads: int,
        kv_heads: int,
        v_heads: int,
        head_size: int,
        epsilon: float,
        q_weight: Tensor,
        k_weight: Tensor,
        cos_sin: Tensor,
        neox: bool,
        positions: Tensor,
    ) -> Tensor:
        """rms_norm of every query and key head, then rope; the values are copied.

        qkv: T[N, (heads + kv_heads + v_heads) * head_size]; weights W[head_size]; the rest as in rope,
        which reads the norms rounded to T. Out: T, as qkv.
        """
        query, key, value = torch.split(
            qkv, [heads * head_size, kv_heads * head_size, v_heads * head_size], -1
        )
        q_n = self.ops.rms_norm(query.reshape(*query.shape[:-1], heads, head_size), q_weight, epsilon)
        k_n = self.ops.rms_norm(key.reshape(*key.shape[:-1], kv_heads, head_size), k_weight, epsilon)
        q_r, k_r = self.ops.rope(positions, q_n.flatten(-2), k_n.flatten(-2), head_size, cos_sin, neox)
        return torch.cat([q_r, k_r, value], -1)
