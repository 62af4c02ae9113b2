"""The modules of `patdsl compile --target vllm`, made, loaded and given vLLM's configuration.

In: the `.pat` files of `patterns/vllm`. Out: `generated_passes`, every pass of them by its name, in the order of the
plugin's. They are given the host values that the plugin finds; nothing else of patdsl is in them.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from patdsl.commands.compile import module_name
from patdsl.pipeline import run
from patdsl.vllm.hosts import host_values
from patdsl.vllm.passes import PASSES

PATTERNS = Path(__file__).parents[2] / "patterns" / "vllm"


def load(path: Path) -> Any:
    """A generated module, imported from its file."""
    name = f"generated_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def modules() -> dict[str, Any]:
    """The module of each file of `patterns/vllm`."""
    folder = Path(tempfile.mkdtemp())
    found = {}
    for outcome in run(sorted(PATTERNS.glob("*.pat")), target="vllm"):
        assert outcome.module, outcome.path
        path = folder / f"{module_name(outcome.path)}.py"
        path.write_text(outcome.module, encoding="utf-8")
        found[outcome.path.stem] = load(path)
    return found


def generated_passes(config: Any) -> dict[str, Any]:
    made = modules()
    found = {}
    for file, name in PASSES:
        module = made[file]
        kind = getattr(module, "".join(word.capitalize() for word in name.split("_")) + "Pass")
        if hasattr(module, "Hosts"):
            declared = frozenset(module.Hosts.__annotations__)
            found[name] = kind(config, module.Hosts(**host_values(config, declared)))
        else:
            found[name] = kind(config)
    return found
