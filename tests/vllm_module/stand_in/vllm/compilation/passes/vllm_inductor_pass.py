"""Passes over torch's matcher: their patterns, their counts, how replacements are traced."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch._inductor.pattern_matcher as pm
from torch import fx
from torch._inductor.fx_passes.post_grad import view_to_reshape

from vllm.compilation.passes.inductor_pass import InductorPass
from vllm.config import VllmConfig


class VllmInductorPass(InductorPass):
    def __init__(self, config: VllmConfig) -> None:
        self.pass_name = type(self).__name__

    @staticmethod
    def time_and_log(call: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(call)
        def timed(self: VllmInductorPass, graph: fx.Graph) -> None:
            call(self, graph)

        return timed


class VllmPatternMatcherPass(VllmInductorPass):
    match_table: ClassVar[defaultdict[str, int]] = defaultdict(int)
    matched_count = 0

    def dump_patterns(self, config: VllmConfig, patterns: pm.PatternMatcherPass) -> None:
        for entries in patterns.patterns.values():
            for entry in entries:
                pm.PatternPrettyPrinter.run(entry.pattern)


class VllmPatternReplacement(ABC):
    @property
    @abstractmethod
    def pattern(self) -> Callable[..., Any]: ...

    @property
    @abstractmethod
    def replacement(self) -> Callable[..., Any]: ...

    @abstractmethod
    def get_inputs(self) -> list[Any]: ...


class VllmFusionPatternMatcherPass(VllmPatternMatcherPass):
    def __init__(self, config: VllmConfig, pass_name: str) -> None:
        super().__init__(config)
        self.pass_name = pass_name
        self.pm_pass = pm.PatternMatcherPass(pass_name=pass_name)
        self._pattern_replacements: list[VllmPatternReplacement] = []

    @staticmethod
    def _trace_fn(*args: Any, **kwargs: Any) -> fx.GraphModule:
        module = pm.fwd_only(*args, **kwargs)
        view_to_reshape(module)
        return module


def remove_noop_reshapes(module: fx.GraphModule) -> None:
    for node in module.graph.find_nodes(op="call_function", target=torch.ops.aten.reshape.default):
        source = node.args[0]
        if node.meta["val"].shape == source.meta["val"].shape:
            node.replace_all_uses_with(source)
            module.graph.erase_node(node)
