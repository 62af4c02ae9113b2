"""Every use of torch's private interfaces, in one place.

In: torch as installed. Out: the few names that the runtime needs, under our own names, each looked up once. What a
version lacks is either not needed there (`None`, with the reason beside it) or the import fails with one sentence that
names the version and what is missing. `torch_private.py` looks up, and holds what needs no Inductor. Written against
torch 2.13; docs/robustness.md says which versions were tested.
"""

from __future__ import annotations

import contextlib
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.fx

from patdsl.torch_private import lacking, may, need

Node = torch.fx.Node
Graph = torch.fx.Graph
GraphModule = torch.fx.GraphModule
OpOverload = torch._ops.OpOverload
getitem = operator.getitem

# Functionalised calls of ops that mutate.

auto_functionalized: Any = need("torch._higher_order_ops.auto_functionalize", "auto_functionalized")
auto_functionalized_v2: Any = need("torch._higher_order_ops.auto_functionalize", "auto_functionalized_v2")
FUNCTIONALIZED = (auto_functionalized, auto_functionalized_v2)
can_auto_functionalize: Callable[[Any], bool] = need(
    "torch._higher_order_ops.auto_functionalize", "can_auto_functionalize"
)
# Since 2.13 the second form of an op tagged `out` takes the shapes of its buffers, not the buffers.
_out_tag: Any = getattr(torch.Tag, "out", None)
_split_out_form: bool = (
    may("torch._higher_order_ops.auto_functionalize", "_do_auto_functionalize_v2_for_out_operator")
    is not None
)


def takes_out_shapes(op: OpOverload) -> bool:
    """Whether `auto_functionalized_v2` of `op` is given the sizes of its buffers and allocates them itself."""
    return _split_out_form and _out_tag is not None and _out_tag in op.tags


def prefers_v2() -> bool:
    """Which form torch would give a mutating op: Inductor's setting."""
    return bool(getattr(inductor_config, "enable_auto_functionalized_v2", False))


# Symbolic shapes and fake tensors.

FakeTensor: Any = need("torch._subclasses.fake_tensor", "FakeTensor")
FakeTensorMode: Any = need("torch._subclasses.fake_tensor", "FakeTensorMode")
TorchDispatchMode: Any = need("torch.utils._python_dispatch", "TorchDispatchMode")
_no_dispatch: Any = need("torch.utils._mode_utils", "no_dispatch")
statically_known_true: Callable[[Any], bool] = need(
    "torch.fx.experimental.symbolic_shapes", "statically_known_true"
)
sym_eq: Callable[[Any, Any], Any] = need("torch.fx.experimental.symbolic_shapes", "sym_eq")
_python_dispatcher: Any = need("torch._dispatch.python", "enable_python_dispatcher")
Add: Any = need("sympy", "Add")
Mul: Any = need("sympy", "Mul")
FloorDiv: Any = need("torch.utils._sympy.functions", "FloorDiv")
CleanDiv: Any = may("torch.utils._sympy.functions", "CleanDiv", FloorDiv)
Mod: Any = need("torch.utils._sympy.functions", "Mod")
PythonMod: Any = may("torch.utils._sympy.functions", "PythonMod", Mod)


def fake_mode_of_tensor(tensor: torch.Tensor) -> Any:
    """The mode that a fake tensor was made under."""
    return tensor.fake_mode  # type: ignore[attr-defined]


def fake_like(tensor: Any) -> Any:
    """A fake tensor of its own with the type of `tensor`, which begins at its storage."""
    with _no_dispatch():
        empty = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
        # What it is made of says whether it requires a gradient: 2.11 has no argument for that.
        empty.requires_grad_(tensor.requires_grad)
        return FakeTensor(tensor.fake_mode, empty, tensor.device)


def is_symbolic(size: Any) -> bool:
    """Whether a size is a SymInt (torch declares sizes as int)."""
    return isinstance(size, torch.SymInt)


def symbol_of(value: Any) -> Any:
    """The sympy expression of a SymInt."""
    return value.node.expr


@contextlib.contextmanager
def propagating(fake_mode: Any) -> Iterator[None]:
    """Runs ops on fake tensors. A guard that an op would add is an error where torch can say so (2.12 on).

    A fake implementation that asks for the size of a symbolic dim would otherwise fix that size for the whole graph.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(fake_mode)
        stack.enter_context(_python_dispatcher())
        stack.enter_context(torch.no_grad())
        shape_env = fake_mode.shape_env
        if shape_env is not None:
            stack.enter_context(shape_env.ignore_fresh_unbacked_symbols())
            if hasattr(shape_env, "error_on_new_guards"):
                stack.enter_context(shape_env.error_on_new_guards())
        yield


# Meta of nodes.

COPIED_FIELDS: tuple[str, ...] = tuple(
    may(
        "torch.fx.proxy",
        "_COPY_META_FIELDS",
        (
            "nn_module_stack",
            "torch_fn",
            "source_fn_stack",
            "original_aten",
            "recompute",
            "ac_graph_id",
            "from_node",
            "custom",
            "partitioner_tag",
        ),
    )
)
_NodeSource: Any = may("torch.fx.traceback", "NodeSource")
_NodeSourceAction: Any = may("torch.fx.traceback", "NodeSourceAction")
_saves_eager_inputs: Any = may("torch.fx.experimental.proxy_tensor", "_should_save_eager_input_vals")


def sources(old: tuple[Node, ...], pass_name: str) -> list[Any]:
    """Provenance entries for nodes that gave way, where Inductor's provenance tracking asks for them."""
    trace = getattr(inductor_config, "trace", None)
    if _NodeSource is None or getattr(trace, "provenance_tracking_level", 0) != 1:
        return []
    return [_NodeSource(node, pass_name, _NodeSourceAction.REPLACE) for node in old]


def needs_exact_strides(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether Inductor must be told the strides that this call's inputs are to have.

    Without `eager_input_vals` it takes a node for one that a pass has inserted and that accepts any strides.
    """
    return _saves_eager_inputs is not None and bool(_saves_eager_inputs(target, (args, kwargs)))


def end_library(library: Any) -> None:
    """Take back what a torch.library.Library has registered."""
    library._destroy()


# Decompositions.

_decomp_table: Any = need("torch._inductor.decomposition", "select_decomp_table")
_make_fx: Any = need("torch.fx.experimental.proxy_tensor", "make_fx")


def decompositions() -> Mapping[Any, Any]:
    """What Inductor takes apart before post-grad passes see the graph."""
    table: Mapping[Any, Any] = _decomp_table()
    return table


def traced(function: Callable[..., Any], inputs: list[Any]) -> Graph:
    """The graph of a function of fake values, decomposed as Inductor does."""
    graph: Graph = _make_fx(function, decompositions(), tracing_mode="real")(*inputs).graph
    return graph


# Graphs.


def is_erased(node: Node) -> bool:
    return bool(node._erased)


def state_of(graph: Graph) -> tuple[int, int]:
    """Differs after a node was added or erased: the count of nodes, and of names ever given."""
    return len(graph.nodes), len(graph._graph_namespace._used_names)


def next_of(node: Node) -> Node:
    """The node that follows; the root of the list follows the last one."""
    return node._next


def probe_graphs() -> None:
    """What graphs, nodes and ops are asked for above and in `match/fx_*.py`: missing, it would fail late."""
    graph = Graph()
    node = graph.placeholder("x")
    for owner, path in (
        (node, "_erased"),
        (node, "_next"),
        (graph, "_graph_namespace._used_names"),
        (torch.ops.aten.add.Tensor, "_schema"),
        (torch.ops.aten.add.Tensor, "_overloadname"),
    ):
        try:
            operator.attrgetter(path)(owner)
        except AttributeError:
            raise lacking(f"{type(owner).__name__}.{path}") from None


probe_graphs()

# Inductor.

inductor_config: Any = need("torch._inductor", "config")
counters: Any = need("torch._dynamo.utils", "counters")
CustomGraphPass: Any = need("torch._inductor.custom_graph_pass", "CustomGraphPass")
PatternExpr: Any = need("torch._inductor.pattern_matcher", "PatternExpr")
PatternMatcherPass: Any = need("torch._inductor.pattern_matcher", "PatternMatcherPass")
TorchMatch: Any = need("torch._inductor.pattern_matcher", "Match")
FailedMatch: Any = need("torch._inductor.pattern_matcher", "FailedMatch")
MatchContext: Any = need("torch._inductor.pattern_matcher", "MatchContext")
GraphTransformObserver: Any = need("torch.fx.passes.graph_transform_observer", "GraphTransformObserver")
_torch_register: Any = need("torch._inductor.pattern_matcher", "register_replacement")
_REGISTER_PARAMETERS = frozenset(inspect.signature(_torch_register).parameters)
if "search_fn_pattern" not in _REGISTER_PARAMETERS:
    raise lacking("register_replacement(search_fn_pattern=...)")


def register_replacement(*, pattern_name: str, **arguments: Any) -> None:
    """torch's `register_replacement`, by keyword; `pattern_name` is dropped where it is not known (before 2.13)."""
    if "pattern_name" in _REGISTER_PARAMETERS:
        arguments["pattern_name"] = pattern_name
    _torch_register(**arguments)


# What Inductor says of its cache folders.
CACHE_LOGGER = "torch._inductor.utils"


def fresh_cache(folder: str) -> contextlib.AbstractContextManager[None]:
    """Within it Inductor caches in `folder` alone."""
    within: contextlib.AbstractContextManager[None] = need("torch._inductor.utils", "fresh_cache")(dir=folder)
    return within


def uncompiled(model: Callable[..., Any]) -> Callable[..., Any]:
    """The module inside one that `torch.compile` returned, which would answer with its own backend."""
    inner: Callable[..., Any] = getattr(model, "_orig_mod", model)
    return inner


class _Reached(Exception):  # noqa: N818
    """Inductor has come to its post-grad passes."""


class _Show(CustomGraphPass):  # type: ignore[misc]
    """A pass that looks at a graph and ends its compilation."""

    def __init__(self, show: Callable[[Graph], None]) -> None:
        self.show = show
        self.reached = False

    def __call__(self, graph: Graph) -> None:
        self.reached = True
        self.show(graph)
        raise _Reached

    def uuid(self) -> None:
        """Nothing is answered from a cache."""


def backend_that_shows(
    show: Callable[[Graph], None],
) -> Callable[[GraphModule, list[Any]], Callable[..., Any]]:
    """A backend of torch.compile: Inductor as far as its custom post-grad pass, which is `show`. No code is generated;
    what is then called is the graph as it was captured. `show` must not raise."""
    compile_fx: Callable[..., Any] = need("torch._inductor.compile_fx", "compile_fx")

    def backend(gm: GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        last = _Show(show)
        with inductor_config.patch(post_grad_custom_post_pass=last, fx_graph_cache=False):
            try:
                compile_fx(gm, inputs)
            except Exception:
                if not last.reached:
                    raise
        call: Callable[..., Any] = gm.forward
        return call

    return backend
