"""The ops with rotary embedding and a cache on a GPU: bit for bit the reference's on the CPU, and against float64."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from rope_cases import BF16, F16, REFERENCES, check_exact, draw, filled, table
from row_values import assert_same
from torch import Tensor

import patdsl.reference  # noqa: F401  registers the ops
from patdsl.kernels import bind, library
from patdsl.kernels.rope_call import Turning, launch_pair
from patdsl.register_ops import runs_on
from patdsl.runtime.target import use_target

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]

ONE = torch.ones(1)
FORMS = [(neox, dtype) for neox in (True, False) for dtype in (BF16, F16)]
NAMES = ["neox-bf16", "neox-f16", "gptj-bf16", "gptj-f16"]


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    bind.register()


def fp8() -> torch.dtype:
    return library.fp8_dtype(library.device_arch(0))


def op(name: str) -> Any:
    return getattr(torch.ops.patdsl, name)


def moved(value: Any, storages: dict[int, Tensor]) -> Any:
    """`value` on the GPU; tensors keep their strides and what they share."""
    if not isinstance(value, Tensor):
        return value
    storage = value.untyped_storage()
    key = storage.data_ptr()
    if key not in storages:
        storages[key] = torch.empty(0, dtype=torch.uint8).set_(storage).cuda()
    whole = torch.empty(0, dtype=value.dtype, device="cuda").set_(storages[key].untyped_storage())
    return whole.as_strided(value.shape, value.stride(), value.storage_offset())


def check(name: str, arguments: tuple[Any, ...], caches: tuple[Tensor, ...] = ()) -> tuple[Tensor, ...]:
    """The op on the GPU must give, and leave in the whole of the `caches`, what the reference does on the CPU."""
    storages: dict[int, Tensor] = {}
    on_gpu = [moved(one, storages) for one in arguments]
    gpu_caches = [moved(one, storages) for one in caches]
    got = op(name)(*on_gpu) or ()
    with use_target(library.device_arch(0)):
        wanted = REFERENCES[name](*arguments) or ()
    for number, (one, other) in enumerate(zip(got, wanted, strict=True)):
        assert one.stride() == other.stride()
        assert_same(one.cpu(), other, f"{name} result {number}")
    for number, (one, other) in enumerate(zip(gpu_caches, caches, strict=True)):
        kind = fp8() if other.dtype == torch.uint8 else other.dtype
        assert_same(one.cpu().view(kind).float(), other.view(kind).float(), f"{name} cache {number}")
    return tuple(one.cpu() for one in got)


def inputs(tokens: int, heads: tuple[int, int], size: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """positions, and q, k, v as slices of one projection."""
    widths = [heads[0] * size, heads[1] * size, heads[1] * size]
    qkv = draw(tokens, sum(widths), dtype=dtype, seed=tokens + size)
    return (torch.arange(tokens) * 7 + 3) % 4096, *qkv.split(widths, -1)


def shuffled(count: int, tokens: int) -> Tensor:
    """A slot for each token; every seventh has none."""
    slots = torch.randperm(count, generator=torch.Generator().manual_seed(count))[:tokens]
    slots[::7] = -1
    return slots


@pytest.mark.parametrize("kind", ["T", "fp8", "bytes"])
@pytest.mark.parametrize(("neox", "dtype"), FORMS, ids=NAMES)
@pytest.mark.parametrize(
    ("tokens", "heads", "size", "rotary"),
    [
        (1, (32, 8), 128, 128),
        (3, (8, 1), 64, 64),
        (37, (64, 8), 128, 64),
        (129, (16, 16), 256, 256),
        (512, (5, 3), 80, 40),
        (1024, (32, 8), 128, 128),
        (7, (128, 128), 64, 32),
        (11, (3, 1), 7, 4),
    ],
)
def test_rope_kv_cache(
    tokens: int, heads: tuple[int, int], size: int, rotary: int, neox: bool, dtype: torch.dtype, kind: str
) -> None:
    positions, q, k, v = inputs(tokens, heads, size, dtype)
    cos_sin = table(4096, rotary, dtype if tokens % 2 else torch.float32)
    cache_dtype = {"T": dtype, "fp8": fp8(), "bytes": torch.uint8}[kind]
    blocks = tokens // 16 + 2
    cache = filled(blocks, 2, 16, heads[1], size, dtype=cache_dtype)
    last = (shuffled(blocks * 16, tokens), ONE * 0.37, ONE * 5)
    q_r, k_r = check("rope_kv_cache", (positions, q, k, v, cos_sin, neox, *cache.unbind(1), *last), (cache,))
    for turned, x in ((q_r, q), (k_r, k)):
        both = (turned.view(tokens, -1, size), x.reshape(tokens, -1, size))
        check_exact(*both, positions, cos_sin, neox, rotary)
    check("rope", (positions, q, k, size, cos_sin, neox))
    by_heads = filled(2, blocks, heads[1], 16, size, dtype=cache_dtype)
    check("kv_cache_write", (k, v, *by_heads.transpose(2, 3), *last), (by_heads,))


@pytest.mark.parametrize("kind", ["T", "fp8"])
@pytest.mark.parametrize(("neox", "dtype"), FORMS, ids=NAMES)
@pytest.mark.parametrize(
    ("tokens", "heads", "latent", "rotary"),
    [(1, 128, 512, 64), (33, 128, 512, 64), (700, 16, 512, 64), (9, 3, 40, 6)],
)
def test_mla(
    tokens: int, heads: int, latent: int, rotary: int, neox: bool, dtype: torch.dtype, kind: str
) -> None:
    positions = (torch.arange(tokens) * 5 + 1) % 1000
    q_pe = draw(tokens, heads, 128 + rotary, dtype=dtype, seed=1)[..., 128:]
    q_nope = draw(heads, tokens, latent, dtype=dtype, seed=2).transpose(0, 1)
    kv_c, k_pe = draw(tokens, latent + rotary, dtype=dtype, seed=3).split([latent, rotary], -1)
    blocks = tokens // 64 + 2
    cache = filled(blocks, 64, latent + rotary, dtype=fp8() if kind == "fp8" else dtype)
    last = (cache, shuffled(blocks * 64, tokens), ONE * 0.3)
    cos_sin = table(1000, rotary, dtype)
    arguments = (q_pe, k_pe.unsqueeze(1), kv_c, cos_sin, neox, *last)
    q, _ = check("mla_rope_kv_cache", (positions, q_nope, *arguments), (cache,))
    check_exact(q[..., latent:], q_pe, positions, cos_sin, neox, rotary)
    check("mla_rope_pe_kv_cache", (positions, *arguments), (cache,))
    check("mla_kv_cache_write", (kv_c, k_pe, *last), (cache,))


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
def test_every_value_in_fp8(dtype: torch.dtype) -> None:
    """Each number of the dtype, NaN and infinities too, over scales that make ties, saturate and divide unevenly."""
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype).view(16, 4096)
    k, v = every[:, :2048], every[:, 2048:]
    scales = (1.0, 0.25, 3.7e-3, 448.0, 1.1, 1e30, 1e-30, 2.0**-130, 0.0, float("inf"), 0.0377, 1 / 3)
    for first, second in itertools.pairwise(scales):
        cache = filled(2, 4, 4, 2, 1024, dtype=fp8())
        last = (torch.arange(16).flip(0), torch.tensor([first]), torch.tensor([second]))
        check("kv_cache_write", (k, v, *cache, *last), (cache,))


def test_nan_infinity_and_wrong_positions() -> None:
    positions, q, k, v = inputs(5, (4, 2), 64, BF16)
    for x in (q, k, v):
        x[0, 5], x[1, 17], x[2, 0], x[2, 32] = float("nan"), float("inf"), float("inf"), -float("inf")
    cache = filled(2, 1, 8, 2, 64, dtype=fp8())
    cos_sin = table(4096, 64, torch.float32)
    check("rope_kv_cache", (positions, q, k, v, cos_sin, True, *cache, torch.arange(5), ONE, ONE), (cache,))
    outside = torch.tensor([0, -1, 4096, 2**40, 1]).cuda()
    q_r, _ = op("rope")(outside, q.cuda(), k.cuda(), 64, cos_sin.cuda(), True)
    assert q_r[1:4].isnan().all()
    assert not q_r[4].isnan().any()


@pytest.mark.parametrize("config", [1, 2, 3, 4, 64])
def test_every_division_of_heads(config: int) -> None:
    positions, q, k, _ = (x.cuda() for x in inputs(300, (32, 8), 128, BF16))
    cos_sin = table(4096, 128, BF16).cuda()
    wanted = op("rope")(positions, q, k, 128, cos_sin, True)
    got = torch.empty_like(wanted[0]), torch.empty_like(wanted[1])
    turning = Turning(positions, cos_sin, True)
    launch_pair("test", 300, 128, turning, (q, got[0]), k, got[1], None, None, config)
    for one, other in zip(got, wanted, strict=True):
        assert torch.equal(one, other)


def test_many_elements() -> None:
    """Queries past 2^31 elements, and a cache past 2^31: its last slot is written."""
    tokens, width = 2**31 // 4096 + 3, 4096
    q = torch.ones(1, width, device="cuda", dtype=BF16).repeat(tokens, 1)
    q[-1, 5] = 3.0
    k = q[:, :128]
    cos_sin = table(64, 128, BF16).cuda()
    positions = torch.full((tokens,), 9, device="cuda")
    q_r, k_r = op("rope")(positions, q, k, 128, cos_sin, True)
    one_q, one_k = op("rope")(positions[-1:], q[-1:], k[-1:], 128, cos_sin, True)
    assert torch.equal(q_r[-1:], one_q)
    assert torch.equal(k_r[-1:], one_k)
    del q, q_r
    blocks = 2**31 // (16 * 8 * 128) + 2
    cache = torch.zeros(blocks, 16, 8, 128, device="cuda", dtype=BF16)
    key = draw(2, 8 * 128, dtype=BF16, seed=3).cuda()
    slots = torch.tensor([blocks * 16 - 1, 5], device="cuda")
    one = torch.ones(1, device="cuda")
    op("kv_cache_write")(key, key, cache, torch.zeros_like(cache), slots, one, one)
    assert torch.equal(cache[-1, -1].flatten(), key[0])
    assert torch.equal(cache[0, 5].flatten(), key[1])
    assert cache.count_nonzero() == key.count_nonzero()


def test_no_tokens() -> None:
    nothing = [
        torch.zeros(0, dtype=torch.int64),
        *(torch.zeros(0, width, dtype=BF16) for width in (128, 64, 64)),
    ]
    cache = filled(2, 2, 4, 1, 64, dtype=BF16)
    slots = torch.zeros(0, dtype=torch.int64)
    check("rope_kv_cache", (*nothing, table(9, 64, BF16), True, *cache, slots, ONE, ONE), (cache,))


def test_graph_on_a_stream() -> None:
    """A launch goes to the current stream, and a graph of it can be replayed on new values and slots."""
    positions, q, k, v = (x.cuda() for x in inputs(64, (32, 8), 128, BF16))
    cos_sin, one = table(4096, 128, BF16).cuda(), torch.ones(1, device="cuda")
    cache = torch.zeros(2, 8, 16, 8, 128, device="cuda", dtype=fp8())
    slots = torch.arange(64, device="cuda")
    arguments = (positions, q, k, v, cos_sin, True, *cache, slots, one, one)
    op("rope_kv_cache")(*arguments)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        q_r, k_r = op("rope_kv_cache")(*arguments)
    k.neg_()
    slots.add_(32)
    cache.view(torch.uint8).zero_()
    graph.replay()
    replayed = cache.clone()
    cache.view(torch.uint8).zero_()
    for got, want in zip((q_r, k_r), op("rope_kv_cache")(*arguments), strict=True):
        assert torch.equal(got, want)
    assert torch.equal(replayed.view(torch.uint8), cache.view(torch.uint8))
    assert not cache[:, :2].float().any()
    assert cache[:, 2:6].float().any()


def test_opcheck_and_dispatch() -> None:
    positions, q, k, v = (x.cuda() for x in inputs(4, (4, 2), 64, BF16))
    cos_sin, one = table(4096, 64, BF16).cuda(), torch.ones(1, device="cuda")
    keys, values = (torch.zeros(2, 4, 2, 64, device="cuda", dtype=BF16) for _ in range(2))
    last = (torch.arange(4, device="cuda"), one, one)
    for name in REFERENCES:
        assert runs_on(name, "cuda") == "kernel"
    torch.library.opcheck(op("rope").default, (positions, q, k, 64, cos_sin, False))
    torch.library.opcheck(
        op("rope_kv_cache").default, (positions, q, k, v, cos_sin, True, keys, values, *last)
    )
    latent = torch.zeros(2, 4, 128, device="cuda", dtype=BF16)
    parts = (q.unflatten(-1, (4, 64)), k[:, :64], v[:, :64])
    torch.library.opcheck(
        op("mla_rope_pe_kv_cache").default, (positions, *parts, cos_sin, True, latent, *last[:2])
    )


def test_errors() -> None:
    positions, q, k, v = (x.cuda() for x in inputs(4, (4, 2), 64, BF16))
    cos_sin, one = table(4096, 64, BF16).cuda(), torch.ones(1, device="cuda")
    memory = torch.zeros(4096, device="cuda", dtype=BF16)
    keys = torch.zeros(2, 4, 2, 64, device="cuda", dtype=BF16)
    last = (torch.arange(4, device="cuda"), one, one)
    over, queries = memory[256:1280].view(2, 4, 2, 64), memory[:1024].view(4, 256)
    with pytest.raises(ValueError, match=r"rope_kv_cache: a cache overlaps an input in memory"):
        op("rope_kv_cache")(positions, queries, k, v, cos_sin, True, over, keys, *last)
    with pytest.raises(ValueError, match=r"slot_mapping is on cpu, the key on cuda:0"):
        op("rope_kv_cache")(positions, q, k, v, cos_sin, True, keys, keys, last[0].cpu(), one, one)
    with pytest.raises(ValueError, match=r"rope: the key is torch.float32; accepted: torch.bfloat16"):
        op("rope")(positions, q.float(), k.float(), 64, cos_sin, True)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_another_gpu() -> None:
    """The launch goes to the tensors' device, whichever is current."""
    given = [x.to("cuda:1") for x in (*inputs(4, (4, 2), 64, BF16)[:3], table(4096, 64, BF16))]
    got = op("rope")(*given[:3], 64, given[3], True)
    wanted = op("rope")(*(x.to("cuda:0") for x in given[:3]), 64, given[3].to("cuda:0"), True)
    for one, other in zip(got, wanted, strict=True):
        assert one.device == torch.device("cuda:1")
        assert torch.equal(one.cpu(), other.cpu())
