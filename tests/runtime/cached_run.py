"""Compiles a model in this process with Inductor's caches on, and prints what the cache did. Run by a test.

Arguments: the epsilon set of the pattern as Python, the host value, and which binding (`plain` or `nested`).
"""

from __future__ import annotations

import ast
import json
import sys

import torch
import torch._inductor.config as config
from runtime_models import bf16, norm_quants
from runtime_specs import FUSED_BINDING, NESTED_BINDING, fused_through, spec
from test_runtime_uuid import HOST, with_epsilon
from torch._dynamo.utils import counters

from patdsl.runtime import Chain, FusionPass

epsilons, tp_size, binding = ast.literal_eval(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.manual_seed(0)
bindings = {"plain": FUSED_BINDING, "nested": NESTED_BINDING}
fusion = FusionPass(
    spec(with_epsilon(*epsilons), hosts=HOST, ops=fused_through(bindings[binding])),
    hosts={"tp_size": tp_size},
)
model, inputs = norm_quants(None, None), (bf16(6, 256), bf16(256))
with config.patch(
    post_grad_custom_post_pass=Chain([fusion]), fx_graph_cache=True, fx_graph_remote_cache=False
):
    outputs = torch.compile(model, fullgraph=True)(*inputs)
torch.testing.assert_close(outputs, model(*inputs), rtol=0, atol=0)
found = counters["inductor"]
print(
    json.dumps(
        {
            "hit": found["fxgraph_cache_hit"],
            "bypass": found["fxgraph_cache_bypass"],
            "ran": sum(fusion.counts.values()),
        }
    )
)
