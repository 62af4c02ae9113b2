"""The identity of a pass for compile caches.

In: a pass, its target and host values, the bindings that exist. Out: a sha256 over a canonical text. The text
has no place in a file, no address, no order that depends on hashing, so that it is equal in every process and on every
machine; a change of meaning of any part changes it. Pickles nothing and hashes no object.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

import patdsl
from patdsl.graph import PassSpec
from patdsl.locate import kernels_folder
from patdsl.runtime.tokens import TokenRange
from patdsl.version import __version__

#: Parts of the package that decide what a pass does to a graph.
_MEANING = (
    "dtypes.py",
    "expr.py",
    "graph.py",
    "op_table.py",
    "schema_check.py",
    "torch_private.py",
    "unify.py",
    "match/*.py",
    "runtime/*.py",
    "vllm/*.py",
)
#: Parts that decide what our ops compute, and what a compiled graph was told of their results.
_KERNELS = ("register_ops.py", "reference/*.py", "kernels/*.py")
_KERNEL_SOURCES = ("include/**/*.h", "src/*")


def pass_uuid(
    spec: PassSpec,
    target: str,
    hosts: Mapping[str, Any],
    existing: frozenset[str],
    prefer: tuple[str, ...] = (),
    tokens: TokenRange | None = None,
) -> str | None:
    """The identity of one pass; None where a host function has none, so that nothing may be cached.

    `existing` are the torch ops named by bindings that are registered.
    """
    parts = {name: host_identity(hosts[name]) for name in (host.name for host in spec.hosts)}
    if any(identity is None for identity in parts.values()):
        return None
    text = "\n".join(
        (
            f"patdsl {__version__} {sources_digest()}",
            f"kernels {kernels_digest()}",
            f"target {target}",
            f"hosts {canonical(parts)}",
            f"bindings {canonical(sorted(existing))} in the order {canonical(prefer)}",
            f"tokens {canonical(tokens)}",
            canonical(spec),
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()


def joined_uuid(parts: list[str | None]) -> str | None:
    """The identity of several passes in order; None where one has none."""
    if any(part is None for part in parts):
        return None
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def host_identity(value: Any) -> str | None:
    """A host value as text. A function says itself what it is, by an attribute `uuid`: its code does not tell."""
    if isinstance(value, (bool, int, float, str)) or value is None or attrs.has(type(value)):
        return canonical(value)
    uuid = getattr(value, "uuid", None)
    uuid = uuid() if callable(uuid) else uuid
    return None if uuid is None else f"function {canonical(str(uuid))}"


def canonical(value: Any) -> str:
    """A value of the data model as text. Fields that equality leaves out (places, lines) are left out."""
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value)
    if isinstance(value, float):
        return f"float({value.hex()})"
    if isinstance(value, (tuple, list)):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if attrs.has(type(value)):
        name, fields = type(value).__name__, _fields(type(value))
        return f"{name}(" + ",".join(f"{field}={canonical(getattr(value, field))}" for field in fields) + ")"
    raise TypeError(f"{type(value).__name__} is no value of the data model")


_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in attrs.fields(kind) if field.eq)
    return _FIELDS[kind]


@functools.cache
def sources_digest() -> str:
    """A digest of the code that matches and rewrites; of nothing but the version where sources are not installed."""
    return _digest(Path(patdsl.__path__[0]), _MEANING)


@functools.cache
def kernels_digest() -> str:
    """A digest of our ops and of the kernels' sources."""
    return _digest(Path(patdsl.__path__[0]), _KERNELS) + _digest(kernels_folder(), _KERNEL_SOURCES)


def _digest(root: Path, patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()
