"""The meaning of the kernel ops, in plain torch: what `ref patdsl.reference:NAME` in a `.pat` file names.

In: tensors. Out: new tensors, as each op's docstring says. Importing this also registers the ops as
`torch.ops.patdsl.*` (see `register_ops.py`), once. Attention, and cache updates that name a layer, are in
`serving.py`: their meaning includes a cache that no argument carries.
"""

from __future__ import annotations

import patdsl.register_ops  # noqa: F401  registers the ops; must not be a `from` import, the modules import each other
from patdsl.reference import unfused
from patdsl.reference.collective import (
    all_reduce,
    ar_add_rms_norm,
    ar_add_rms_norm_group_quant,
    ar_add_rms_norm_group_quant_norm,
    ar_add_rms_norm_nvfp4_quant,
    ar_add_rms_norm_static_quant,
    ar_rms_norm,
    ar_rms_norm_group_quant,
    ar_rms_norm_nvfp4_quant,
    ar_rms_norm_static_quant,
)
from patdsl.reference.fp8 import fp8_dtype, quant_max
from patdsl.reference.fused import Fused
from patdsl.reference.kv_cache import (
    kv_cache_write,
    mla_kv_cache_write,
    mla_rope_kv_cache,
    mla_rope_pe_kv_cache,
    rope_kv_cache,
)
from patdsl.reference.rows import ROW_OPS
from patdsl.reference.unfused import (
    fused_add_rms_norm,
    gelu_and_mul,
    group_quant,
    linear,
    mrope,
    mx_quant,
    nvfp4_quant,
    rms_norm,
    rms_norm_gated,
    rope,
    silu_and_mul,
    static_quant,
    token_quant,
)

_rows = {name: op.function(unfused) for name, op in ROW_OPS.items()}
rms_norm_static_quant = _rows["rms_norm_static_quant"]
rms_norm_token_quant = _rows["rms_norm_token_quant"]
rms_norm_group_quant = _rows["rms_norm_group_quant"]
rms_norm_mx_quant = _rows["rms_norm_mx_quant"]
add_rms_norm_static_quant = _rows["add_rms_norm_static_quant"]
add_rms_norm_token_quant = _rows["add_rms_norm_token_quant"]
add_rms_norm_group_quant = _rows["add_rms_norm_group_quant"]
add_rms_norm_mx_quant = _rows["add_rms_norm_mx_quant"]
silu_mul_static_quant = _rows["silu_mul_static_quant"]
silu_mul_token_quant = _rows["silu_mul_token_quant"]
silu_mul_group_quant = _rows["silu_mul_group_quant"]
silu_mul_mx_quant = _rows["silu_mul_mx_quant"]
gelu_mul_static_quant = _rows["gelu_mul_static_quant"]
gelu_mul_token_quant = _rows["gelu_mul_token_quant"]
gelu_mul_group_quant = _rows["gelu_mul_group_quant"]
gelu_mul_mx_quant = _rows["gelu_mul_mx_quant"]
rms_norm_static_quant_keep = _rows["rms_norm_static_quant_keep"]
rms_norm_token_quant_keep = _rows["rms_norm_token_quant_keep"]
rms_norm_group_quant_keep = _rows["rms_norm_group_quant_keep"]
rms_norm_mx_quant_keep = _rows["rms_norm_mx_quant_keep"]
add_rms_norm_static_quant_keep = _rows["add_rms_norm_static_quant_keep"]
add_rms_norm_token_quant_keep = _rows["add_rms_norm_token_quant_keep"]
add_rms_norm_group_quant_keep = _rows["add_rms_norm_group_quant_keep"]
add_rms_norm_mx_quant_keep = _rows["add_rms_norm_mx_quant_keep"]
rms_norm_group_quant_layouts = _rows["rms_norm_group_quant_layouts"]
add_rms_norm_group_quant_layouts = _rows["add_rms_norm_group_quant_layouts"]

_fused = Fused(unfused)
gated_rms_norm_group_quant = _fused.gated_rms_norm_group_quant
mla_dual_rms_norm = _fused.mla_dual_rms_norm
mla_dual_rms_norm_group_quant = _fused.mla_dual_rms_norm_group_quant
mla_dual_rms_norm_token_quant = _fused.mla_dual_rms_norm_token_quant
rms_norm_pad = _fused.rms_norm_pad
add_rms_norm_pad = _fused.add_rms_norm_pad
add_rms_norm_nvfp4_quant = _fused.add_rms_norm_nvfp4_quant
silu_mul_nvfp4_quant = _fused.silu_mul_nvfp4_quant
qk_norm_rope = _fused.qk_norm_rope

__all__ = [
    "add_rms_norm_group_quant",
    "add_rms_norm_group_quant_keep",
    "add_rms_norm_group_quant_layouts",
    "add_rms_norm_mx_quant",
    "add_rms_norm_mx_quant_keep",
    "add_rms_norm_nvfp4_quant",
    "add_rms_norm_pad",
    "add_rms_norm_static_quant",
    "add_rms_norm_static_quant_keep",
    "add_rms_norm_token_quant",
    "add_rms_norm_token_quant_keep",
    "all_reduce",
    "ar_add_rms_norm",
    "ar_add_rms_norm_group_quant",
    "ar_add_rms_norm_group_quant_norm",
    "ar_add_rms_norm_nvfp4_quant",
    "ar_add_rms_norm_static_quant",
    "ar_rms_norm",
    "ar_rms_norm_group_quant",
    "ar_rms_norm_nvfp4_quant",
    "ar_rms_norm_static_quant",
    "fp8_dtype",
    "fused_add_rms_norm",
    "gated_rms_norm_group_quant",
    "gelu_and_mul",
    "gelu_mul_group_quant",
    "gelu_mul_mx_quant",
    "gelu_mul_static_quant",
    "gelu_mul_token_quant",
    "group_quant",
    "kv_cache_write",
    "linear",
    "mla_dual_rms_norm",
    "mla_dual_rms_norm_group_quant",
    "mla_dual_rms_norm_token_quant",
    "mla_kv_cache_write",
    "mla_rope_kv_cache",
    "mla_rope_pe_kv_cache",
    "mrope",
    "mx_quant",
    "nvfp4_quant",
    "qk_norm_rope",
    "quant_max",
    "rms_norm",
    "rms_norm_gated",
    "rms_norm_group_quant",
    "rms_norm_group_quant_keep",
    "rms_norm_group_quant_layouts",
    "rms_norm_mx_quant",
    "rms_norm_mx_quant_keep",
    "rms_norm_pad",
    "rms_norm_static_quant",
    "rms_norm_static_quant_keep",
    "rms_norm_token_quant",
    "rms_norm_token_quant_keep",
    "rope",
    "rope_kv_cache",
    "silu_and_mul",
    "silu_mul_group_quant",
    "silu_mul_mx_quant",
    "silu_mul_nvfp4_quant",
    "silu_mul_static_quant",
    "silu_mul_token_quant",
    "static_quant",
    "token_quant",
]
