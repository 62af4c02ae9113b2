from __future__ import annotations
from collections.abc import Mapping, Sequence
from patdsl.ast_to_graph import Unit
from patdsl.graph import Pattern
from patdsl.imports import LoadedFile
from patdsl.op_table import Op

def order(patterns: Sequence[Pattern], ops: Mapping[str, Op]) -> tuple[Pattern, ...]:
    return tuple(patterns)

def check_passes(unit: Unit, loaded: LoadedFile) -> None:
    return None
