"""What the target and the integration supply, as Python: constants and host values.

In: the declarations that passes use. Out: what their names stand for, and the lines of the module that define them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from patdsl.compiler.to_vllm.expr_to_python import Code, Known, literal
from patdsl.compiler.to_vllm.spelling import ANNOTATIONS
from patdsl.expr import Lit
from patdsl.graph import ConstValue, HostValue
from patdsl.op_table import On
from patdsl.resolved_to_text import targets_text

#: What host functions are called with. A layer is handed over by its name.
ARGUMENTS = {**{kind: kind for kind in ("int", "float", "bool", "str")}, "opaque": "str | None"}


def known_consts(consts: Mapping[str, tuple[ConstValue, ...]]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for name, values in consts.items():
        if len(values) == 1 and not values[0].targets:
            found[name] = Lit(values[0].value)
        else:
            found[name] = Code(name.upper(), type(values[0].value).__name__)
    return found


def known_hosts(hosts: Iterable[HostValue]) -> dict[str, Known]:
    return {
        host.name: Code(f"hosts.{host.name}", host.kind if host.params is None else "host") for host in hosts
    }


def host_functions(outer: Mapping[str, Known]) -> frozenset[str]:
    return frozenset(
        name for name, known in outer.items() if isinstance(known, Code) and known.kind == "host"
    )


def const_lines(consts: Mapping[str, tuple[ConstValue, ...]], body: str) -> str:
    lines = []
    for name, values in consts.items():
        if not re.search(rf"\b{name.upper()}\b", body) or (len(values) == 1 and not values[0].targets):
            continue
        text = next((literal(each.value) for each in values if not each.targets), "None")
        for each in reversed(values):
            if each.targets:
                text = f"{literal(each.value)} if on({quoted_targets(each.targets)}) else {text}"
        lines.append(f"{name.upper()} = {text}")
    return "\n".join(lines)


def host_class(hosts: Iterable[HostValue]) -> str:
    lines = []
    for host in hosts:
        kind = ANNOTATIONS[host.kind]
        if host.params is not None:
            arguments = ", ".join(ARGUMENTS.get(each, "Any") for each in host.params)
            kind = f"Callable[[{arguments}], {kind}]"
        lines.append(f"    {host.name}: {kind}")
    if not lines:
        return ""
    return '@dataclass(frozen=True)\nclass Hosts:\n    """What only the engine knows."""\n\n' + "\n".join(
        lines
    )


def quoted_targets(targets: Iterable[On]) -> str:
    """As the arguments of `on(...)`."""
    return ", ".join(f'"{targets_text([each])}"' for each in targets)
