from __future__ import annotations
from patdsl.ast_to_graph import Unit
from patdsl.imports import LoadedFile

def plan(unit: Unit, loaded: LoadedFile) -> Unit:
    return unit
