"""A tiny randomly initialised model through `LLM()`, in a process of its own; prints tokens and matches as JSON.

    python tiny_llm.py MODEL_FOLDER CACHE_FOLDER

Its linear layers quantise their input in groups and multiply what that stands for, so that a CPU can run the graphs
of a block-quantised model. vLLM's CPU platform would not use its own compilation passes; here it must.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

GROUP = 64


def main(model: str, cache: str) -> None:
    os.environ.update(
        VLLM_ENABLE_V1_MULTIPROCESSING="0",
        HF_HUB_OFFLINE="1",
        VLLM_CPU_KVCACHE_SPACE="1",
        VLLM_CPU_OMP_THREADS_BIND="nobind",
        VLLM_CACHE_ROOT=cache,
        VLLM_LOGGING_LEVEL=os.environ.get("VLLM_LOGGING_LEVEL", "ERROR"),
    )
    compile_on_cpu()
    random_weights()
    quantise_inputs()
    from vllm import LLM, SamplingParams

    off = dict.fromkeys(
        (
            *(
                "fuse_norm_quant",
                "fuse_act_quant",
                "fuse_attn_quant",
                "fuse_allreduce_rms",
                "fuse_act_padding",
            ),
            *("enable_qk_norm_rope_fusion", "fuse_rope_kvcache", "fuse_mla_dual_rms_norm"),
        ),
        False,
    )
    llm = LLM(
        model=model,
        skip_tokenizer_init=True,
        load_format="dummy",
        dtype="bfloat16",
        quantization="grouped_inputs",
        max_model_len=128,
        max_num_batched_tokens=256,
        max_num_seqs=4,
        compilation_config={
            "mode": 3,
            "custom_ops": ["+rms_norm"],
            "cudagraph_mode": "NONE",
            # Rounded where the model rounds, fused or not: otherwise Inductor skips casts between what it fuses.
            "inductor_compile_config": {"emulate_precision_casts": True},
            "pass_config": {"eliminate_noops": True, **off},
        },
    )
    prompts = [{"prompt_token_ids": ids} for ids in ([1, 5, 6, 7], [1, 900, 30, 4, 17, 256], [1])]
    sampling = SamplingParams(max_tokens=16, temperature=0, detokenize=False, ignore_eos=True)
    outputs = llm.generate(prompts, sampling, use_tqdm=False)
    from vllm import envs
    from vllm.compilation.passes.vllm_inductor_pass import get_match_table

    print(
        "RESULT "
        + json.dumps(
            {
                "tokens": [list(each.outputs[0].token_ids) for each in outputs],
                "matches": get_match_table(),
                "seen": {"factor": envs.compile_factors().get("PATDSL")},
            }
        )
    )


def compile_on_cpu() -> None:
    """Keep vLLM's own compilation on this platform, and note what its pass manager is made of."""
    from vllm.config import CompilationMode
    from vllm.platforms import current_platform

    kind = type(current_platform)
    check = kind.check_and_update_config.__func__

    def checked(cls: Any, config: Any) -> None:
        check(cls, config)
        compilation = config.compilation_config
        compilation.mode = CompilationMode.VLLM_COMPILE
        compilation.backend = "inductor"
        compilation.ir_enable_torch_wrap = True
        compilation.compile_sizes = []

    kind.check_and_update_config = classmethod(checked)
    import torch
    import vllm._C  # noqa: F401

    global FRAGMENT
    FRAGMENT = torch.library.Library("_C", "FRAGMENT")
    for name in NAMED:
        if not hasattr(torch.ops._C, name):
            FRAGMENT.define(f"{name}() -> ()")


#: vLLM's pass that runs last compares each op that writes with these, of which the CPU build has a part.
NAMED = (
    *("rms_norm_static_fp8_quant", "fused_add_rms_norm_static_fp8_quant", "rms_norm_dynamic_per_token_quant"),
    *("silu_and_mul_quant", "fused_qk_norm_rope"),
)


def random_weights() -> None:
    """Weights that keep values near one, in the place of vLLM's dummy ones, which make every token nearly equal."""
    import torch
    from vllm.model_executor.model_loader import dummy_loader

    generator = torch.Generator().manual_seed(0)

    def fill(weight: Any) -> None:
        if not weight.is_floating_point():
            return
        values = torch.randn(weight.shape, generator=generator)
        values = values / weight.shape[-1] ** 0.5 if weight.dim() > 1 else 1 + values / 8
        weight.data.copy_(values)

    dummy_loader.initialize_single_dummy_weight = fill


def quantise_inputs() -> None:
    """A quantisation of vLLM by which every linear layer groups its input, as block-quantised ones do."""
    import torch
    from vllm.model_executor.layers.linear import LinearBase, UnquantizedLinearMethod
    from vllm.model_executor.layers.quantization import register_quantization_config
    from vllm.model_executor.layers.quantization.base_config import QuantizationConfig

    import patdsl.register_ops  # noqa: F401

    class GroupedInputs(UnquantizedLinearMethod):
        def process_weights_after_loading(self, layer: Any) -> None:
            """The weight stays as it is: on a CPU vLLM would pack it away."""

        def apply(self, layer: Any, x: Any, bias: Any = None) -> Any:
            rows = x.view(-1, x.shape[-1])
            q, scale = torch.ops.patdsl.group_quant(rows, GROUP)
            wide = q.to(torch.float32).view(-1, rows.shape[-1] // GROUP, GROUP) * scale.unsqueeze(-1)
            return torch.nn.functional.linear(wide.view(x.shape).to(x.dtype), layer.weight, bias)

    @register_quantization_config("grouped_inputs")
    class GroupedInputsConfig(QuantizationConfig):
        def get_name(self) -> str:
            return "grouped_inputs"

        def get_supported_act_dtypes(self) -> list[Any]:
            return [torch.bfloat16]

        @classmethod
        def get_min_capability(cls) -> int:
            return -1

        @staticmethod
        def get_config_filenames() -> list[str]:
            return []

        @classmethod
        def from_config(cls, config: Any) -> Any:
            return cls()

        def get_quant_method(self, layer: Any, prefix: str) -> Any:
            return GroupedInputs() if isinstance(layer, LinearBase) else None


if __name__ == "__main__":
    main(*sys.argv[1:])
