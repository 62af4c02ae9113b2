"""A picture -> where its boxes stand and how its arrows run.

In: a `Picture` without circles. Out: `Placed`. Boxes stand in layers, every arrow leads down. An arrow over several
layers takes a place in each, so that it crosses no box. In each layer boxes are put in the order of the middle of what
they are joined to, down and up in turn while that saves crossings; then each moves towards it as far as its neighbours
let it. The same picture is placed alike each time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import pairwise

import attrs

from patdsl.draw.picture import Arrow, Box, Picture

#: Pixels: of a character and a line of text, in and between boxes and layers.
CHAR, LINE = 7.3, 16.0
PAD_X, PAD_Y, GAP_X, GAP_Y = 10.0, 6.0, 22.0, 44.0
LANE = 8.0
SWEEPS, MOVES = 12, 12
Point = tuple[float, float]


@attrs.frozen
class PlacedBox:
    """`x`, `y` is its corner."""

    box: Box
    x: float
    y: float
    width: float
    height: float


@attrs.frozen
class PlacedArrow:
    """`points` lead from the lower edge of one box to the upper edge of the other."""

    arrow: Arrow
    points: tuple[Point, ...]


@attrs.frozen
class Placed:
    """A picture with places, of a size."""

    picture: Picture
    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]
    width: float
    height: float


def place(picture: Picture) -> Placed:
    """Places for all boxes and arrows."""
    return _Layout(picture).placed()


@attrs.define(eq=False)
class _Slot:
    """A box, or the place of an arrow in a layer between its ends (`box` is None)."""

    layer: int
    box: Box | None
    width: float
    height: float
    above: list[_Slot] = attrs.field(factory=list, repr=False)
    below: list[_Slot] = attrs.field(factory=list, repr=False)
    x: float = 0.0
    y: float = 0.0
    at: int = 0


class _Layout:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.slots = {box.key: _Slot(0, box, *_size(box)) for box in picture.boxes}
        self.arrows = [
            arrow
            for arrow in picture.arrows
            if arrow.source in self.slots and arrow.target in self.slots and arrow.source != arrow.target
        ]
        self._rank()
        count = 1 + max((slot.layer for slot in self.slots.values()), default=-1)
        self.layers: list[list[_Slot]] = [[] for _ in range(count)]
        for slot in self.slots.values():
            self.layers[slot.layer].append(slot)
        self.paths = [(arrow, self._path(arrow)) for arrow in self.arrows]

    def placed(self) -> Placed:
        self._order()
        self._move()
        y = 0.0
        for layer in self.layers:
            height = max(slot.height for slot in layer)
            for slot in layer:
                if slot.box is None:
                    slot.height = height  # an arrow runs straight between boxes
                slot.y = y + (height - slot.height) / 2
            y += height + GAP_Y
        return Placed(
            self.picture,
            tuple(
                PlacedBox(box, slot.x, slot.y, slot.width, slot.height)
                for box in self.picture.boxes
                for slot in [self.slots[box.key]]
            ),
            tuple(PlacedArrow(arrow, _points(path)) for arrow, path in self.paths),
            max((slot.x + slot.width for layer in self.layers for slot in layer), default=0.0),
            max(y - GAP_Y, 0.0),
        )

    def _rank(self) -> None:
        """Each box below what it reads; one that reads nothing right above its first reader."""
        readers: dict[str, list[str]] = {key: [] for key in self.slots}
        waits = dict.fromkeys(self.slots, 0)
        for arrow in self.arrows:
            readers[arrow.source].append(arrow.target)
            waits[arrow.target] += 1
        sources = [key for key, count in waits.items() if not count]
        ready, done = list(sources), 0
        while ready:
            key = ready.pop()
            done += 1
            for reader in readers[key]:
                self.slots[reader].layer = max(self.slots[reader].layer, self.slots[key].layer + 1)
                waits[reader] -= 1
                if not waits[reader]:
                    ready.append(reader)
        if done < len(self.slots):
            raise ValueError("the picture has a circle")
        for key in sources:
            if readers[key]:
                self.slots[key].layer = min(self.slots[reader].layer for reader in readers[key]) - 1

    def _path(self, arrow: Arrow) -> list[_Slot]:
        path = [self.slots[arrow.source]]
        for layer in range(path[0].layer + 1, self.slots[arrow.target].layer):
            path.append(_Slot(layer, None, LANE, 0.0))
            self.layers[layer].append(path[-1])
        path.append(self.slots[arrow.target])
        for upper, lower in pairwise(path):
            upper.below.append(lower)
            lower.above.append(upper)
        return path

    # order

    def _order(self) -> None:
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            for layer in self.layers if down else reversed(self.layers):
                middles = {id(slot): _middle(slot.above if down else slot.below, slot.at) for slot in layer}
                layer.sort(key=lambda slot: middles[id(slot)])
                _number(layer)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best
        for layer in self.layers:
            _number(layer)

    def _crossings(self) -> int:
        total = 0
        for layer in self.layers:
            _number(layer)
        for layer in self.layers:
            seen: list[int] = []
            for slot in layer:
                ends = sorted(lower.at for lower in slot.below)
                total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    # across

    def _move(self) -> None:
        for layer in self.layers:
            x = 0.0
            for slot in layer:
                slot.x = x
                x += slot.width + GAP_X
        for sweep in range(MOVES):
            down = sweep % 2 == 0
            for layer in self.layers if down else reversed(self.layers):
                _settle(layer, [_wish(slot, slot.above if down else slot.below) for slot in layer])
        least = min((slot.x for layer in self.layers for slot in layer), default=0.0)
        for layer in self.layers:
            for slot in layer:
                slot.x -= least


def _size(box: Box) -> tuple[float, float]:
    return max(map(len, box.lines)) * CHAR + 2 * PAD_X, len(box.lines) * LINE + 2 * PAD_Y


def _number(layer: Sequence[_Slot]) -> None:
    for at, slot in enumerate(layer):
        slot.at = at


def _middle(joined: Sequence[_Slot], own: int) -> float:
    return sum(slot.at for slot in joined) / len(joined) if joined else float(own)


def _wish(slot: _Slot, joined: Sequence[_Slot]) -> float:
    """Where its corner would be under, or above, the middle of what it is joined to."""
    if not joined:
        return slot.x
    middles = sorted(each.x + each.width / 2 for each in joined)
    half = len(middles) // 2
    middle = middles[half] if len(middles) % 2 else (middles[half - 1] + middles[half]) / 2
    return middle - slot.width / 2


def _settle(layer: Sequence[_Slot], wishes: Sequence[float]) -> None:
    """Places in the order of the layer, apart, as near to the wishes as least squares have it.

    Slots that push each other move as one block, to the mean of what each of them wishes for it.
    """
    offsets = [0.0]
    for slot in layer[:-1]:
        offsets.append(offsets[-1] + slot.width + GAP_X)
    blocks: list[tuple[float, int]] = []  # the sum of what its slots wish for it, and how many they are
    for wish, offset in zip(wishes, offsets, strict=True):
        blocks.append((wish - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = (blocks[-1][0] + total, blocks[-1][1] + count)
    starts = [total / count for total, count in blocks for _ in range(count)]
    for slot, start, offset in zip(layer, starts, offsets, strict=True):
        slot.x = start + offset


def _points(path: Sequence[_Slot]) -> tuple[Point, ...]:
    first, last = path[0], path[-1]
    between = [(slot.x + slot.width / 2, y) for slot in path[1:-1] for y in (slot.y, slot.y + slot.height)]
    start = (first.x + first.width / 2, first.y + first.height)
    return (start, *between, (last.x + last.width / 2, last.y))
