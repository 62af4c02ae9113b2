"""A pattern -> the sizes and captures at which it is timed.

In: a pattern as a target reads it, the context of its pass, so many rows, a hidden size. Out: `Sample` values, the most
usual first. Each dim takes its size from a short list by what it is; what the pattern's types and conditions do not
allow is left out as soon as it shows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import attrs

from patdsl.compiler.left_types import Case
from patdsl.compiler.symbolic import Poly
from patdsl.expr import Ref
from patdsl.graph import Pattern
from patdsl.match.context import Context
from patdsl.op_table import Step, ViewStep
from patdsl.selftest.samples import INTEGERS, Sample, Search, nullable, typed_lefts, variables_in

#: What a last dim is beside the hidden size: a latent size, a part that is turned, a head.
LASTS = (512, 64, 128, 256)
#: Columns of a matrix beside the activations: what a router chooses from.
EXPERTS = 256
#: A size of a group, first where the pattern leaves it open.
GROUP = 128
#: Partial assignments that are looked at, and complete ones that are judged, before a size counts as unfit.
MOST_STEPS, MOST_JUDGED = 200_000, 400
#: Captures and dtypes at their usual values, then others.
ATTEMPTS = (0, *range(100, 110))


#: A dim that a `*B` stands for, as `LeftTypes` names it.
PACKED = re.compile("([A-Za-z]+)[0-9]+")


@attrs.frozen
class Widths:
    """Last dims in the order of the inputs: `packed` where a `*B` has them, 0 for the hidden size, and `others`.

    `share`: columns of the hidden size for each head, where a `*B` ends in heads; 0: none does. `kv_heads`: any other
    dim before the last.
    """

    share: int
    kv_heads: int
    packed: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


ROWS = Widths(0, 1)
HEADS = Widths(128, 8, (0, 1024), (128,) * 8)
LATENTS = Widths(256, 1, (64, 64), (64, 512, 576, 512))


@attrs.frozen
class Size:
    """`given` fixes dims and captures by name."""

    rows: int
    hidden: int
    given: Mapping[str, Any] = attrs.Factory(dict)


def real_samples(pattern: Pattern, context: Context, size: Size) -> Iterator[Sample]:
    """Samples at a size whose conditions hold, first those whose results have rows, and heads where there are any."""
    flat: list[Sample] = []
    for leading in (1, 2, 3):
        for sample in _at_leading(pattern, context, size, leading):
            if leading < 3 and _is_flat(pattern, sample):
                flat.append(sample)
                break
            yield sample
    yield from flat


def _at_leading(pattern: Pattern, context: Context, size: Size, leading: int) -> Iterator[Sample]:
    for left in typed_lefts(pattern, context, Case(leading, "same")):
        plain = {name: None for name in nullable(pattern, context) if name not in left.types}
        yield from _RealSearch(pattern, context, left, {**plain, **size.given}, size).samples()


def _is_flat(pattern: Pattern, sample: Sample) -> bool:
    """Whether a value that is replaced is in a line, or the first one a matrix where heads are turned for latents."""
    metas = [meta for each in pattern.replaces if (meta := sample.metas.get(each.left)) is not None]
    inputs = [sample.metas[item.name] for item in pattern.inputs if item.name in sample.metas]
    least = 3 if _widths(inputs) is LATENTS else 2
    return bool(metas) and (
        len(metas[0].dims) < least or any(len(meta.dims) == 1 and meta.dims[0] > 1 for meta in metas)
    )


def _widths(inputs: Sequence[Any]) -> Widths:
    """By what the inputs are: positions come with heads, and a cache of three dims holds latents."""
    if not any(meta.dtype.resolved.name in INTEGERS for meta in inputs):
        return ROWS
    return HEADS if any(len(meta.dims) == 4 for meta in inputs) else LATENTS


class _RealSearch(Search):
    most_elements = 1 << 31

    def __init__(
        self, pattern: Pattern, context: Context, left: Any, given: Mapping[str, Any], size: Size
    ) -> None:
        super().__init__(pattern, context, left, given, False, None)
        self.size = size
        self.made = self._made_by_products()
        self.facts = [
            (frozenset(variables_in(reduced)), reduced)
            for reduced in map(
                left.facts.reduced,
                (*left.facts.zero, *(merged - Poly.of(size.rows) for merged in self._merged())),
            )
        ]

    def samples(self) -> Iterator[Sample]:
        """Those whose conditions hold."""
        for attempt in ATTEMPTS:
            for sizes in itertools.islice(self._assignments(), MOST_JUDGED):
                sample = self.sample(sizes, attempt)
                if sample is not None and not sample.broken:
                    yield sample

    def _made_by_products(self) -> frozenset[str]:
        """Variables that are rows of an input and the last dim of what an op makes: a matrix multiplied with."""
        made = {
            value for step in self.pattern.left.steps if isinstance(step, Step) for _, value in step.results
        }
        lasts = [
            self.left.facts.reduced(Poly.of(meta.dims[-1]))
            for value in made
            if (meta := self.left.types.get(value)) is not None and meta.dims
        ]
        alone = {tuple(variables_in(last)) for last in lasts if len(last.terms) == 1}
        return frozenset(name for name, role in self.roles.items() if role == "tokens" and (name,) in alone)

    def _merged(self) -> list[Poly]:
        """The first dims of views, where a name stands for it: all rows, whatever dims they had before."""
        firsts = [step.dims[0] for step in self.pattern.left.steps if isinstance(step, ViewStep)]
        names = [dim.name for dim in firsts if isinstance(dim, Ref)]
        return [value for name in names if isinstance(value := self.left.names.get(name), Poly)]

    def _inputs(self, dtypes: Container[str] | None = None) -> list[Any]:
        """The types of the inputs, of all or of those with such a dtype."""
        found = (self.left.types.get(item.name) for item in self.pattern.inputs)
        return [meta for meta in found if meta and (dtypes is None or meta.dtype.resolved.name in dtypes)]

    def _choices(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each variable, the usual one first. What stands for the hidden size has no other."""
        hidden, rows, widths = self.size.hidden, self.size.rows, _widths(self._inputs())
        packed_widths = [width or hidden for width in widths.packed]
        every = (hidden, *packed_widths, *widths.others)
        ints = (*widths.others[:1], GROUP, *sorted({*self.ints, *every}, reverse=True), rows)
        packed, others = iter(packed_widths), iter(widths.others or (hidden, *LASTS))
        indices = {name for meta in self._inputs(INTEGERS) for dim in meta.dims for name in variables_in(dim)}
        found: dict[str, tuple[int, ...]] = {}
        turned = ""  # the first pack, that of q: others, that of k say, have heads of their own
        for name, role in self.roles.items():
            usual: tuple[int, ...]
            if name in self.given:
                usual = (self.given[name],) if isinstance(self.given[name], int) else (1,)
            elif name in self.ones:
                usual = (1,)
            elif name in self.made:
                usual = (EXPERTS,)
            elif role == "tokens":
                usual = (rows,)
            elif role == "leading":
                pack = PACKED.fullmatch(name)
                if name in indices:
                    usual = (1,)
                elif pack and turned in ("", pack[1]):
                    turned = pack[1]
                    usual = (max(hidden // widths.share, 1) if widths.share else 1, 1)
                else:
                    usual = (widths.kv_heads, 1)
            elif role == "last":
                own = packed if widths.packed and PACKED.fullmatch(name) else others
                first = next(own, LASTS[0])
                usual = (hidden,) if first == hidden else (first, *every, *LASTS)
            else:
                usual = ints
            found[name] = tuple(dict.fromkeys((*usual, 1) if name in self.own else usual))
        return found

    def _assignments(self) -> Iterator[dict[str, int]]:
        """Every assignment that the facts allow, usual sizes first; each fact is judged when its last size is known."""
        choices = self._choices()
        names = list(choices)
        due: list[list[Any]] = [[] for _ in names]
        for needed, fact in self.facts:
            known = [at for at, name in enumerate(names) if name in needed]
            if known:
                due[max(known)].append(fact)
        steps = itertools.count()

        def extend(at: int, sizes: dict[str, int]) -> Iterator[dict[str, int]]:
            if at == len(names):
                yield dict(sizes)
                return
            for choice in choices[names[at]]:
                if next(steps) > MOST_STEPS:
                    return
                sizes[names[at]] = choice
                if all(self.value_at(fact, sizes) == 0 for fact in due[at]):
                    yield from extend(at + 1, sizes)
            sizes.pop(names[at], None)

        yield from extend(0, {})
