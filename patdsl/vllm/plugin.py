"""What vLLM calls in every process: `vllm.general_plugins` in pyproject.toml.

`register` puts our passes into vLLM's `PostGradPassManager`, behind its no-op elimination and in front of its own
fusions, and their identity into its compile cache key. It may be called any number of times.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

_MARK = "_patdsl_installed"


def register() -> None:
    """Install the passes. Does nothing visible before a configuration asks for one."""
    manager = importlib.import_module("vllm.compilation.passes.pass_manager").PostGradPassManager
    if not getattr(manager, _MARK, False):
        manager.configure = _configuring(manager.configure)
        setattr(manager, _MARK, True)
    envs: Any = importlib.import_module("vllm.envs")
    if not getattr(envs, _MARK, False):
        envs.compile_factors = _identifying(envs.compile_factors)
        setattr(envs, _MARK, True)


def _configuring(configure: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    @functools.wraps(configure)
    def configured(self: Any, config: Any) -> None:
        configure(self, config)
        given = asked_of(config)
        from patdsl.vllm.settings import wanted

        if not wanted(given):
            return
        _check_version()
        from patdsl.vllm.passes import vllm_passes

        self.passes[_place(self.passes) : _place(self.passes)] = vllm_passes(config, given)

    return configured


def _identifying(factors: Callable[[], dict[str, object]]) -> Callable[[], dict[str, object]]:
    """vLLM finds compiled graphs by hashes of these factors, before it asks any pass who it is."""

    @functools.wraps(factors)
    def identified() -> dict[str, object]:
        from patdsl.vllm.identity import library_identity

        return {**factors(), "PATDSL": library_identity()}

    return identified


def asked_of(config: Any) -> dict[str, Any] | None:
    """What vLLM's own configuration says about patdsl."""
    more = getattr(config, "additional_config", None)
    given = more.get("patdsl") if isinstance(more, dict) else None
    return given if given is None or isinstance(given, dict) else {"passes": given}


def _place(passes: list[Any]) -> int:
    """Behind the no-op elimination, else first."""
    names = [type(each).__name__ for each in passes]
    return names.index("NoOpEliminationPass") + 1 if "NoOpEliminationPass" in names else 0


def _check_version() -> None:
    from patdsl.vllm.versions import ENVIRONMENT, check_version

    version = str(importlib.import_module("vllm").__version__)
    check_version(version, os.environ.get(ENVIRONMENT, "") not in ("", "0"))
