"""Our passes as passes of vLLM: timed, logged, dumped and counted as its own are.

In: a `VllmConfig`, what was asked for. Out: one `VllmInductorPass` for each pass, in their order.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from patdsl.graph import PassSpec
from patdsl.runtime.chain import Chain
from patdsl.runtime.passes import FusionPass, Register
from patdsl.runtime.preference import use_preference
from patdsl.runtime.uuid import sources_digest
from patdsl.vllm.hosts import host_values
from patdsl.vllm.settings import settings
from patdsl.vllm.written_parts import read_written_parts

if TYPE_CHECKING:
    from torch.fx import Graph

#: The passes of each compiled file of `patterns/vllm/`, in the order in which vLLM runs its own.
PASSES = (
    ("add_rms_fusion", "add_rms_fusion"),
    ("rocm_aiter_fusion", "act_padding"),
    ("allreduce_rms_fusion", "allreduce_rms"),
    ("add_rms_fusion", "rms_norm_reshape"),
    ("rms_quant_fusion", "norm_quant"),
    ("act_quant_fusion", "act_quant"),
    ("qk_norm_rope_kvcache_fusion", "qk_norm_rope_kvcache"),
    ("rocm_aiter_fusion", "mla_dual_norm"),
    ("rope_kvcache_fusion", "rope_kvcache"),
    ("mla_rope_kvcache_cat_fusion", "rope_kvcache_cat_mla"),
    ("attn_quant_fusion", "attn_quant"),
    ("mla_attn_quant_fusion", "mla_attn_quant"),
    ("qk_norm_rope_fusion", "qk_norm_rope"),
)


def specs() -> list[tuple[PassSpec, Register]]:
    """Every pass that there is for vLLM."""
    found = []
    for file, name in PASSES:
        module = importlib.import_module(f"patdsl.library.vllm.{file}")
        found.append(next(each for each in module.PASSES if each[0].name == name))
    return found


def chain_for(config: Any, given: Mapping[str, Any] | None = None) -> Chain:
    """The passes that are asked for, with what vLLM knows."""
    importlib.import_module("patdsl.register_ops")
    known = specs()
    chosen = settings([spec.name for spec, _ in known], given)
    passes = [(spec, register) for spec, register in known if spec.name in chosen.passes]
    declared = frozenset(host.name for spec, _ in passes for host in spec.hosts)
    with use_preference(*chosen.prefer):
        return Chain.build(passes, hosts=host_values(config, declared), target=target_of())


def target_of() -> str:
    """The hardware that vLLM compiles for, as its platform says: it knows before torch has a device."""
    from patdsl.runtime.target import check_target, current_target

    platform = importlib.import_module("vllm.platforms").current_platform
    if platform.is_rocm():
        rocm = importlib.import_module("vllm.platforms.rocm")
        return check_target(rocm._GCN_ARCH.split(":")[0])
    if platform.is_cuda():
        capability = platform.get_device_capability()
        return check_target(f"sm_{capability.major}{capability.minor}")
    return current_target()


#: Passes that look for what models write in place.
IN_PLACE = ("qk_norm_rope_kvcache", "rope_kvcache", "rope_kvcache_cat_mla", "qk_norm_rope")


def vllm_passes(config: Any, given: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """The passes as vLLM's pass manager takes them."""
    kind = _pass_class()
    made: list[Any] = []
    for each in chain_for(config, given):
        if each.name in IN_PLACE and not any(other.pass_name == WRITTEN_PARTS for other in made):
            made.append(_written_parts_class()(config))
        made.append(kind(config, each))
    return made


def _pass_class() -> Any:
    """Made when vLLM is there: its base class is."""
    base = importlib.import_module("vllm.compilation.passes.vllm_inductor_pass")

    class PatdslPass(base.VllmPatternMatcherPass):  # type: ignore[name-defined,misc]
        """One of our passes. `matched_count` is of the last graph."""

        def __init__(self, config: Any, fusion: FusionPass) -> None:
            super().__init__(config)
            self.fusion = fusion
            self.pass_name = f"patdsl.{fusion.name}"
            self._dump = config.compile_debug_dump_path()

        @base.VllmInductorPass.time_and_log  # type: ignore[untyped-decorator]
        def __call__(self, graph: Graph) -> None:
            self.matched_count = self.fusion.apply(graph)
            base.VllmPatternMatcherPass.match_table[self.pass_name] += self.matched_count
            if self._dump:
                _dump_report(self._dump, self.pass_name, str(self.fusion.report()))

        def is_applicable_for_range(self, compile_range: Any) -> bool:
            return self.fusion.compile_for(compile_range.start, compile_range.end)

        def uuid(self) -> str:
            return str(self.fusion.uuid())

    return PatdslPass


WRITTEN_PARTS = "patdsl.written_parts"


def _written_parts_class() -> Any:
    base = importlib.import_module("vllm.compilation.passes.vllm_inductor_pass")

    class WrittenParts(base.VllmInductorPass):  # type: ignore[name-defined,misc]
        """`read_written_parts`, as vLLM has passes of its own for it in front of its fusions."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.pass_name = WRITTEN_PARTS

        @base.VllmInductorPass.time_and_log  # type: ignore[untyped-decorator]
        def __call__(self, graph: Graph) -> None:
            read_written_parts(graph)

        def uuid(self) -> str:
            return sources_digest()

    return WrittenParts


def _dump_report(folder: Any, name: str, text: str) -> None:
    """Beside the graphs that vLLM dumps."""
    unique = importlib.import_module("vllm.utils.system_utils").unique_filepath
    folder.mkdir(parents=True, exist_ok=True)
    unique(lambda at: folder / f"report.{name}.{at}.txt").write_text(text + "\n")
