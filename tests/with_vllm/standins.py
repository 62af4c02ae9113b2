"""More stand-ins for vLLM's own pass tests, beside `simplugin`: what their models need of a GPU machine to be traced.

Ops that would run a kernel give zeros of the right shape, as what is asked of these tests here is a graph.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.metadata
import json
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

ATTENTION = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1024,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
}
LATENT = {
    "kv_lora_rank": 512,
    "q_lora_rank": None,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 256,
    "first_k_dense_replace": 2,
    "moe_layer_freq": 1,
    "num_key_value_heads": 4,
}
CONFIGS = {
    "deepseek": {
        **ATTENTION,
        **LATENT,
        "architectures": ["DeepseekV2ForCausalLM"],
        "model_type": "deepseek_v2",
    },
    "": {**ATTENTION, "architectures": ["LlamaForCausalLM"], "model_type": "llama", "head_dim": 64},
}


def model_folder(name: str) -> str:
    """A folder with the configuration of a small model of the named one's kind."""
    config = next(config for word, config in CONFIGS.items() if word in name.lower())
    folder = Path(tempfile.gettempdir()) / f"patdsl_{config['model_type']}"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


class _Anything(types.ModuleType):
    """A module that has every name."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _anything

    def __mro_entries__(self, bases: Any) -> Any:
        return ()


def _anything(*args: Any, **kwargs: Any) -> Any:
    return args[0] if args and callable(args[0]) else _anything


class _Finder:
    """Any module below `aiter.` that the stand-in for aiter lacks, but matrix products and quantisations."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith("aiter.") or "gemm" in name or "quant" in name:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Anything(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


def install() -> None:
    """Everything, before a test module is imported."""
    sys.meta_path.append(_Finder())  # type: ignore[arg-type]
    os.environ.update(VLLM_ROCM_USE_AITER_FP4BMM="0", VLLM_ROCM_USE_AITER_FP8BMM="0")
    _aiter()
    _cuda()
    _triton()
    _aiter_version()
    from vllm._aiter_ops import rocm_aiter_ops
    from vllm.config import ModelConfig

    quark = importlib.import_module("vllm.model_executor.layers.quantization.quark.utils")
    quark.quark_quantize_weight_to_mxfp4 = lambda weight: (weight, weight)
    rocm_aiter_ops._FP4BMM_ENABLED = rocm_aiter_ops._FP8BMM_ENABLED = False
    rocm_aiter_ops._gdn_triton_kernels_importable = classmethod(lambda cls: True)
    make = ModelConfig.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if "/" in str(kwargs.get("model", "")) and not Path(kwargs["model"]).exists():
            kwargs["model"] = kwargs["tokenizer"] = model_folder(kwargs["model"])
            kwargs["skip_tokenizer_init"] = True
        make(self, *args, **kwargs)

    ModelConfig.__init__ = init
    _ops()


def _aiter() -> None:
    """Names that the stand-ins for aiter lack."""
    import torch

    one = ((1,), torch.int32)
    importlib.import_module("aiter").get_mla_metadata_info_v1 = lambda *args, **kwargs: (one,) * 6
    for name in ("aiter", "aiter.ops.quant"):
        module = importlib.import_module(name)
        module.dtypes = types.SimpleNamespace(  # type: ignore[attr-defined]
            fp16=torch.float16, bf16=torch.bfloat16, fp32=torch.float32, fp8=torch.float8_e4m3fn
        )
        module.__getattr__ = lambda name: _missing(name) if name.startswith("__") else _anything  # type: ignore[attr-defined]


def _cuda() -> None:
    """Where vLLM's passes and backends ask for a device in so many words."""
    import torch
    from vllm.platforms import current_platform

    type(current_platform).num_compute_units = classmethod(lambda cls, *args: 256)
    fusion = importlib.import_module("vllm.compilation.passes.fusion.rocm_aiter_fusion")
    shapes = ((5, 16), (16,), (5, 16), (8, 16), (8,))
    fusion.AddAiterRMSNormPadPattern.get_inputs = lambda self: [
        torch.empty(shape, dtype=torch.bfloat16) for shape in shapes
    ]


def _triton() -> None:
    """Kernels are only defined: what they name of the language must be there."""
    import vllm.triton_utils as utils

    if utils.HAS_TRITON:
        return
    utils.triton.next_power_of_2 = lambda n: 1 << (n - 1).bit_length()
    for place in (utils.tl, utils.triton.language):
        type(place).__getattr__ = lambda self, name: (
            _anything if not name.startswith("__") else _missing(name)
        )


def _missing(name: str) -> Any:
    raise AttributeError(name)


def _aiter_version() -> None:
    find = importlib.metadata.version
    importlib.metadata.version = lambda name: (
        "0.1.20" if name.replace("-", "_") == "amd_aiter" else find(name)
    )


#: Kernels: nothing of what they compute is looked at, only the graph around them.
WRITES_ITS_OPERANDS = {
    "_C": ("rotary_embedding", "fused_qk_norm_rope"),
    "vllm": (
        *("unified_attention_with_output", "unified_mla_attention_with_output"),
        *("rocm_aiter_triton_rotary_embedding", "flashinfer_rotary_embedding", "mrope"),
    ),
}
GIVES_NOTHING = ("unified_kv_cache_update", "unified_mla_kv_cache_update")


def _ops() -> None:
    import torch

    global LIBRARIES
    LIBRARIES = []
    for namespace, names in WRITES_ITS_OPERANDS.items():
        library = torch.library.Library(namespace, "IMPL")
        LIBRARIES.append(library)
        for name in names:
            if hasattr(getattr(torch.ops, namespace), name):
                library.impl(name, lambda *args, **kwargs: None, "CPU", allow_override=True)
    library = torch.library.Library("vllm", "IMPL")
    LIBRARIES.append(library)
    importlib.import_module("vllm.model_executor.layers.attention.attention")
    importlib.import_module("vllm.model_executor.layers.attention.mla_attention")
    for name in GIVES_NOTHING:
        library.impl(name, lambda first, *args: first.new_empty(0), "CPU", allow_override=True)
    library.impl(
        "rocm_aiter_gemm_a8w8_blockscale",
        lambda a, b, a_scale, b_scale, dtype=torch.bfloat16: a.new_zeros(len(a), len(b), dtype=dtype),
        "CPU",
        allow_override=True,
    )


LIBRARIES: list[Any] = []


@pytest.fixture
def dist_init() -> Iterator[None]:
    """One process as a world."""
    from tests.utils import ensure_current_vllm_config
    from vllm.distributed import cleanup_dist_env_and_memory, init_distributed_environment
    from vllm.distributed.parallel_state import initialize_model_parallel

    handle, path = tempfile.mkstemp()
    os.close(handle)
    with ensure_current_vllm_config():
        init_distributed_environment(
            world_size=1, rank=0, distributed_init_method=f"file://{path}", local_rank=0, backend="gloo"
        )
        initialize_model_parallel(1, 1)
        yield
    with contextlib.suppress(RuntimeError):  # it empties the memory of a device that is not there
        cleanup_dist_env_and_memory()


@pytest.fixture
def workspace_init() -> None:
    """Workspaces are for kernels."""


@pytest.fixture
def disable_vllm_compile_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_DISABLE_COMPILE_CACHE", "1")
