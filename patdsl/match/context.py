"""What a match depends on beside the pattern and the graph: the target, the process, the integration's values."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from patdsl.expr import Scope
from patdsl.op_table import Op


@attrs.frozen(slots=False)
class Context:
    """`names` holds constants resolved for the target and host values; `hosts` the host functions.

    `exists` tells whether a torch op (`ns::op.overload`) is registered in this process. `known` turns a symbolic bool
    into True, False or UNKNOWN. `matches_target(name, or_newer)` compares with the current target.
    """

    target: str
    ops: Mapping[str, Op]
    names: Mapping[str, Any]
    hosts: Mapping[str, Callable[..., Any]]
    exists: Callable[[str], bool]
    known: Callable[[Any], Any]
    matches_target: Callable[[str, bool], bool]

    def scope(self, names: Mapping[str, Any], ask: Callable[..., Any] | None = None) -> Scope:
        """A scope for `evaluate`: `names` (live: later bindings are seen) before constants and hosts."""
        both: ChainMap[str, Any] = ChainMap(names, self.names)  # type: ignore[arg-type]
        if ask is None:
            return Scope(both, hosts=self.hosts, known=self.known)
        return Scope(both, ask=ask, hosts=self.hosts, known=self.known)
