"""Values that an integration supplies to passes.

In: passes, the values given. Out: the value of every host that the passes ask for. Raises HostValueError for a value
of the wrong kind and for a name that nothing asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from patdsl.graph import HostValue, PassSpec

_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,), "str": (str,)}


class HostValueError(ValueError):
    """A host value is of the wrong kind, or no pass asks for it."""


def host_values(specs: Sequence[PassSpec], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The value of every host that the passes ask for: the given one, else its declared test value.

    Raises HostValueError for a wrong kind, and for a name that none of the passes declares.
    """
    given = dict(given or {})
    declared = {host.name: host for spec in specs for host in spec.hosts}
    for name in given:
        if name not in declared:
            expected = ", ".join(sorted(declared)) or "none"
            raise HostValueError(f"no pass declares a host value '{name}'; declared: {expected}")
    return {
        name: _checked(host, given[name]) if name in given else _default(host)
        for name, host in declared.items()
    }


def _checked(host: HostValue, value: Any) -> Any:
    if host.params is not None:
        if not callable(value):
            raise HostValueError(
                f"host '{host.name}' is a function ({', '.join(host.params)}); got {value!r}"
            )
        return value
    allowed = _KINDS.get(host.kind)
    wrong_bool = isinstance(value, bool) and host.kind != "bool"
    if allowed is not None and (not isinstance(value, allowed) or wrong_bool):
        raise HostValueError(
            f"host '{host.name}' is declared {host.kind}; got {value!r}, which is {type(value).__name__}"
        )
    return float(value) if host.kind == "float" else value


def _default(host: HostValue) -> Any:
    if host.params is None:
        return host.default
    return TestFunction(host.default)


@attrs.frozen
class TestFunction:
    """A host function that nobody supplied: always its declared test value."""

    value: Any

    def __call__(self, *args: Any) -> Any:
        return self.value
