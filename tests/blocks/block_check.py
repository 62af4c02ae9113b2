"""One block: compiled with the library's passes and those of `torch_written.pat`, and without.

In: `Options` and a seed. Out: `check_graph` and `check_inductor`: sentences on what is wrong, none where all is well.
The first stops before code generation and asks for equal bits; the second runs what Inductor makes.
"""

from __future__ import annotations

import copy
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from block_model import Block, block, inputs
from block_options import Options, expected
from fusing import Compiled, compiled, whole_library

import patdsl
from patdsl.runtime import Chain


@cache
def passes() -> Chain:
    own = patdsl.load(Path(__file__).parent / "torch_written.pat")
    return Chain([*own, *whole_library()])


@torch.no_grad()
def check_graph(options: Options, seed: int) -> list[str]:
    """The matches, and the results of the graph node by node, against the graph of the same block without passes."""
    with_passes = _compiled(block(options, seed), options, seed, passes())
    without = _compiled(block(options, seed, rounds=True), options, seed, Chain([]))
    told = _told(with_passes.matches, options)
    for at, (one, other) in enumerate(zip(with_passes.results, without.results, strict=True)):
        if not torch.equal(one, other) or one.dtype != other.dtype or one.stride() != other.stride():
            told.append(f"result {at} differs by {(one.double() - other.double()).abs().max()}")
        if not one.isfinite().all():
            told.append(f"result {at} is not finite")
    return told


@torch.no_grad()
def check_inductor(options: Options, seed: int) -> list[str]:
    """The matches, and how far the compiled results are from float64, against those of the block as it is.

    Every rounding of the fused block is one of the unfused block, so that its error is no larger but for chance: the
    root mean square over hundreds of elements may be 1.5 times that of the block run as it is, or compiled without
    passes, whichever is larger. Float64 does not quantise; that error is the same in all of them.
    """
    module = block(options, seed)
    given = inputs(options, seed)
    exact = copy.deepcopy(module).double()(*(each.double() for each in given))
    plain = module(*given)
    with_passes = _compiled(module, options, seed, passes(), inductor=True)
    without = _compiled(module, options, seed, Chain([]), inductor=True)
    told = _told(with_passes.matches, options)
    for at, (made, *others, right) in enumerate(
        zip(with_passes.results, without.results, plain, exact, strict=True)
    ):
        error, *usual = (_root_mean_square(each - right) for each in (made, *others))
        if not error <= 1.5 * max(usual):
            told.append(f"result {at} is off by {error}, without passes by {max(usual)}")
        if (made.shape, made.stride(), made.dtype) != (others[1].shape, others[1].stride(), others[1].dtype):
            told.append(f"result {at} has another type")
    return told


def _root_mean_square(x: torch.Tensor) -> float:
    return float(x.double().square().mean().sqrt())


def _compiled(module: Block, options: Options, seed: int, chain: Chain, inductor: bool = False) -> Compiled:
    given = inputs(options, seed)
    if options.dynamic:
        for each in given:
            torch._dynamo.mark_dynamic(each, 0)
    dynamic = None if options.dynamic else False
    return compiled(module, *given, passes=chain, inductor=inductor, dynamic=dynamic)


def _told(matches: Counter[str], options: Options) -> list[str]:
    wanted = expected(options)
    return [
        f"{name}: {matches[name]} matches, expected {wanted[name]}"
        for name in sorted({*matches, *wanted})
        if matches[name] != wanted[name]
    ]
