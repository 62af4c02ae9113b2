"""Which passes a user wants in vLLM, and whose kernels first.

In: `PATDSL_VLLM` and `PATDSL_PREFER` in the environment, or `additional_config={"patdsl": {"passes": ..., "prefer":
...}}` of vLLM, which wins. Out: `Settings`. Raises SettingsError, which names what is known.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from patdsl.runtime.preference import current_preference

ENVIRONMENT = "PATDSL_VLLM"
_KEYS = ("passes", "prefer")


class SettingsError(ValueError):
    """A pass that does not exist, or a setting of the wrong kind."""


@attrs.frozen
class Settings:
    """Names of passes; beginnings of torch op names, the preferred first."""

    passes: tuple[str, ...]
    prefer: tuple[str, ...]


def wanted(given: Mapping[str, Any] | None = None) -> str | Sequence[str]:
    """What was asked for, unread: empty where nothing was."""
    asked = (given or {}).get("passes")
    return os.environ.get(ENVIRONMENT, "") if asked is None else asked


def settings(known: Sequence[str], given: Mapping[str, Any] | None = None) -> Settings:
    """The choice among the `known` passes. Nothing asked for: none.

    `all` and names add passes, `-name` takes one away: `"all,-attn_quant"`, `["norm_quant", "act_quant"]`.
    """
    for key in given or {}:
        if key not in _KEYS:
            raise SettingsError(f"vLLM's additional_config has 'patdsl.{key}'; known: {', '.join(_KEYS)}")
    prefer = (given or {}).get("prefer")
    return Settings(
        _chosen(_words(wanted(given), "passes"), known),
        current_preference() if prefer is None else tuple(_words(prefer, "prefer")),
    )


def _words(value: str | Sequence[str], what: str) -> list[str]:
    items: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    if not isinstance(value, (str, list, tuple)) or not all(isinstance(item, str) for item in items):
        raise SettingsError(f"patdsl's '{what}' is a text with commas, or a list of texts; got {value!r}")
    words = [item.strip() for item in (value.split(",") if isinstance(value, str) else value)]
    return [word for word in words if word]


def _chosen(words: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    chosen: set[str] = set()
    for word in words:
        name = word.removeprefix("-")
        if word in ("all", "none"):
            chosen = set(known) if word == "all" else set()
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else "."
            raise SettingsError(f"patdsl has no pass '{name}' for vLLM{hint} It has: {', '.join(known)}")
        elif word.startswith("-"):
            chosen.discard(name)
        else:
            chosen.add(name)
    return tuple(name for name in known if name in chosen)
