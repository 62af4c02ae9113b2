"""Compiling small models with and without a pass, and reading the graphs that come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch._inductor.config as inductor_config
from runtime_lib import OPS
from torch._inductor.custom_graph_pass import CustomGraphPass

from patdsl.runtime import torch_api
from patdsl.runtime.fake_results import name_of


def bf16(*shape):
    return torch.randn(*shape, dtype=torch.bfloat16)


class Kept(CustomGraphPass):
    """Runs a pass and keeps which ops stood in the graph before and after, and that the graph is sound."""

    def __init__(self, inner: Callable[[torch.fx.Graph], Any]) -> None:
        self.inner = inner
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.targets: Counter[str] = Counter()

    def __call__(self, graph: torch.fx.Graph) -> None:
        self.before = ops_in(graph)
        self.inner(graph)
        check(graph)
        self.after = ops_in(graph)
        self.targets = Counter(str(node.target) for node in graph.nodes)

    def uuid(self) -> None:
        return None


def check(graph: torch.fx.Graph) -> None:
    """Sound: lint (which finds a use before its definition), values everywhere, no fake tensor held by two tensors."""
    graph.lint()
    owners: dict[int, torch.fx.Node] = {}
    for node in graph.nodes:
        if node.op not in ("call_function", "placeholder"):
            continue
        assert "val" in node.meta or not node.users, f"{node} has no value"
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor):
            owner = owners.setdefault(id(value), node)
            assert owner is node, f"{node} and {owner} hold one fake tensor"


def ops_in(graph: torch.fx.Graph) -> Counter[str]:
    """Calls by the last part of their op's name; a functionalised call goes by its op."""
    found: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "call_function" and node.target is not torch_api.getitem:
            name = name_of(node.target, node.args)
            found[name.split(".")[1] if "." in name else name] += 1
    return found


def compiled(model, inputs, fusion, *, dynamic=False, second_form=True, **settings):
    """Outputs of the compiled model on copies of the inputs, and what the pass saw."""
    torch._dynamo.reset()
    kept = Kept(fusion)
    settings = {"fx_graph_cache": False, "enable_auto_functionalized_v2": second_form, **settings}
    with inductor_config.patch(post_grad_custom_post_pass=kept, **settings):
        run = torch.compile(model, fullgraph=True)
        outputs = run(*fresh(inputs, dynamic))
    return outputs, kept


def fresh(inputs, dynamic=False):
    """Copies of the inputs; `dynamic` marks every dim but the last of each as symbolic."""
    copies = [each.clone() for each in inputs]
    for copy in copies if dynamic else ():
        for dim in range(copy.dim() - 1):
            torch._dynamo.mark_dynamic(copy, dim)
    return copies


def agree(model, inputs, outputs):
    """Exactly what the model computes without compiling."""
    torch.testing.assert_close(outputs, model(*[each.clone() for each in inputs]), rtol=0, atol=0)


def norm_quants(*views, epsilon=1e-6, group=64):
    """norm, then one quant for each of `views`: None, or the dims that it sees."""

    def model(x, weight):
        y = OPS.norm(x, weight, epsilon)
        return tuple(OPS.quant(y if view is None else y.reshape(view), group) for view in views)

    return model


def traced(model, *inputs, symbolic=False):
    """The graph of a model, on fake tensors, without compiling it."""
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(model, tracing_mode="symbolic" if symbolic else "fake")(*inputs)
