"""A pattern -> how its two sides compare on many inputs.

In: a `Tester`. Out: `Verified`. Both sides are graphs of the tests, run with and without the pass: on sizes that divide
nothing, on none and one row, on extreme values, zeros, NaN and infinities, on parts of wider tensors, on other dtypes,
and with memory that nothing has written filled with NaN.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import attrs
import torch
from torch import Tensor

from patdsl.runtime.target import use_target
from patdsl.selftest.cases import FLOATS, Case
from patdsl.selftest.float64 import NoFloat64Error, run_float64
from patdsl.selftest.model import Form
from patdsl.selftest.run_graph import Fill, copy_of, difference, make_inputs, run_graph
from patdsl.selftest.samples import Sample
from patdsl.selftest.tester import (
    Prepared,
    Tester,
    coarsest_step,
    first_line,
    refusals,
    rounded_to,
)

SEEDS = (1, 2, 3)
#: The sum of two of these is no infinity in f16, which a value that is rounded later would not be.
LARGE = 3e4


@attrs.frozen
class Verified:
    """`runs` have been compared; `failures` says what differed in which; `skipped`: what could not be run, and why.

    Errors are the largest distances from float64, of the fused and the unfused side, in steps of the coarsest dtype
    that takes part; NaN where there was no float64 to compare with. `identical`: the same bits in every run.
    """

    runs: int
    failures: tuple[str, ...]
    skipped: tuple[str, ...]
    fused_error: float
    unfused_error: float
    identical: bool
    rounds: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if self.failures:
            return "failed"
        return "verified" if self.runs else "not verified"


def _extreme(values: Tensor, chance: torch.Generator) -> Tensor:
    """Large, tiny and zero among usual ones."""
    pick = torch.randint(0, 8, values.shape, generator=chance)
    values = torch.where(pick == 0, values.sign() * LARGE, values)
    values = torch.where(pick == 1, values * 1e-6, values)
    values = torch.where(pick == 2, values.sign() * 2.0**-24, values)
    return torch.where(pick == 3, 0.0, values)


def _not_finite(values: Tensor, chance: torch.Generator) -> Tensor:
    """One in thirty NaN or infinite."""
    pick = torch.randint(0, 90, values.shape, generator=chance)
    values = torch.where(pick == 0, math.nan, values)
    values = torch.where(pick == 1, math.inf, values)
    return torch.where(pick == 2, -math.inf, values)


FILLS: dict[str, Fill | None] = {
    "usual values": None,
    "extreme values": _extreme,
    "zeros": lambda values, chance: torch.zeros_like(values),
    "NaN and infinities": _not_finite,
}


def verify(tester: Tester) -> Verified:
    """Compare the sides of a pattern."""
    return _Verification(tester).run()


class _Verification:
    def __init__(self, tester: Tester) -> None:
        self.tester = tester
        self.runs = 0
        self.failures: list[str] = []
        self.skipped: list[str] = []
        self.errors: tuple[list[float], list[float]] = ([], [])
        self.identical = True

    def run(self) -> Verified:
        if self.tester.off:
            self.skipped.append(self.tester.off)
        else:
            with use_target(self.tester.target), poisoned():
                for title, prepared in self._prepared():
                    if isinstance(prepared, Prepared):
                        self._compare(title, prepared)
                    else:
                        self.skipped.append(f"{title}: {prepared}")
        fused, unfused = (max(errors, default=math.nan) for errors in self.errors)
        return Verified(
            self.runs,
            tuple(self.failures),
            tuple(self.skipped),
            fused,
            unfused,
            self.identical,
            self.tester.pattern.rounds,
        )

    def _prepared(self) -> Iterator[tuple[str, Prepared | str]]:
        search = self.tester.search
        yield "2-D inputs", search(Case("", "fires"))
        yield "inputs of more dims", search(Case("", "fires", leading=2))
        yield "one row", search(Case("", "fires"), tokens=1)
        yield "no rows", search(Case("", "fires", optional=True), tokens=0)
        yield "parts of wider tensors", search(Case("", "fires", Form(strided=True)))
        for dtype in FLOATS:
            for variable in self.tester.dtype_variables():
                made = search(Case("", "fires", given={variable: dtype}, optional=True))
                if isinstance(made, Prepared):
                    yield f"{variable}={dtype}", made

    def _compare(self, title: str, prepared: Prepared) -> None:
        graph = copy_of(prepared.model.graph)
        count = self.tester.fusion.apply(graph)
        if count != 1:
            why = "; ".join(refusals(self.tester.fusion)) or "it did not match"
            self.skipped.append(f"{title}: {why}")
            return
        for fill_title, fill in FILLS.items():
            for seed in SEEDS if fill is None else SEEDS[:1]:
                self._one(f"{title}, {fill_title}", prepared, graph, seed, fill)

    def _one(
        self, title: str, prepared: Prepared, graph: torch.fx.Graph, seed: int, fill: Fill | None
    ) -> None:
        def inputs() -> list[Tensor]:
            return make_inputs(prepared.model.inputs, self.tester.device, seed, fill)

        mine, others = inputs(), inputs()
        try:
            expected = run_graph(prepared.model.graph, others)
        except Exception as error:  # an op's own check, of whatever kind
            self.skipped.append(f"{title}: the left side does not run: {first_line(error)}")
            return
        try:
            found = run_graph(graph, mine)
        except Exception as error:  # the same
            self.failures.append(f"{title}: the right side does not run: {first_line(error)}")
            return
        self.runs += 1
        self.identical &= all(
            difference(one, other) is None for one, other in zip(found, expected, strict=True)
        )
        mismatches = self.tester.mismatches(prepared, found, expected, mine, others)
        self.failures.extend(f"{title}: {reason}" for reason in mismatches)
        if fill is None:
            self._measure(prepared, inputs(), found, expected)

    def _measure(
        self,
        prepared: Prepared,
        inputs: list[Tensor],
        found: tuple[Tensor, ...],
        expected: tuple[Tensor, ...],
    ) -> None:
        try:
            exact = run_float64(prepared.model.graph, inputs)
        except NoFloat64Error:
            return
        for one, other, true in zip(found, expected, exact, strict=True):
            if one.is_floating_point():
                self.errors[0].append(_steps(one, true, prepared.sample))
                self.errors[1].append(_steps(other, true, prepared.sample))


def _steps(result: Tensor, exact: Tensor, sample: Sample) -> float:
    """The largest distance in steps, where both are finite."""
    mine, true = result.double(), exact.double()
    finite = mine.isfinite() & true.isfinite()
    if not finite.any():
        return 0.0
    mine, true = mine[finite], true[finite]
    return float(((mine - true).abs() / coarsest_step(true, (result.dtype, *rounded_to(sample)))).max())


@contextlib.contextmanager
def poisoned() -> Iterator[None]:
    """Within it, memory that torch allocates and nothing has written holds NaN and the largest integers."""
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
