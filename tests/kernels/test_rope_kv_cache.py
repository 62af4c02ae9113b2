"""The rotary and cache kernels under the emulator: bit for bit the reference's, and against float64."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch
from kernel_emulator import Buffer, Emulator, Mode
from rope_cases import BF16, F16, POINTERS, RopeOnEmulator, check, check_exact, draw, filled, table
from torch import Tensor

from patdsl.kernels.errors import KernelError
from patdsl.locate import kernels_folder

pytestmark = pytest.mark.slow

ONE = torch.ones(1)
FORMS = [(neox, dtype) for neox in (True, False) for dtype in (BF16, F16)]
NAMES = ["neox-bf16", "neox-f16", "gptj-bf16", "gptj-f16"]


@pytest.fixture
def on(emulator: Emulator, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> RopeOnEmulator:
    return RopeOnEmulator(emulator, mode, monkeypatch)


def inputs(tokens: int, heads: tuple[int, int], sizes: tuple[int, int], dtype: torch.dtype) -> list[Tensor]:
    """positions, q, k, v: not in order, some twice."""
    positions = (torch.arange(tokens) * 7 + 3) % 23
    (a, g), (size, v_size) = heads, sizes
    q = draw(tokens, a * size, dtype=dtype, seed=1)
    return [
        positions,
        q,
        draw(tokens, g * size, dtype=dtype, seed=2),
        draw(tokens, g * v_size, dtype=dtype, seed=3),
    ]


@pytest.mark.parametrize(("neox", "dtype"), FORMS, ids=NAMES)
@pytest.mark.parametrize(
    ("size", "rotary"),
    [
        (64, 64),
        (128, 128),
        (256, 256),
        (128, 64),
        (96, 32),
        (80, 80),
        (80, 20),
        (36, 24),
        (7, 4),
        (2, 2),
        (192, 2),
    ],
)
def test_sizes(on: RopeOnEmulator, size: int, rotary: int, neox: bool, dtype: torch.dtype) -> None:
    """Heads that vectors divide and others, turned whole and in part."""
    for angles in (dtype, torch.float32):
        positions, q, k, v = inputs(5, (4, 2), (size, size), dtype)
        cos_sin = table(23, rotary, angles)
        slots = torch.tensor([3, 0, 11, 7, 8])
        cache = filled(2, 3, 4, 2, size, dtype=dtype)
        arguments = (positions, q, k, v, cos_sin, neox, *cache, slots, ONE, ONE)
        q_r, k_r = check(on, "rope_kv_cache", arguments, (cache,))
        for got, x in ((q_r, q), (k_r, k)):
            heads = (got.view(5, -1, size), x.view(5, -1, size))
            check_exact(*heads, positions, cos_sin, neox, rotary)
    assert on.copied == 0


def test_strides(on: RopeOnEmulator) -> None:
    """Slices of one projection, with as many heads of v as of k and longer ones; a table that is part of another."""
    a, g, size, v_size = 6, 2, 64, 96
    for neox, dtype, shift in ((True, BF16, 0), (False, F16, 8), (True, F16, 1), (False, BF16, 3)):
        widths = [a * size, g * size, g * v_size]
        qkv = draw(7, shift + sum(widths) + 8, dtype=dtype, seed=4)[:, shift : shift + sum(widths)]
        q, k, v = qkv.split(widths, -1)
        cos_sin = table(23, 96, dtype)[:, 32:]
        positions = torch.arange(7) + 4
        caches = filled(3, 4, g, size, dtype=dtype), filled(3, 4, g, v_size, dtype=dtype)
        slots = torch.tensor([1, 0, 11, 9, -1, 5, 6])
        q_r, _ = check(
            on, "rope_kv_cache", (positions, q, k, v, cos_sin, neox, *caches, slots, ONE, ONE), caches
        )
        check_exact(q_r.view(7, a, size), q.reshape(7, a, size), positions, cos_sin, neox, 64)
        assert on.copied == 0
        # The same as [tokens, heads, size], and as heads that do not follow one another.
        apart = [x.unflatten(-1, (-1, width)) for x, width in ((q, size), (k, size), (v, v_size))]
        check(on, "rope_kv_cache", (positions, *apart, cos_sin, neox, *caches, slots, ONE, ONE), caches)
        turned = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in apart]
        check(on, "rope_kv_cache", (positions, *turned, cos_sin, neox, *caches, slots, ONE, ONE), caches)
        assert on.copied == 0
        batched = [x.reshape(1, 7, -1).contiguous() for x in (q, k, v)]
        check(
            on,
            "rope_kv_cache",
            (positions.view(1, 7), *batched, cos_sin, neox, *caches, slots, ONE, ONE),
            caches,
        )
        check(on, "rope", (positions, q, k, size, cos_sin, neox))
    assert on.copied == 0


def test_what_must_be_copied(on: RopeOnEmulator) -> None:
    """Values that do not lie side by side, positions and a table too."""
    q, k, v = (draw(128, 6, dtype=BF16, seed=seed).t() for seed in (1, 2, 3))
    positions = torch.arange(12)[::2]
    cos_sin = table(32, 23, torch.float32)[:22].t()[:, :22]
    cache = filled(2, 2, 4, 2, 64, dtype=BF16)
    slots = torch.arange(12)[1::2] - 5
    check(on, "rope_kv_cache", (positions, q, k, v, cos_sin, True, *cache, slots, ONE, ONE), (cache,))
    assert on.copied == 3


@pytest.mark.parametrize("fp8", [False, True], ids=["T", "fp8"])
@pytest.mark.parametrize("size", [64, 24])
def test_cache_layouts(on: RopeOnEmulator, size: int, fp8: bool) -> None:
    """Keys and values apart, in one cache by turns, by heads, with room between blocks; blocks of any size."""
    positions, q, k, v = inputs(6, (3, 3), (size, size), BF16)
    cos_sin = table(23, 16, BF16)
    dtype = on.mode.fp8 if fp8 else BF16
    for blocks, block_size in ((2, 4), (1, 8), (8, 1), (3, 5)):
        slots = torch.randperm(blocks * block_size, generator=torch.Generator().manual_seed(size))[:6]
        whole = filled(2, blocks, block_size, 3, size, dtype=dtype)
        turns = filled(blocks, 2, block_size, 3, size, dtype=dtype)
        heads = filled(2, blocks, 3, block_size, size, dtype=dtype)
        apart = filled(2, blocks, block_size * 3 * size + 16, dtype=dtype)
        as_blocks = apart[..., : block_size * 3 * size].unflatten(-1, (block_size, 3, size))
        layouts = (
            (whole, whole),
            (turns, turns.transpose(0, 1)),
            (heads, heads.transpose(2, 3)),
            (apart, as_blocks),
        )
        for base, (key_cache, value_cache) in layouts:
            caches = (key_cache, value_cache, slots, ONE * 0.5, ONE * 3)
            check(on, "rope_kv_cache", (positions, q, k, v, cos_sin, True, *caches), (base,))
            check(on, "kv_cache_write", (k, v, *caches), (base,))


def test_slots(on: RopeOnEmulator) -> None:
    """Tokens without one are turned and not cached: -1, others below 0, past the cache, past slot_mapping."""
    positions, q, k, v = inputs(6, (2, 1), (64, 64), BF16)
    cos_sin = table(23, 64, BF16)
    for numbers in ([-1] * 6, [3, -1, 2, 8, 2**40, -(2**62)], [7, 0], [-1], []):
        slots = torch.tensor(numbers, dtype=torch.int64)
        cache = filled(2, 2, 4, 1, 64, dtype=BF16)
        before = cache.clone()
        check(on, "rope_kv_cache", (positions, q, k, v, cos_sin, True, *cache, slots, ONE, ONE), (cache,))
        written = sum(0 <= number < 8 for number in numbers)
        changed = (cache != before).reshape(2, 8, 64).any(-1).sum(1)
        assert changed.tolist() == [written, written]


def test_no_tokens_and_no_blocks(on: RopeOnEmulator) -> None:
    cos_sin = table(23, 64, BF16)
    nothing = [
        torch.zeros(0, dtype=torch.int64),
        *(torch.zeros(0, width, dtype=BF16) for width in (128, 64, 64)),
    ]
    cache = filled(2, 2, 4, 1, 64, dtype=BF16)
    slots = torch.zeros(0, dtype=torch.int64)
    check(on, "rope_kv_cache", (*nothing, cos_sin, True, *cache, slots, ONE, ONE), (cache,))
    check(on, "rope", (*nothing[:3], 64, cos_sin, True))
    check(on, "kv_cache_write", (*nothing[2:], *cache, slots, ONE, ONE), (cache,))
    positions, q, k, v = inputs(3, (2, 1), (64, 64), BF16)
    no_blocks = filled(2, 0, 4, 1, 64, dtype=BF16)
    check(on, "rope_kv_cache", (positions, q, k, v, cos_sin, True, *no_blocks, torch.arange(3), ONE, ONE))
    latent = filled(2, 4, 96, dtype=BF16)
    rows = [torch.zeros(0, 2, 32, dtype=BF16), torch.zeros(0, 32, dtype=BF16), torch.zeros(0, 64, dtype=BF16)]
    last = (table(9, 32, BF16), True, latent, slots, ONE)
    check(on, "mla_rope_kv_cache", (nothing[0], rows[0], *rows, *last), (latent,))


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
def test_every_value_in_fp8(on: RopeOnEmulator, dtype: torch.dtype) -> None:
    """Each number of the dtype, NaN and infinities too, over scales that make ties, saturate and divide unevenly."""
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype).view(16, 4096)
    k, v = every[:, :2048].contiguous(), every[:, 2048:].contiguous()
    scales = [1.0, 0.25, 3.7e-3, 448.0, 1.1, 0.02, -0.7, 1e30, 1e-30, 2.0**-130, -0.0, 0.0]
    scales += [
        float("inf"),
        -float("inf"),
        float("nan"),
        3e38,
        2.0**-149,
        -1.7e-40,
        1.3 * 2.0**64,
        1.9 * 2.0**-70,
    ]
    # Beside the places where the kernel begins to divide with powers of two put aside.
    scales += [
        sign * 2.0**power * near for sign in (1, -1) for power in (-100, 101) for near in (1, 1 - 2**-24)
    ]
    for pair in zip(scales[::2], scales[1::2], strict=True):
        cache = filled(2, 4, 4, 2, 1024, dtype=on.mode.fp8)
        slots = torch.arange(16).flip(0)
        caches = (*cache, slots, *(torch.tensor([scale]) for scale in pair))
        check(on, "kv_cache_write", (k, v, *caches), (cache,))
    largest = torch.finfo(on.mode.fp8).max
    ends = torch.tensor([[30000.0, -30000.0, float("inf"), -float("inf")] * 16], dtype=dtype)
    cache = filled(2, 1, 1, 1, 64, dtype=on.mode.fp8)
    on.call("kv_cache_write", ends, ends, *cache, torch.tensor([0]), ONE, ONE)
    assert cache[0].float().flatten().tolist() == [largest, -largest] * 32


QUOTIENTS = r"""
#include <cstdio>

#include "patdsl/rope_unit.h"

// Prints how many quotients of fp32 differ from those of a division, and how many of them could do so in fp8.
int main() {
  using namespace patdsl;
  long other = 0, wrong = 0;
  for (Word mantissa = 0; mantissa < 1u << 23; ++mantissa) {
    const float scale = as_float(0x3f800000u | mantissa);
    const Inverse inverted = inverse(scale);
    unsigned others = 0, wrongs = 0;
    for (Word i = 0; i < 1024; ++i) {
      const float value = as_float(0x3f800000u | i << 13);
      // The border between two fp8 values has at most 5 significant bits: the 19 others are 0. A coarser one, too.
      const Word want = as_bits(value / scale), got = as_bits(quotient(value, inverted));
      const bool apart = want >> 19 != got >> 19 || (want << 13 == 0) != (got << 13 == 0);
      others += want != got, wrongs += want != got && apart;
    }
    other += others, wrong += wrongs;
  }
  std::printf("%ld %ld", other, wrong);
}
"""


def test_all_quotients(tmp_path: Path) -> None:
    """All values of 11 significant bits over all scales, of a binade each: the other binades are the same."""
    if "fma" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("needs a processor with fused multiply-add: otherwise it takes minutes")
    source = tmp_path / "quotients.cpp"
    source.write_text(QUOTIENTS)
    options = [
        "-std=c++17",
        "-O3",
        "-march=native",
        "-ffp-contract=off",
        "-fno-math-errno",
        "-DPATDSL_EMULATE",
    ]
    options += ["-DPATDSL_WAVE=32", "-DPATDSL_FNUZ=0", "-Wno-unknown-pragmas"]
    options += [f"-I{kernels_folder() / name}" for name in ("include", "emulator")]
    simt = kernels_folder() / "emulator" / "simt.cpp"
    subprocess.run(["g++", *options, str(source), str(simt), "-o", str(tmp_path / "quotients")], check=True)
    done = subprocess.run([tmp_path / "quotients"], capture_output=True, text=True, check=True)
    other, wrong = map(int, done.stdout.split())
    assert wrong == 0
    assert 0 < other < 1000, (
        "the quotients themselves are not all the division's, or the look would be no look"
    )


def test_bytes_are_an_fp8_cache(on: RopeOnEmulator) -> None:
    positions, q, k, v = inputs(3, (2, 2), (48, 32), F16)
    cache, values = filled(2, 2, 2, 48, dtype=torch.uint8), filled(2, 2, 2, 32, dtype=torch.uint8)
    last = (cache, values, torch.tensor([2, 0, 3]), ONE * 0.1, ONE * 7)
    check(on, "rope_kv_cache", (positions, q, k, v, table(23, 48, F16), False, *last), (cache, values))


@pytest.mark.parametrize(("neox", "dtype"), FORMS, ids=NAMES)
def test_nan_and_infinity(on: RopeOnEmulator, neox: bool, dtype: torch.dtype) -> None:
    """As the arithmetic has them: an infinity is one, or NaN where the other half is or where it meets a zero."""
    positions, q, k, v = inputs(4, (2, 2), (64, 64), dtype)
    for x in (q, k, v):
        x[0, 5], x[1, 17], x[2, 0], x[2, 32], x[3, 3] = (
            float(word) for word in ("nan", "inf", "inf", "-inf", "-0.0")
        )
    cos_sin = table(23, 32, torch.float32)
    cos_sin[3, 0], cos_sin[10, 2] = float("nan"), float("inf")
    cache = filled(2, 1, 4, 2, 64, dtype=on.mode.fp8)
    check(
        on, "rope_kv_cache", (positions, q, k, v, cos_sin, neox, *cache, torch.arange(4), ONE, ONE), (cache,)
    )


@pytest.mark.parametrize("size", [64, 20])
def test_a_position_without_angles(on: RopeOnEmulator, size: int) -> None:
    """NaN in what is turned of that token, and nothing else of it or of others."""
    positions, q, k, _ = inputs(4, (2, 1), (size, size), BF16)
    cos_sin = table(23, 16, BF16)
    inside = on.call("rope", positions, q, k, size, cos_sin, True)
    for wrong in (-1, 23, 2**40, -(2**63)):
        positions[2] = wrong
        outside = on.call("rope", positions, q, k, size, cos_sin, True)
        for one, other in zip(outside, inside, strict=True):
            heads, wanted = one.view(4, -1, size), other.view(4, -1, size)
            assert heads[2, :, :16].isnan().all()
            assert torch.equal(heads[2, :, 16:], wanted[2, :, 16:])
            assert torch.equal(heads[[0, 1, 3]], wanted[[0, 1, 3]])


@pytest.mark.parametrize("config", [0, 1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("heads", "size"), [((33, 3), 64), ((8, 8), 128), ((65, 1), 20), ((2, 1), 2048)])
def test_every_division_of_heads(on: RopeOnEmulator, heads: tuple[int, int], size: int, config: int) -> None:
    """However many heads a thread takes, and over more than one block a token."""
    on.config = config
    positions, q, k, v = inputs(2, heads, (size, size), BF16)
    cache = filled(2, 1, 2, heads[1], size, dtype=BF16)
    last = (*cache, torch.tensor([1, 0]), ONE, ONE)
    check(on, "rope_kv_cache", (positions, q, k, v, table(23, 16, BF16), False, *last), (cache,))


@pytest.mark.parametrize("fp8", [False, True], ids=["T", "fp8"])
@pytest.mark.parametrize(("neox", "dtype"), FORMS, ids=NAMES)
@pytest.mark.parametrize(
    ("heads", "nope", "latent", "rotary"),
    [(16, 512, 512, 64), (3, 128, 96, 32), (2, 64, 80, 64), (3, 5, 7, 6)],
)
def test_mla(
    on: RopeOnEmulator,
    heads: int,
    nope: int,
    latent: int,
    rotary: int,
    neox: bool,
    dtype: torch.dtype,
    fp8: bool,
) -> None:
    """Slices of the projections and a transposed q_nope, with k_pe of two and of three dimensions."""
    tokens = 3
    positions = torch.tensor([4, 0, 9])
    q = draw(tokens, heads, 32 + rotary, dtype=dtype, seed=1)
    q_pe = q[..., 32:]
    q_nope = draw(heads, tokens, nope, dtype=dtype, seed=2).transpose(0, 1)
    kv = draw(tokens, latent + rotary, dtype=dtype, seed=3)
    kv_c, k_pe = kv.split([latent, rotary], -1)
    cos_sin = table(11, rotary, torch.float32 if fp8 else dtype)
    base = filled(2, 4, latent + rotary, dtype=on.mode.fp8 if fp8 else dtype)
    last = (cos_sin, neox, base, torch.tensor([6, -1, 1]), ONE * 0.3)
    for key in (k_pe, k_pe.unsqueeze(1)):
        q_r, k_r = check(on, "mla_rope_kv_cache", (positions, q_nope, q_pe, key, kv_c, *last), (base,))
        check_exact(q_r[..., nope:], q_pe, positions, cos_sin, neox, rotary)
        check_exact(k_r.view(tokens, 1, rotary), k_pe.unsqueeze(1), positions, cos_sin, neox, rotary)
        apart, _ = check(on, "mla_rope_pe_kv_cache", (positions, q_pe, key, kv_c, *last), (base,))
        assert torch.equal(apart, q_r[..., nope:])
        check(on, "mla_kv_cache_write", (kv_c, key, *last[2:]), (base,))
    assert on.copied == 0


def test_a_cache_that_is_an_input(on: RopeOnEmulator) -> None:
    positions, q, k, v = inputs(4, (2, 1), (64, 64), BF16)
    cos_sin = table(23, 64, BF16)
    memory = draw(2048, dtype=BF16, seed=9)
    over = memory[1000:1512].view(2, 4, 1, 64)
    apart = filled(2, 4, 1, 64, dtype=BF16)
    slots = torch.arange(4)
    for queries, keys, values, caches in (
        (memory[1500:2012].view(4, 128), k, v, (over, apart)),
        (q, memory[800:1056].view(4, 64), v, (apart, over)),
        (q, k, memory[1511:1767].view(4, 64), (over, apart)),
    ):
        with pytest.raises(ValueError, match="rope_kv_cache: a cache overlaps an input"):
            on.call(
                "rope_kv_cache", positions, queries, keys, values, cos_sin, True, *caches, slots, ONE, ONE
            )
    beside = memory[1512:2024].view(4, 128)
    on.call("rope_kv_cache", positions, beside, k, v, cos_sin, True, over, apart, slots, ONE, ONE)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (3, -1),
        (4, 5),
        (5, 0),
        (6, 3),
        (6, 2050),
        (7, -2),
        (7, 2**32),
        (9, 0),
        (8, 2**31),
        (15, 2049),
        (49, -1),
        (48, 2),
    ],
)
def test_bad_arguments(emulator: Emulator, place: int, value: int) -> None:
    """tokens, slots, table, turned values, strides, blocks, the rest, config and dtype that no kernel takes."""
    # One token, one head each of q, k and v, of 64 values.
    fields = [0, 0, 0, 1, 1, 8, 64, 64, 1, 1, *[0] * 4, 1, 0, *[64] * 6]
    fields += [*[0] * 4, 1, 0, *[64] * 7, *[0] * 3, 1, 64, *[64] * 5, *[0] * 7]
    assert len(fields) == 52

    def call() -> int:
        buffers = [Buffer(bytes(1))]
        return emulator.call(
            "rope", buffers, [(True, 0) if i in POINTERS else (False, one) for i, one in enumerate(fields)]
        )

    assert call() == -2  # every address is the same: all but that is well
    fields[place] = value
    assert call() == -1


def test_a_call_that_no_kernel_takes_is_an_error(on: RopeOnEmulator) -> None:
    positions, q, k, _ = inputs(4, (2, 1), (64, 64), BF16)
    on.config = -1
    with pytest.raises(KernelError, match="rope: no kernel takes"):
        on.call("rope", positions, q, k, 64, table(23, 64, BF16), True)
