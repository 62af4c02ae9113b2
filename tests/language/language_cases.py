"""Loading the golden files and running their passes on graphs.

`fuses` traces a model, applies a pass, and checks that both graphs compute the same; `leaves` checks that nothing was
touched. Graphs are made with make_fx; `post_grad` takes one from torch.compile, for ops that write to their arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import language_ops
import torch
import torch._inductor.config as inductor_config
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch.fx import Graph, GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_leaves

import patdsl
import patdsl.reference
from patdsl.runtime import torch_api
from patdsl.runtime.fake_results import name_of

GOLDEN = Path(__file__).parent.parent / "golden"
K = torch.ops.patdsl
LANG = language_ops.LANG
Model = Callable[..., Any]


def load(name: str, **settings: Any) -> Any:
    """The passes of tests/golden/NAME.pat."""
    return patdsl.load(GOLDEN / f"{name}.pat", **settings)


def named(chain: Any, name: str) -> Any:
    """One pass of several."""
    return type(chain)([each for each in chain if each.name == name])


def bf16(*dims: int) -> torch.Tensor:
    return torch.randn(*dims, dtype=torch.bfloat16)


def f32(*dims: int) -> torch.Tensor:
    """Quarters, so that sums and products are exact in any order."""
    return torch.randint(-8, 9, dims) / 4


def traced(model: Model, *inputs: Any, symbolic: bool = False) -> GraphModule:
    mode = "symbolic" if symbolic else "fake"
    module = make_fx(lambda *given: model(*given), tracing_mode=mode)(*inputs)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


class _Captured(BaseException):
    """Ends a compilation once the graph is taken. No `Exception`, so that torch does not wrap it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


class _Capture(CustomGraphPass):
    def __call__(self, graph: Graph) -> None:
        raise _Captured(graph)

    def uuid(self) -> None:
        return None


def post_grad(model: Model, *inputs: Any, v2: bool = True) -> GraphModule:
    """The graph that a post-grad pass sees, with writing ops in their functional form."""
    torch._dynamo.reset()
    with inductor_config.patch(
        post_grad_custom_post_pass=_Capture(), enable_auto_functionalized_v2=v2, force_disable_caches=True
    ):
        try:
            torch.compile(model, fullgraph=True)(*inputs)
        except _Captured as captured:
            return GraphModule(captured.graph.owning_module or torch.nn.Module(), captured.graph)
    raise AssertionError("no graph was compiled")


def ops(graph: Graph) -> Counter[str]:
    """Calls that are not free of meaning here, by the last part of the op's name; a functional form goes by its op."""
    found: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "call_function" and node.target is not torch_api.getitem:
            name = name_of(node.target, node.args)
            found[name.split("::")[-1].split(".")[-2 if name.count(".") > 0 else 0]] += 1
    return found


def outputs(module: GraphModule, inputs: tuple[Any, ...]) -> list[Any]:
    tensors = [value for value in inputs if isinstance(value, torch.Tensor)]
    count = sum(node.op == "placeholder" for node in module.graph.nodes)
    given = inputs if count == len(inputs) else tensors
    assert count == len(given), f"{count} placeholders, {len(given)} inputs"
    given = [value.clone() if isinstance(value, torch.Tensor) else value for value in given]
    result = torch.fx.Interpreter(module).run(*given)
    return list(tree_leaves(result))


def fuses(
    passes: Any,
    model: Model | GraphModule,
    *inputs: Any,
    count: int | dict[str, int] = 1,
    exact: bool = True,
    symbolic: bool = False,
) -> Counter[str]:
    """Applies `passes` and checks counts, soundness and numerics. The ops of the graph afterwards."""
    module = model if isinstance(model, GraphModule) else traced(model, *inputs, symbolic=symbolic)
    before = outputs(module, inputs)
    passes(module.graph)
    made = dict(passes.last_counts)
    assert (made if isinstance(count, dict) else sum(made.values())) == count, passes.report()
    module.graph.lint()
    module.recompile()
    after = outputs(module, inputs)
    tolerance = {"rtol": 0, "atol": 0} if exact else {}
    for old, new in zip(before, after, strict=True):
        if isinstance(old, torch.Tensor):
            assert old.dtype == new.dtype
            assert old.shape == new.shape
            assert old.stride() == new.stride()
            torch.testing.assert_close(new.float(), old.float(), **tolerance)
    return ops(module.graph)


def leaves(
    passes: Any, model: Model | GraphModule, *inputs: Any, why: str | None = None, symbolic: bool = False
) -> None:
    """Applies `passes` and checks that the graph is as it was; `why` must stand among the refusals."""
    module = model if isinstance(model, GraphModule) else traced(model, *inputs, symbolic=symbolic)
    before = str(module.graph)
    passes(module.graph)
    assert not sum(passes.last_counts.values()), passes.report()
    assert str(module.graph) == before
    if why is not None:
        refusals = [str(one) for each in passes for one in each.report().refusals]
        assert any(why in one for one in refusals), refusals
