"""Runs the ops with rotary embedding and a cache on the emulator, through their binding, and checks what they give.

In: CPU tensors. Out: the op's results, the caches written; AssertionError where they are not what the contract in
`patdsl/reference` allows: equal bit for bit to it, and within the error that fp32 may make of float64.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from kernel_emulator import Buffer, Emulator, Mode
from row_values import assert_same
from torch import Tensor

from patdsl.kernels import library, rope_call, rope_checks, rope_kv_cache
from patdsl.reference import kv_cache_in_place, rotary
from patdsl.runtime.target import use_target

BF16, F16 = torch.bfloat16, torch.float16
REFERENCES: dict[str, Callable[..., Any]] = {
    "rope": rotary.rope,
    "rope_kv_cache": kv_cache_in_place.rope_kv_cache,
    "kv_cache_write": kv_cache_in_place.kv_cache_write,
    "mla_rope_kv_cache": kv_cache_in_place.mla_rope_kv_cache,
    "mla_rope_pe_kv_cache": kv_cache_in_place.mla_rope_pe_kv_cache,
    "mla_kv_cache_write": kv_cache_in_place.mla_kv_cache_write,
}
# Where PatdslRopeCall has addresses.
POINTERS = {0, 1, 2, 10, 11, 12, 13, 22, 23, 24, 25, 35, 36, 37}
POISON = 0xA5


class RopeOnEmulator:
    """The ops, with the emulator in place of a loaded library and CPU tensors in place of a GPU's.

    Every storage that the binding hands on is a buffer of its exact size. `copied` counts the arguments that the
    binding had to copy.
    """

    def __init__(self, emulator: Emulator, mode: Mode, patch: pytest.MonkeyPatch) -> None:
        self._emulator, self.mode, self.copied, self.config = emulator, mode, 0, 0
        self._storages: dict[int, Tensor] = {}
        patch.setattr(library, "function", self._function)
        patch.setattr(rope_call, "_stream", lambda device: 0)
        patch.setattr(rope_checks, "_formats", {-1: mode.fp8})
        patch.setattr(rope_call, "_heads", self._heads(rope_call._heads))
        for name in ("launch_pair", "launch_latent"):
            patch.setattr(rope_kv_cache, name, self._launch(getattr(rope_call, name)))

    def call(self, op: str, *arguments: Any) -> tuple[Tensor, ...]:
        with use_target("gfx942" if self.mode.fnuz else "gfx950"):
            return getattr(rope_kv_cache, op)(*arguments) or ()

    def _keep(self, tensors: Iterable[Tensor], poison: bool = False) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            whole = torch.empty(0, dtype=torch.uint8).set_(storage)
            if poison:
                whole.fill_(POISON)
            self._storages[storage.data_ptr()] = whole

    def _launch(self, launch: Callable[..., None]) -> Callable[..., None]:
        def kept(op: str, tokens: int, *arguments: Any) -> None:
            results = {"launch_pair": lambda: (arguments[2], arguments[4])}.get(
                launch.__name__, lambda: (arguments[1], arguments[3])
            )()
            self._storages.clear()
            self._keep(_tensors(arguments))
            queries, k_r = results
            made = ([queries[-1]] if queries else []) + ([] if k_r is None else [k_r])
            self._keep(made, poison=True)
            launch(op, tokens, *arguments, config=self.config)

        return kept

    def _heads(self, heads: Callable[..., Any]) -> Callable[..., Any]:
        def kept(x: Tensor, tokens: int, size: int) -> Any:
            found = heads(x, tokens, size)
            self.copied += found[0].data_ptr() != x.data_ptr()
            self._keep([found[0]])
            return found

        return kept

    def _function(self, name: str, device: int) -> Callable[[bytes], int]:
        def call(fields: bytes) -> int:
            numbers = struct.unpack(rope_call.FIELDS.format, fields)
            buffers = [Buffer(storage.numpy().tobytes()) for storage in self._storages.values()]
            places = [
                self._place(value) if index in POINTERS else (False, value)
                for index, value in enumerate(numbers)
            ]
            result = self._emulator.call(name.removeprefix("patdsl_"), buffers, places)
            for storage, buffer in zip(self._storages.values(), buffers, strict=True):
                if buffer.content:
                    storage.copy_(torch.frombuffer(bytearray(buffer.content), dtype=torch.uint8))
            return result

        return call

    def _place(self, address: int) -> tuple[int, int]:
        """1 more than how far into which buffer."""
        if address == 0:
            return 1, -1
        for past in (0, 1):  # an address just past a buffer is one of nothing
            for number, (begin, storage) in enumerate(self._storages.items()):
                if begin <= address < begin + storage.numel() + past:
                    return address - begin + 1, number
        raise AssertionError(f"an address {address:x} of no tensor")


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _tensors(one)


def draw(*shape: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Normal values times powers of two, so that sums of products cancel in every way."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator) * torch.exp2(2 * torch.randn(shape, generator=generator))
    return values.to(dtype)


def table(rows: int, rotary: int, dtype: torch.dtype, base: float = 100.0) -> Tensor:
    """cos_sin, [rows, rotary], of the angles that rotary embedding has."""
    frequencies = base ** -(torch.arange(0, rotary, 2, dtype=torch.float64) / rotary)
    angles = torch.arange(rows, dtype=torch.float64).unsqueeze(1) * frequencies
    return torch.cat([angles.cos(), angles.sin()], -1).to(dtype)


def filled(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    """A cache with something in it, which a wrong write changes."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.empty(0, dtype=dtype).element_size()
    raw = torch.randint(0, 100, (*shape[:-1], shape[-1] * size), dtype=torch.uint8, generator=generator)
    return raw.view(dtype)


def check(
    on: RopeOnEmulator, op: str, arguments: tuple[Any, ...], caches: tuple[Tensor, ...] = ()
) -> tuple[Tensor, ...]:
    """The op must give what the reference gives, and leave in `caches`, the whole of them, what it leaves.

    `caches`: tensors of whose storage the op's caches are parts. Out: the results.
    """
    kept = [whole.clone() for whole in caches]
    with use_target("gfx942" if on.mode.fnuz else "gfx950"):
        wanted = REFERENCES[op](*arguments) or ()
    expected = [whole.clone() for whole in caches]
    for whole, before in zip(caches, kept, strict=True):
        whole.copy_(before)
    got = on.call(op, *arguments)
    assert len(got) == len(wanted)
    for number, (one, other) in enumerate(zip(got, wanted, strict=True)):
        assert one.stride() == other.stride()
        assert_same(one, other, f"{op} result {number}")
    for number, (one, other) in enumerate(zip(caches, expected, strict=True)):
        fp8 = one.view(on.mode.fp8) if one.dtype == torch.uint8 else one
        assert_same(fp8.float(), other.view(fp8.dtype).float(), f"{op} cache {number}")
    return got


def check_exact(
    turned: Tensor, x: Tensor, positions: Tensor, cos_sin: Tensor, neox: bool, rotary: int
) -> None:
    """The first `rotary` values of `turned`, T[N, heads, D], against float64; the others must be those of `x`.

    Two products and a sum, each off by half a unit in the last place: 2 * 2^-24 of the sum of the products' sizes; then
    the rounding to T, which is monotone.
    """
    assert_same(turned[..., rotary:], x[..., rotary:], "the rest")
    angles = cos_sin.double()[positions].unsqueeze(1)
    cos, sin = angles.chunk(2, -1)
    wide = x[..., :rotary].double()
    a, b = wide.chunk(2, -1) if neox else (wide[..., ::2], wide[..., 1::2])
    got = turned[..., :rotary]
    got_a, got_b = got.chunk(2, -1) if neox else (got[..., ::2], got[..., 1::2])
    for found, exact, size in (
        (got_a, a * cos - b * sin, (a * cos).abs() + (b * sin).abs()),
        (got_b, b * cos + a * sin, (b * cos).abs() + (a * sin).abs()),
    ):
        slack = size * 2.0**-23 + 2.0**-149
        low, high = ((exact + side).float().to(found.dtype) for side in (-slack, slack))
        wrong = ~((low <= found) & (found <= high))
        assert not wrong.any(), f"{int(wrong.sum())} of {wrong.numel()} turned values are off"
