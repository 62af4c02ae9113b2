"""The configurations that Triton is tuned over.

In: sizes. Out: configurations worth timing: those whose programs hold 4 to 64 values a thread, since with more they
spill and with fewer the loads are shorter than 8 bytes, and which leave no more than half of the GPU idle for the sake
of several rows a program.
"""

from __future__ import annotations

import attrs

WARPS = (1, 2, 4, 8, 16)
ROWS = (1, 2, 4, 8, 16, 32)
LEAST_VALUES, MOST_VALUES = 4, 64  # a thread
PROCESSORS = 132  # for what is left out, not for the launch
RESIDENT_WARPS = 64
EARLY = (2, 3)  # of EARLY_TEXTS, those that were the fastest of some size
EARLY_TEXTS = ("", "early", "early once read", "early, fetched ahead", "early once read, fetched ahead")
SHORT = 512  # rows that are longer are taken four at once at most


@attrs.frozen
class Config:
    """How a program works.

    `rows` at once, by `warps`. `persistent`: programs a multiprocessor, 0 for one program for each set of rows.
    `parts`: blocks (first column, columns) that a row is taken in. `tile`: columns of one program, 0 for whole rows.
    `vector`: neighbouring columns that a thread writes of q. `early`: as EARLY in `triton_rows.py`.
    """

    rows: int
    warps: int
    persistent: int
    parts: tuple[tuple[int, int], ...]
    tile: int = 0
    vector: int = 16
    early: int = 0

    @property
    def text(self) -> str:
        """Such as `1 rows, 8 warps, 4096+2048+1024`."""
        parts = "+".join(str(columns) for _, columns in self.parts)
        more = [f"tile {self.tile}"] if self.tile else []
        more += [f"{self.persistent} persistent"] if self.persistent else []
        more += ["8-byte stores"] if self.vector == 8 else []
        more += [EARLY_TEXTS[self.early]] if self.early else []
        return ", ".join([f"{self.rows} rows", f"{self.warps} warps", parts, *more])


def row_configs(hidden: int, group: int, tiles: bool, quantised: bool, thorough: bool) -> list[Config]:
    """All for rows of `hidden`.

    `tiles`: no sum over a row is needed, so a program may take a part of it. `quantised`: 8-bit results are written.
    `thorough`: more ways to be persistent.
    """
    found = []
    for parts in _row_parts(hidden, group):
        held = sum(columns for _, columns in parts)
        for rows in ROWS:
            for warps in WARPS:
                if not LEAST_VALUES <= held * rows // (32 * warps) <= MOST_VALUES:
                    continue
                if rows > 4 and held > SHORT:
                    continue
                found.append(Config(rows, warps, 0, parts))
                if quantised and held * rows // (32 * warps) >= 16:
                    found.append(Config(rows, warps, 0, parts, vector=8))
                if rows <= 2 and warps in (4, 8):
                    resident = RESIDENT_WARPS // warps
                    counts = (resident // 2, resident) if thorough else (resident,)
                    found += [Config(rows, warps, programs, parts) for programs in counts]
    for columns in (512, 1024, 2048) if tiles else ():
        if hidden % columns == 0 and columns < hidden:
            found += [
                Config(rows, warps, 0, ((0, columns),), columns)
                for rows in (1, 2)
                for warps in (1, 2, 4)
                if LEAST_VALUES <= columns * rows // (32 * warps) <= MOST_VALUES // 2
            ]
    return [variant for config in found for variant in (config, *_early(config))]


def _early(config: Config) -> list[Config]:
    """A persistent kernel has no kernel of its own kind close behind."""
    return [] if config.persistent else [attrs.evolve(config, early=way) for way in EARLY]


def worth_timing(config: Config, rows: int) -> bool:
    """Whether `rows` rows give this configuration work."""
    sets = (rows + config.rows - 1) // config.rows
    if config.persistent:
        return sets > PROCESSORS * config.persistent
    return config.rows == 1 or sets >= PROCESSORS // 2


def _row_parts(hidden: int, group: int) -> list[tuple[tuple[int, int], ...]]:
    """One block that covers the row and, where this leaves a remainder, blocks that add up to the row."""
    covering = 1 << (hidden - 1).bit_length()
    ways: list[tuple[tuple[int, int], ...]] = [((0, covering),)]
    parts, place = [], 0
    for bit in reversed(range(hidden.bit_length())):
        if hidden >> bit & 1:
            parts.append((place, 1 << bit))
            place += 1 << bit
    if 1 < len(parts) <= 3 and parts[-1][1] >= group:
        ways.append(tuple(parts))
    return ways
