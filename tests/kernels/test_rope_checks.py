"""What the rotary and cache ops on GPUs refuse, and how they say it. On CPU tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from patdsl.kernels import rope_checks, rope_kv_cache

BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32
ONE = torch.ones(1)
POSITIONS, SLOTS = torch.arange(4), torch.arange(4)
Q, K, V = (torch.zeros(4, width, dtype=BF16) for width in (32, 16, 12))
COS_SIN = torch.zeros(9, 6, dtype=BF16)
KC, VC = torch.zeros(2, 3, 2, 8, dtype=BF16), torch.zeros(2, 3, 2, 6, dtype=BF16)
Q_NOPE, Q_PE = torch.zeros(4, 2, 10, dtype=BF16), torch.zeros(4, 2, 6, dtype=BF16)
K_PE, KV_C = torch.zeros(4, 1, 6, dtype=BF16), torch.zeros(4, 12, dtype=BF16)
LATENT = torch.zeros(2, 3, 18, dtype=BF16)


class ReachedError(Exception):
    """The checks let the call pass."""


@pytest.fixture(autouse=True)
def _no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*arguments: Any) -> None:
        raise ReachedError

    monkeypatch.setattr(rope_kv_cache, "launch_pair", reached)
    monkeypatch.setattr(rope_kv_cache, "launch_latent", reached)
    monkeypatch.setattr(rope_checks, "_formats", {-1: torch.float8_e4m3fn})


def pair(**changed: Any) -> dict[str, Any]:
    given = {"positions": POSITIONS, "query": Q, "key": K, "value": V, "cos_sin": COS_SIN, "neox": True}
    caches = {"key_cache": KC, "value_cache": VC, "slot_mapping": SLOTS, "k_scale": ONE, "v_scale": ONE}
    return {**given, **caches, **changed}


def latent(**changed: Any) -> dict[str, Any]:
    given = {"positions": POSITIONS, "q_nope": Q_NOPE, "q_pe": Q_PE, "k_pe": K_PE, "kv_c": KV_C}
    given |= {"cos_sin": COS_SIN, "kv_cache": LATENT, "slot_mapping": SLOTS, "k_scale": ONE}
    return {**given, "neox": False, **changed}


def both_caches(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {"key_cache": KC.to(dtype), "value_cache": VC.to(dtype)}


PASSES: list[tuple[str, dict[str, Any]]] = [
    ("rope_kv_cache", pair()),
    ("rope_kv_cache", pair(cos_sin=COS_SIN.float(), slot_mapping=SLOTS[:2])),
    ("rope_kv_cache", pair(**both_caches(torch.float8_e4m3fn))),
    ("rope_kv_cache", pair(**both_caches(torch.uint8))),
    ("mla_rope_kv_cache", latent()),
    ("mla_rope_kv_cache", latent(k_pe=K_PE[:, 0], kv_cache=LATENT.to(torch.uint8))),
]


@pytest.mark.parametrize(("op", "arguments"), PASSES)
def test_what_passes(op: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ReachedError):
        getattr(rope_kv_cache, op)(**arguments)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        # what no implementation takes
        ({"value": V.half()}, "value is torch.float16; accepted: torch.bfloat16"),
        ({"query": Q.half()}, "query is torch.float16; accepted: torch.bfloat16"),
        ({"query": Q[:, :30]}, "the last dimension of query is 30; accepted: whole heads of 8"),
        ({"positions": POSITIONS.int()}, "positions is torch.int32; accepted: torch.int64"),
        ({"positions": POSITIONS[:2]}, "key has shape .*accepted: 16 values for each of 2 positions"),
        ({"cos_sin": COS_SIN[:, :5]}, "cos_sin has 5 columns; accepted: an even number"),
        ({"key_cache": KC[0]}, "key_cache has shape .*accepted: .blocks, block_size, heads, head_size"),
        ({"key_cache": ONE[0]}, r"key_cache has shape \[\]"),
        ({"value_cache": VC[:1]}, "value_cache is .*accepted: the dtype, blocks and heads of key_cache"),
        (both_caches(torch.float8_e5m2), "key_cache is torch.float8_e5m2; accepted: torch.bfloat16"),
        ({"slot_mapping": torch.arange(5)}, r"slot_mapping is torch.int64\[5\]; accepted"),
        ({"k_scale": torch.ones(2)}, r"k_scale is torch.float32\[2\]; accepted: one element"),
        # what the kernels do not take
        ({"cos_sin": COS_SIN.half()}, "cos_sin is torch.float16; accepted: torch.bfloat16 or torch.float32"),
        ({"cos_sin": COS_SIN[:0]}, "cos_sin has no rows; accepted: one for each position"),
        ({"query": Q[:3, :8]}, "query has shape .*accepted: whole heads of 8 for each of 4 positions"),
        ({"key_cache": KC.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0)}, "key_cache has strides"),
    ],
)
def test_what_a_pair_refuses(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^rope_kv_cache: {words}"):
        rope_kv_cache.rope_kv_cache(**pair(**changed))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"q_nope": Q_NOPE[:, :1]}, "q_nope has shape .*accepted: that of q_pe"),
        ({"q_nope": Q_NOPE.half()}, "q_nope is torch.float16; accepted: torch.bfloat16"),
        ({"q_pe": Q_PE[..., :4]}, "q_pe has shape .*accepted: 6 columns"),
        ({"cos_sin": COS_SIN[:, :4]}, "cos_sin has shape .*accepted: 6 columns"),
        ({"kv_c": KV_C[:, :11]}, "kv_cache has shape .*accepted: .blocks, block_size, 17"),
        ({"k_pe": K_PE[:3]}, "k_pe has shape .*accepted: 6 values"),
        ({"positions": POSITIONS[:3]}, "k_pe has shape .*for each of 3 positions"),
        ({"k_pe": torch.zeros((), dtype=BF16)}, r"k_pe has shape \[\]"),
        ({"slot_mapping": SLOTS.view(2, 2)}, r"slot_mapping is torch.int64\[2, 2\]"),
        ({"cos_sin": COS_SIN.half()}, "cos_sin is torch.float16; accepted"),
        ({"kv_cache": LATENT.permute(2, 0, 1).contiguous().permute(1, 2, 0)}, "kv_cache has strides"),
        ({"q_nope": torch.zeros(4, 2, 2048, dtype=BF16)}, "a head has 2054 values; accepted: 2048 at most"),
    ],
)
def test_what_the_latent_form_refuses(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^mla_rope_kv_cache: {words}"):
        rope_kv_cache.mla_rope_kv_cache(**latent(**changed))


def test_other_ops_refuse_by_their_own_names() -> None:
    arguments = latent(q_pe=Q_PE.half())
    del arguments["q_nope"]
    with pytest.raises(ValueError, match=r"^mla_rope_pe_kv_cache: q_pe is torch.float16"):
        rope_kv_cache.mla_rope_pe_kv_cache(**arguments)
    wide = torch.zeros(2, 4096, dtype=BF16)
    with pytest.raises(ValueError, match=r"^rope: a head has 4096 values; accepted: 2048 at most"):
        rope_kv_cache.rope(POSITIONS[:2], wide, wide, 4096, COS_SIN, True)
    with pytest.raises(
        ValueError, match=r"^rope: the key is torch.float32; accepted: torch.bfloat16, torch.float16"
    ):
        rope_kv_cache.rope(POSITIONS, Q.float(), K.float(), 8, COS_SIN.float(), True)
    with pytest.raises(ValueError, match=r"^kv_cache_write: the key is torch.float32"):
        rope_kv_cache.kv_cache_write(K.float(), V.float(), KC.float(), VC.float(), SLOTS, ONE, ONE)
    with pytest.raises(ValueError, match=r"^mla_kv_cache_write: kv_cache is torch.float16"):
        rope_kv_cache.mla_kv_cache_write(KV_C, K_PE, LATENT.half(), SLOTS, ONE)


def test_more_slots_than_a_kernel_counts() -> None:
    """Without the memory: a cache whose blocks are one and the same."""
    cache = torch.zeros(1, 1, 2, 8, dtype=BF16).expand(2**20, 2**12, 2, 8)
    with pytest.raises(
        ValueError, match=r"kv_cache_write: key_cache has 4294967296 slots; accepted: 2147483647"
    ):
        rope_kv_cache.kv_cache_write(K, K, cache, cache, SLOTS, ONE, ONE)
