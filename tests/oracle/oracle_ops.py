"""The ops of the random cases: declarations, meaning, and `torch.ops.orc.*` that compute it.

In: nothing. Out: `PRELUDE`, the declarations that every random file begins with; `OPS`, what the generators need to
know of them; `fused_op`, a torch op that computes a program over these ops. Everything is int64 arithmetic that
wraps, so that results are equal exactly or not at all; odd constants make two different programs differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor

NUMBERS = (1.0, 2.0, 3.0)

PRELUDE = """\
op dbl(x: T[*B, H]) -> (y: T[*B, H]) = orc::dbl
op inc(x: T[*B, H]) -> (y: T[*B, H]) = orc::inc
op scale(x: T[*B, H], k: float = 1.0) -> (y: T[*B, H]) = orc::scale
op minus(a: T[*B, H], b: T[*B, H]) -> (y: T[*B, H]) = orc::minus
op plus(a: T[*B, H], b: T[*B, H]) -> (y: T[*B, H]) = orc::plus commutative
op spread(x: T[*B, H]) -> (low: T[*B, H], high: T[*B, H]) = orc::spread
op bump(x: T[*B, H], s: T[*B, H]) -> (y: T[*B, H]) = orc::bump_(mut x -> y, s)
op join(x: T[*B, H], r: T[*B, H]) -> (y: T[*B, H], total: T[*B, H]) = orc::join_(mut x -> y, mut r -> total)
op put(x: T[*B, H], k: float) -> (y: T[*B, H]) = orc::put effect cache
op get(x: T[*B, H], k: float) -> (y: T[*B, H]) = orc::get effect cache read
op tag(x: T[*B, H], k: float = 1.0) -> (y: T[*B, H]) = orc::tag free
"""


@attrs.frozen
class OpInfo:
    """`writes`: the operands that a torch op of this name writes, whose values afterwards are the results.

    `effect`: "" (none), "read" or "write".
    """

    name: str
    tensors: tuple[str, ...]
    results: tuple[str, ...]
    has_k: bool = False
    k_default: float | None = None
    writes: bool = False
    commutative: bool = False
    free: bool = False
    effect: str = ""


OPS = {
    info.name: info
    for info in (
        OpInfo("dbl", ("x",), ("y",)),
        OpInfo("inc", ("x",), ("y",)),
        OpInfo("scale", ("x",), ("y",), has_k=True, k_default=1.0),
        OpInfo("minus", ("a", "b"), ("y",)),
        OpInfo("plus", ("a", "b"), ("y",), commutative=True),
        OpInfo("spread", ("x",), ("low", "high")),
        OpInfo("bump", ("x", "s"), ("y",), writes=True),
        OpInfo("join", ("x", "r"), ("y", "total"), writes=True),
        OpInfo("put", ("x",), ("y",), has_k=True, effect="write"),
        OpInfo("get", ("x",), ("y",), has_k=True, effect="read"),
        OpInfo("tag", ("x",), ("y",), has_k=True, k_default=1.0, free=True),
    )
}

#: The state that `put` writes and `get` reads, slot by slot.
CACHE: dict[int, int] = {}


def _put(x: Tensor, k: int) -> tuple[Tensor, ...]:
    CACHE[k] = CACHE.get(k, 1) * 31 + int(x.sum())
    return (x * 17 + k,)


MEANING: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "dbl": lambda x: (x * 3 + 1,),
    "inc": lambda x: (x * 5 + 2,),
    "scale": lambda x, k: (x * (2 * k + 5) + 3,),
    "minus": lambda a, b: (a * 7 - b * 11,),
    "plus": lambda a, b: (a + b,),
    "spread": lambda x: (x * 13 + 4, x * 19 - 5),
    "bump": lambda x, s: (x * 23 + s,),
    "join": lambda x, r: (x * 29 + r, x - r * 31),
    "put": _put,
    "get": lambda x, k: (x * 37 + CACHE.get(k, 1),),
    "tag": lambda x, k: (x * 41 + k,),
}

_lib: Any = torch.library.Library("orc", "DEF")  # type: ignore[no-untyped-call]


def _like(*tensors: Tensor, count: int) -> Tensor | tuple[Tensor, ...]:
    made = tuple(torch.empty_like(tensors[0]) for _ in range(count))
    return made[0] if count == 1 else made


def _numbers(args: Sequence[Tensor | float]) -> list[Tensor | int]:
    return [each if isinstance(each, Tensor) else int(each) for each in args]


def _functional(name: str) -> Callable[..., Tensor | tuple[Tensor, ...]]:
    def run(*args: Tensor | float) -> Tensor | tuple[Tensor, ...]:
        made = MEANING[name](*_numbers(args))
        return made[0] if len(made) == 1 else made

    return run


def _in_place(name: str) -> Callable[..., None]:
    def run(*args: Tensor) -> None:
        for operand, value in zip(args, MEANING[name](*(each.clone() for each in args)), strict=False):
            operand.copy_(value)

    return run


def define(schema: str, run: Callable[..., object], fake: Callable[..., object]) -> None:
    name = schema.split("(")[0]
    _lib.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _lib.impl(name, run, "CompositeExplicitAutograd")
    _lib._register_fake(name, fake)


def _poke(x: Tensor) -> None:
    x.mul_(43).add_(6)


def _define_all() -> None:
    for info in OPS.values():
        tensors = [f"Tensor({chr(97 + at)}!) {name}" for at, name in enumerate(info.tensors)]
        if not info.writes:
            tensors = [f"Tensor {name}" for name in info.tensors]
        elif len(info.results) < len(tensors):
            tensors[1:] = [f"Tensor {name}" for name in info.tensors[1:]]
        number = [] if not info.has_k else [f"float k{'=1.0' if info.k_default else ''}"]
        count = len(info.results)
        results = "()" if info.writes else "Tensor" if count == 1 else "(Tensor, Tensor)"
        schema = f"{info.name}{'_' if info.writes else ''}({', '.join(tensors + number)}) -> {results}"
        if info.writes:
            define(schema, _in_place(info.name), lambda *args: None)
        else:
            define(
                schema,
                lambda *args, name=info.name, k=1.0: _functional(name)(*args, *_missing(name, args, k)),
                lambda *args, count=count, k=1.0: _like(args[0], count=count),
            )
    define("poke_(Tensor(a!) x) -> ()", _poke, lambda x: None)


def _missing(name: str, args: Sequence[object], k: float) -> tuple[float, ...]:
    """The number, where a call gives it by keyword or leaves it out."""
    return (k,) if OPS[name].has_k and len(args) == len(OPS[name].tensors) else ()


_define_all()
