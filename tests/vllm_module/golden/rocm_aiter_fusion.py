# Made from rocm_aiter_fusion.pat by patdsl 0.1.0. Do not edit it but the .pat file, and remake it:
#     patdsl compile --target vllm rocm_aiter_fusion.pat -o rocm_aiter_fusion.py
# Not in here, as torch's matcher cannot do what they say, or only patdsl has their kernels:
#     rms_norm_pad: only patdsl has a kernel of `rms_norm_pad`
"""The passes of rocm_aiter_fusion.pat for vLLM: patterns for torch's matcher."""

import inspect
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
import torch._inductor.pattern_matcher as pm
from torch import fx
from torch._guards import detect_fake_mode
from torch._higher_order_ops.auto_functionalize import auto_functionalized
from torch.fx.experimental.symbolic_shapes import statically_known_true as known

from vllm.compilation.passes.inductor_pass import enable_fake_mode
from vllm.compilation.passes.vllm_inductor_pass import (
    VllmFusionPatternMatcherPass,
    VllmInductorPass,
    VllmPatternMatcherPass,
    VllmPatternReplacement,
    remove_noop_reshapes,
)
from vllm.config import VllmConfig
from vllm.platforms import current_platform


FP8 = current_platform.fp8_dtype()

ATEN = torch.ops.aten
#: Calls that cost nothing. On an input of a pattern, or on what it replaces, they may have other readers, for whom they
#: stay.
FREE = (
    operator.getitem,
    ATEN.reshape.default,
    ATEN.split_with_sizes.default,
    ATEN.slice.Tensor,
    ATEN.unsqueeze.default,
)


def on(*targets: str) -> bool:
    """Whether the hardware is one of these: `gfx950`, `sm_90`; `sm_90+` is that or a later one."""
    if current_platform.is_rocm():
        from vllm.platforms.rocm import _GCN_ARCH

        return _GCN_ARCH.split(":")[0] in targets
    capability = current_platform.get_device_capability()
    if capability is None:
        return "cpu" in targets
    number = capability.to_int()
    return any(
        number >= int(target[3:-1]) if target.endswith("+") else target == f"sm_{number}"
        for target in targets
        if target.startswith("sm_")
    )


def is_registered(name: str) -> bool:
    """Whether this process has the op `namespace::name.overload`."""
    namespace, _, rest = name.partition("::")
    op, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, namespace), op, None)
    return hasattr(packet, overload or "default")


def functionalized(op: Any, *args: Any, **kwargs: Any) -> tuple[Any, dict[int | str, Any]]:
    """A call of an op that writes to its operands, as graphs hold it: its returns, and the value afterwards of each
    operand that is written, by its position or name. What is not given is at its default.
    """
    arguments = op._schema.arguments
    given = {argument.name: argument.default_value for argument in arguments}
    given.update(zip(given, args))
    made = auto_functionalized(op, **{**given, **kwargs})
    after: dict[int | str, Any] = {}
    at = max(1, len(op._schema.returns))
    for position, argument in enumerate(arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            after[position] = after[argument.name] = made[at]
            at += 1
    return made, after


def same_dims(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(known(a == b) for a, b in zip(one, other))


def name_of(layer: Any) -> str | None:
    """A layer's name, where the graph says it."""
    return layer if isinstance(layer, str) else None


class Fusion(VllmPatternReplacement):
    """A pattern and what replaces it, for graphs with or without a view (`view`) and with so many branches.

    `needs` are the ops of both sides. `effects` are ops that must not stand between those of a match, `restride` the
    outputs that may get other strides. `only`: an output, an op, and the position of the one operand that may read it.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    views: ClassVar[tuple[bool, ...]] = (False,)
    branches: ClassVar[tuple[int, ...]] = (1,)
    effects: ClassVar[tuple[str, ...]] = ()
    restride: ClassVar[tuple[int, ...]] = ()
    only: ClassVar[tuple[tuple[int, str, int], ...]] = ()

    def __init__(self, hosts: Any, view: bool, branch_count: int) -> None:
        self.hosts, self.view, self.branch_count = hosts, view, branch_count

    def check(self, **values: Any) -> bool:
        """What a match must meet besides its ops. `values`: the pattern's inputs, tensors as fake ones."""
        return True

    def get_inputs(self) -> list[Any]:
        """No example is needed: the pattern is traced with symbols."""
        return [None] * len(inspect.signature(self.pattern).parameters)


class DistinctOutputs(pm.MultiOutputPattern):
    """Outputs of which no two take the same node: torch's own class takes the first that fits, also twice."""

    def _match_from_anchors(self, pattern: pm.PatternExpr, ctx: pm.MatchContext) -> Any:
        before = dict(ctx.pattern_to_node)
        taken = {node for each, node in before.items() if isinstance(each, pm.CallFunction)}
        for node in pattern.find_anchor_nodes(ctx, pm.OrderedSet()):
            match = ctx.match(pattern, node)
            if pm.is_match(match) and taken.isdisjoint(match.nodes):
                return match
            ctx.pattern_to_node = dict(before)
        return pm.FailedMatch("no anchor found")


class Items(pm.PatternExpr):
    """A list, item by item. Graphs hold lists and tuples, which torch's own patterns tell apart."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = list(items)

    def __repr__(self) -> str:
        return repr(self.items)

    def _match(self, node: Any, ctx: pm.MatchContext) -> Any:
        if not isinstance(node, (list, tuple)) or len(node) != len(self.items):
            return pm.FailedMatch("no list of {} items", len(self.items))
        match = pm.Match(ctx, self)
        for pattern, item in zip(self.items, node):
            if isinstance(pattern, pm.PatternExpr):
                found = ctx.match(pattern, item)
                if not pm.is_match(found):
                    return found
                match.extend(found)
            elif isinstance(item, fx.Node) or item != pattern:
                return pm.FailedMatch("{} is not {}", item, pattern)
        return match

    def find_anchor_nodes(self, ctx: pm.MatchContext, searched: Any) -> Any:
        for item in self.items:
            if isinstance(item, pm.PatternExpr):
                yield from item.find_anchor_nodes(ctx, searched)


def search_pattern(graph: fx.Graph) -> pm.PatternExpr:
    """What torch's matcher looks for, of a traced pattern: every constant as written, `...` for any operand."""
    made: dict[fx.Node, Any] = {}
    outputs = graph.output_node().args[0]
    shared = set(outputs)

    def convert(arg: Any) -> Any:
        if isinstance(arg, (list, tuple)):
            return Items([convert(each) for each in arg])
        return pm.Ignored() if arg is ... else made[arg] if isinstance(arg, fx.Node) else arg

    for node in graph.nodes:
        if node.op == "placeholder":
            made[node] = pm.KeywordArg(node.target)
            shared.add(node)
        elif node.op == "call_function":
            args = list(node.args)
            if isinstance(node.target, torch._ops.OpOverload):  # graphs leave defaults at the end out
                arguments = node.target._schema.arguments
                while args and _is_default(args[-1], arguments[len(args) - 1]):
                    args.pop()
            is_free = node.target in FREE and shared.issuperset(node.all_input_nodes)
            if is_free:
                shared.add(node)
            made[node] = pm.CallFunction(
                node.target,
                *map(convert, args),
                _users=pm.MULTIPLE if is_free else len(node.users),
                **{name: convert(arg) for name, arg in node.kwargs.items()},
            )
    patterns = [made[node] for node in outputs]
    return patterns[0] if len(patterns) == 1 else DistinctOutputs(patterns)


def _is_default(arg: Any, argument: Any) -> bool:
    if isinstance(arg, fx.Node) or not argument.has_default_value():
        return False
    return type(arg) is type(argument.default_value) and arg == argument.default_value


def _is(value: Any, annotation: Any) -> bool:
    """Whether a captured value is of the kind that the pattern's signature says; a number is no bool, no symbol."""
    if annotation in (int, float, bool, str):
        return type(value) is annotation
    return annotation is Any or isinstance(value, annotation)


def is_sound(match: pm.Match, fusion: Fusion) -> bool:
    """What torch's matcher does not ask itself."""
    if len(set(match.nodes)) != len(match.nodes):
        return False  # two calls of the pattern are one node
    calls = {p: node for p, node in match.ctx.pattern_to_node.items() if isinstance(p, pm.CallFunction)}
    if any(set(node.kwargs) - set(p.kwargs) for p, node in calls.items()):
        return False  # an argument that the pattern does not name
    taken = {node for p, node in calls.items() if p.users is not pm.MULTIPLE}
    node, last = min(taken), max(taken)
    while fusion.effects and node is not last:
        op = node.args[0] if node.target is auto_functionalized else node.target
        if node not in taken and str(op).replace(".", "::", 1) in fusion.effects:
            return False  # moved past an op that changes or reads the same state
        node = node.next
    return hoist_inputs(match, taken)


def hoist_inputs(match: pm.Match, taken: set[fx.Node]) -> bool:
    """Moves what the replacement reads in front of the first output, where torch puts the replacement. False where it
    hangs on what is replaced.
    """
    place = min(node for node in match.output_nodes() if node is not None)
    late: set[fx.Node] = set()
    waiting = [value for value in match.kwargs.values() if isinstance(value, fx.Node)]
    while waiting:
        node = waiting.pop()
        if node in taken:
            return False
        if node < place or node in late:
            continue
        is_pure = node.target is operator.getitem or (
            isinstance(node.target, torch._ops.OpOverload)
            and node.target.namespace in ("aten", "prims")
            and not node.target._schema.is_mutable
        )
        if not is_pure:
            return False
        late.add(node)
        waiting += node.all_input_nodes
    for node in sorted(late):
        place.prepend(node)
    return True


def is_only_read_by(value: fx.Node, op: str, position: int, match: pm.Match) -> bool:
    """Whether all that reads a value, or a view of it, is in the match or is this operand of calls of this op."""
    for user in value.users:
        is_view = user.target is ATEN.reshape.default and is_only_read_by(user, op, position, match)
        if is_view or (user in match.nodes and user.target is not ATEN.reshape.default):
            continue
        if user.target is not auto_functionalized or str(user.args[0]).replace(".", "::", 1) != op:
            return False
        name = user.args[0]._schema.arguments[position].name
        if any(each is value for key, each in user.kwargs.items() if key != name):
            return False
    return True


def keeps_types(
    match: pm.Match, values: list[Any], replacement: Callable[..., Any], restride: Sequence[int]
) -> bool:
    """Whether each replaced value keeps its shape, dtype, device and strides, by the ops' own fake kernels."""
    mode = detect_fake_mode(values)
    if mode is None:
        return False
    try:
        with mode:
            made = replacement(*values)
    except (RuntimeError, TypeError, ValueError):
        return False
    for at, (node, new) in enumerate(zip(match.output_nodes(), made)):
        old = node.meta["val"]
        if (old.dtype, old.device) != (new.dtype, new.device) or not same_dims(old.shape, new.shape):
            return False
        if at not in restride and not same_dims(old.stride(), new.stride()):
            return False
    return True


class FusionPass(VllmFusionPatternMatcherPass):
    """Passes over the graph once for each stage, so that a larger pattern never loses its ops to a smaller one."""

    def __init__(self, config: VllmConfig, pass_name: str, hosts: Any = None) -> None:
        super().__init__(config, pass_name)
        self.hosts = hosts
        self.stages: list[pm.PatternMatcherPass] = []

    @enable_fake_mode
    def stage(self, *fusions: type[Fusion]) -> None:
        """Register these patterns, in every variant for which the ops are there."""
        self.pm_pass = pm.PatternMatcherPass(pass_name=self.pass_name)
        self.stages.append(self.pm_pass)
        for fusion in fusions:
            if all(map(is_registered, fusion.needs)) and (not fusion.targets or on(*fusion.targets)):
                for view in fusion.views:
                    for branch_count in fusion.branches:
                        self.register(fusion(self.hosts, view, branch_count))

    def register(self, fusion: Fusion) -> None:
        """With every result read, and with one of them dead: graphs hold no result that nobody reads."""
        graph = fx.symbolic_trace(fusion.pattern).graph
        graph.eliminate_dead_code()
        (outputs,) = graph.output_node().args
        results = [
            at
            for at, node in enumerate(outputs)
            if node.target is operator.getitem and len(node.users) == 1 and fusion.branch_count == 1
        ]
        for dead in [None, *(results if len(outputs) > 1 else ())]:
            self._register(fusion, graph, tuple(at for at in range(len(outputs)) if at != dead))

    def _register(self, fusion: Fusion, traced: fx.Graph, live: tuple[int, ...]) -> None:
        graph = fx.Graph()
        outputs = graph.graph_copy(traced, {})
        graph.output(tuple(outputs[at] for at in live))
        graph.eliminate_dead_code()
        if len(graph.nodes) + len(outputs) - len(live) != len(traced.nodes):
            return  # without the result the pattern would be another one
        kinds = {name: each.annotation for name, each in inspect.signature(fusion.pattern).parameters.items()}
        restride = [live.index(at) for at in fusion.restride if at in live]
        only = [(live.index(at), op, position) for at, op, position in fusion.only if at in live]

        def replacement(*args: Any) -> tuple[Any, ...]:
            made = fusion.replacement(*args)
            return tuple(made[at] for at in live)

        def check(match: pm.Match) -> bool:
            values = {
                name: value.meta.get("val") if isinstance(value, fx.Node) else value
                for name, value in ((name, match.kwargs[name]) for name in kinds)
            }
            return (
                all(_is(values[name], kind) for name, kind in kinds.items())
                and fusion.check(**values)
                and keeps_types(match, list(values.values()), replacement, restride)
                and all(is_only_read_by(match.output_nodes()[at], op, place, match) for at, op, place in only)
                and is_sound(match, fusion)
            )

        pm.register_replacement(
            fusion.pattern,
            replacement,
            fusion.get_inputs(),
            self._trace_fn,
            self.pm_pass,
            extra_check=check,
            search_fn_pattern=search_pattern(graph),
            skip_duplicates=True,
            pattern_name=f"{self.pass_name}.{type(fusion).__name__}",
        )
        self._pattern_replacements.append(fusion)

    @staticmethod
    def _trace_fn(*args: Any, **kwargs: Any) -> fx.GraphModule:
        module = VllmFusionPatternMatcherPass._trace_fn(*args, **kwargs)
        remove_noop_reshapes(module)
        return module

    def uuid(self) -> str | None:
        """None, so that nothing is cached, where a function among the hosts has no `uuid` of its own."""
        given = {} if self.hosts is None else vars(self.hosts)
        hosts = {name: getattr(each, "uuid", each) for name, each in given.items()}
        if any(map(callable, hosts.values())):
            return None
        return self.hash_source(inspect.getsource(sys.modules[__name__]), self.pass_name, repr(hosts))

    @VllmInductorPass.time_and_log
    def __call__(self, graph: fx.Graph) -> None:
        self.matched_count = sum(stage.apply(graph) for stage in self.stages)
        VllmPatternMatcherPass.match_table[self.pass_name] += self.matched_count


class AddRmsNormPad(Fusion):
    """add_rms_norm_pad.pat:7:

    pattern add_rms_norm_pad(x: T[M, H]) {
      y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
      p    = pad(y, [0, P], 0.0)
      l    = rocm_gemm(y, router, bias)
    =>
      p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
      l    = rocm_gemm(slice(p, -1, 0, H), router, bias)
      where P > 0
    }
    """

    needs = (
        "vllm_ir::fused_add_rms_norm.default",
        "vllm::rocm_unquantized_gemm.default",
        "vllm::rocm_aiter_triton_add_rmsnorm_pad.default",
    )
    targets = ("gfx942", "gfx950")

    def check(self, *, x, residual, weight, P, router, **_) -> bool:
        return (
            P > 0
            and x.dim() == 2
            and residual.dtype == x.dtype
            and residual.dim() == 2
            and known(residual.shape[0] == x.shape[0])
            and known(residual.shape[1] == x.shape[1])
            and weight.dim() == 1
            and known(weight.shape[0] == x.shape[1])
            and router.dtype == x.dtype
            and router.dim() == 2
            and known(router.shape[1] == x.shape[1])
            and weight.dtype == x.dtype
            and x.dtype in (torch.bfloat16, torch.float16)
            and weight.dtype in (x.dtype, torch.float32)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            x: torch.Tensor,
            residual: torch.Tensor,
            weight: torch.Tensor,
            epsilon: float,
            P: int,
            router: torch.Tensor,
        ):
            fused_add_rms_norm = torch.ops.vllm_ir.fused_add_rms_norm.default(
                x, residual, weight, epsilon, None
            )
            y = fused_add_rms_norm[0]
            r = fused_add_rms_norm[1]
            p = torch.ops.aten.constant_pad_nd.default(y, [0, P], 0.0)
            l_ = torch.ops.vllm.rocm_unquantized_gemm.default(y, router, None)
            return [l_, p, r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            x: torch.Tensor,
            residual: torch.Tensor,
            weight: torch.Tensor,
            epsilon: float,
            P: int,
            router: torch.Tensor,
        ):
            add_rms_norm_pad = torch.ops.vllm.rocm_aiter_triton_add_rmsnorm_pad.default(
                x, weight, epsilon, residual, (x.shape[1] + P)
            )
            p = add_rms_norm_pad[0]
            r = add_rms_norm_pad[1]
            y = torch.ops.aten.slice.Tensor(p, -1, 0, x.shape[1])
            l_ = torch.ops.vllm.rocm_unquantized_gemm.default(y, router, None)
            return [l_, p, r]

        return replacement


class AddRmsNormPadMm(Fusion):
    """add_rms_norm_pad.pat:18:

    pattern add_rms_norm_pad_mm(x: T[M, H]) {
      y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
      p    = pad(y, [0, P], 0.0)
      l    = mm(y, router)
    =>
      p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
      l    = mm(slice(p, -1, 0, H), router)
      where P > 0
    }
    """

    needs = ("vllm_ir::fused_add_rms_norm.default", "vllm::rocm_aiter_triton_add_rmsnorm_pad.default")
    targets = ("gfx942", "gfx950")

    def check(self, *, x, residual, weight, P, router, **_) -> bool:
        return (
            P > 0
            and x.dim() == 2
            and residual.dtype == x.dtype
            and residual.dim() == 2
            and known(residual.shape[0] == x.shape[0])
            and known(residual.shape[1] == x.shape[1])
            and weight.dim() == 1
            and known(weight.shape[0] == x.shape[1])
            and router.dtype == x.dtype
            and router.dim() == 2
            and known(router.shape[0] == x.shape[1])
            and weight.dtype == x.dtype
            and x.dtype in (torch.bfloat16, torch.float16)
            and weight.dtype in (x.dtype, torch.float32)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            x: torch.Tensor,
            residual: torch.Tensor,
            weight: torch.Tensor,
            epsilon: float,
            P: int,
            router: torch.Tensor,
        ):
            fused_add_rms_norm = torch.ops.vllm_ir.fused_add_rms_norm.default(
                x, residual, weight, epsilon, None
            )
            y = fused_add_rms_norm[0]
            r = fused_add_rms_norm[1]
            p = torch.ops.aten.constant_pad_nd.default(y, [0, P], 0.0)
            l_ = torch.ops.aten.mm.default(y, router)
            return [l_, p, r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            x: torch.Tensor,
            residual: torch.Tensor,
            weight: torch.Tensor,
            epsilon: float,
            P: int,
            router: torch.Tensor,
        ):
            add_rms_norm_pad = torch.ops.vllm.rocm_aiter_triton_add_rmsnorm_pad.default(
                x, weight, epsilon, residual, (x.shape[1] + P)
            )
            p = add_rms_norm_pad[0]
            r = add_rms_norm_pad[1]
            y = torch.ops.aten.slice.Tensor(p, -1, 0, x.shape[1])
            l_ = torch.ops.aten.mm.default(y, router)
            return [l_, p, r]

        return replacement


class AddRmsNormPadAlone(Fusion):
    """add_rms_norm_pad.pat:38:

    pattern add_rms_norm_pad_alone(x: T[M, H]) {
      y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
      p    = pad(y, [0, P], 0.0)
    =>
      p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
      where P > 0
    }
    """

    needs = ("vllm_ir::fused_add_rms_norm.default", "vllm::rocm_aiter_triton_add_rmsnorm_pad.default")
    targets = ("gfx942", "gfx950")

    def check(self, *, x, residual, weight, P, **_) -> bool:
        return (
            P > 0
            and x.dim() == 2
            and residual.dtype == x.dtype
            and residual.dim() == 2
            and known(residual.shape[0] == x.shape[0])
            and known(residual.shape[1] == x.shape[1])
            and weight.dim() == 1
            and known(weight.shape[0] == x.shape[1])
            and weight.dtype == x.dtype
            and x.dtype in (torch.bfloat16, torch.float16)
            and weight.dtype in (x.dtype, torch.float32)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, epsilon: float, P: int):
            fused_add_rms_norm = torch.ops.vllm_ir.fused_add_rms_norm.default(
                x, residual, weight, epsilon, None
            )
            y = fused_add_rms_norm[0]
            r = fused_add_rms_norm[1]
            p = torch.ops.aten.constant_pad_nd.default(y, [0, P], 0.0)
            return [p, r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, epsilon: float, P: int
        ):
            add_rms_norm_pad = torch.ops.vllm.rocm_aiter_triton_add_rmsnorm_pad.default(
                x, weight, epsilon, residual, (x.shape[1] + P)
            )
            p = add_rms_norm_pad[0]
            r = add_rms_norm_pad[1]
            return [p, r]

        return replacement


class MlaDualRmsNorm(Fusion):
    """mla_dual_rms_norm.pat:6:

    pattern mla_dual_rms_norm {
      q_c, kv    = split(qkv, [Q, C + R], -1)
      kv_c, k_pe = split(kv, [C, R], -1)
      q_n        = rms_norm(q_c, q_weight, q_epsilon)
      kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
    =>
      q_n, kv_n = mla_dual_rms_norm(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
    }
    """

    needs = ("vllm_ir::rms_norm.default", "vllm::fused_mla_dual_rms_norm.default")
    targets = ("gfx942", "gfx950")

    def check(self, *, qkv, Q, C_plus_R, C, R, q_weight, kv_weight, **_) -> bool:
        return (
            C_plus_R == C + R
            and qkv.dim() >= 1
            and (
                q_weight is None
                or q_weight.dtype == qkv.dtype
                and q_weight.dim() == 1
                and known(q_weight.shape[0] == Q)
            )
            and (
                kv_weight is None
                or kv_weight.dtype == qkv.dtype
                and kv_weight.dim() == 1
                and known(kv_weight.shape[0] == C)
            )
            and qkv.dtype in (torch.bfloat16, torch.float16)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor | None,
            q_epsilon: float,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            q_n = torch.ops.vllm_ir.rms_norm.default(q_c, q_weight, q_epsilon, None)
            kv_n = torch.ops.vllm_ir.rms_norm.default(kv_c, kv_weight, kv_epsilon, None)
            return [kv_n, q_n]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor | None,
            q_epsilon: float,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            q_c_rows = q_c.reshape(-1, q_c.shape[-1])
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            kv_c_rows = kv_c.reshape(-1, kv_c.shape[-1])
            mla_dual_rms_norm = torch.ops.vllm.fused_mla_dual_rms_norm.default(
                q_c_rows, q_weight, kv_c_rows, kv_weight, q_epsilon, kv_epsilon
            )
            q_n = mla_dual_rms_norm[0]
            kv_n = mla_dual_rms_norm[1]
            return [
                kv_n.reshape(*qkv.shape[:-1], kv_n.shape[-1]),
                q_n.reshape(*qkv.shape[:-1], q_n.shape[-1]),
            ]

        return replacement


class MlaDualRmsNormGroupQuant1(Fusion):
    """mla_dual_rms_norm.pat:17:

    pattern mla_dual_rms_norm_group_quant {
      q_c, kv    = split(qkv, [Q, C + R], -1)
      kv_c, k_pe = split(kv, [C, R], -1)
      q_q, q_s   = rms_norm_group_quant(view?(q_c), q_weight, q_epsilon, group_size, col_major, ue8m0,
                     tma_aligned)
      kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
    =>
      q_q, q_s, kv_n = mla_dual_rms_norm_group_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon,
                         group_size, col_major, ue8m0, tma_aligned)
    }
    """

    needs = (
        "vllm::rocm_aiter_rmsnorm_fp8_group_quant.default",
        "vllm_ir::rms_norm.default",
        "vllm::fused_mla_dual_rms_norm_group_quant.default",
    )
    targets = ("gfx942", "gfx950")
    views = (False, True)

    def check(self, *, qkv, Q, C_plus_R, C, R, q_weight, group_size, kv_weight, **_) -> bool:
        view = self.view
        return (
            q_weight.dtype == qkv.dtype
            and C_plus_R == C + R
            and q_weight.dim() == 1
            and known(q_weight.shape[0] == Q)
            and (
                kv_weight is None
                or kv_weight.dtype == qkv.dtype
                and kv_weight.dim() == 1
                and known(kv_weight.shape[0] == C)
            )
            and group_size in (32, 64, 128)
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and (view or qkv.dim() == 2)
            and (not view or qkv.dim() >= 1)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        view = self.view

        def pattern(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            group_size: int,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            q_c_rows = torch.ops.aten.reshape.default(q_c, [..., ...]) if view else q_c
            rms_norm_group_quant = torch.ops.vllm.rocm_aiter_rmsnorm_fp8_group_quant.default(
                q_c_rows, q_weight, q_epsilon, group_size
            )
            q_q = rms_norm_group_quant[0]
            q_s = rms_norm_group_quant[1]
            kv_n = torch.ops.vllm_ir.rms_norm.default(kv_c, kv_weight, kv_epsilon, None)
            return [kv_n, q_q, q_s]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            group_size: int,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            mla_dual_rms_norm_group_quant = torch.ops.vllm.fused_mla_dual_rms_norm_group_quant.default(
                q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon, group_size, False
            )
            q_q = mla_dual_rms_norm_group_quant[0]
            q_s = mla_dual_rms_norm_group_quant[1]
            kv_n = mla_dual_rms_norm_group_quant[2]
            return [kv_n, q_q, q_s]

        return replacement


class MlaDualRmsNormGroupQuant2(Fusion):
    """mla_dual_rms_norm.pat:17:

    pattern mla_dual_rms_norm_group_quant {
      q_c, kv    = split(qkv, [Q, C + R], -1)
      kv_c, k_pe = split(kv, [C, R], -1)
      q_q, q_s   = rms_norm_group_quant(view?(q_c), q_weight, q_epsilon, group_size, col_major, ue8m0,
                     tma_aligned)
      kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
    =>
      q_q, q_s, kv_n = mla_dual_rms_norm_group_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon,
                         group_size, col_major, ue8m0, tma_aligned)
    }
    """

    needs = (
        "_C::rms_norm_per_block_quant.default",
        "vllm_ir::rms_norm.default",
        "vllm::fused_mla_dual_rms_norm_group_quant.default",
    )
    targets = ("gfx942", "gfx950")
    views = (False, True)

    def check(self, *, qkv, Q, C_plus_R, C, R, q_weight, group_size, kv_weight, **_) -> bool:
        view = self.view
        return (
            q_weight.dtype == qkv.dtype
            and C_plus_R == C + R
            and q_weight.dim() == 1
            and known(q_weight.shape[0] == Q)
            and (
                kv_weight is None
                or kv_weight.dtype == qkv.dtype
                and kv_weight.dim() == 1
                and known(kv_weight.shape[0] == C)
            )
            and group_size in (32, 64, 128)
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and (view or qkv.dim() == 2)
            and (not view or qkv.dim() >= 1)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        view = self.view

        def pattern(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            group_size: int,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            q_c_rows = torch.ops.aten.reshape.default(q_c, [..., ...]) if view else q_c
            _, rms_norm_group_quant = functionalized(
                torch.ops._C.rms_norm_per_block_quant.default,
                ...,
                q_c_rows,
                q_weight,
                ...,
                q_epsilon,
                None,
                None,
                group_size,
                False,
            )
            q_q = rms_norm_group_quant[0]
            q_s = rms_norm_group_quant[3]
            kv_n = torch.ops.vllm_ir.rms_norm.default(kv_c, kv_weight, kv_epsilon, None)
            return [kv_n, q_q, q_s]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            group_size: int,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            mla_dual_rms_norm_group_quant = torch.ops.vllm.fused_mla_dual_rms_norm_group_quant.default(
                q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon, group_size, False
            )
            q_q = mla_dual_rms_norm_group_quant[0]
            q_s = mla_dual_rms_norm_group_quant[1]
            kv_n = mla_dual_rms_norm_group_quant[2]
            return [kv_n, q_q, q_s]

        return replacement


class MlaDualRmsNormTokenQuant1(Fusion):
    """mla_dual_rms_norm.pat:28:

    pattern mla_dual_rms_norm_token_quant {
      q_c, kv    = split(qkv, [Q, C + R], -1)
      kv_c, k_pe = split(kv, [C, R], -1)
      q_q, q_s   = rms_norm_token_quant(view?(q_c), q_weight, q_epsilon, fp8)
      kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
    =>
      q_q, q_s, kv_n = mla_dual_rms_norm_token_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
    }
    """

    needs = (
        "vllm::rocm_aiter_rmsnorm_fused_dynamic_quant.default",
        "vllm_ir::rms_norm.default",
        "vllm::fused_mla_dual_rms_norm_per_token_quant.default",
    )
    targets = ("gfx942", "gfx950")
    views = (False, True)

    def check(self, *, qkv, Q, C_plus_R, C, R, q_weight, kv_weight, **_) -> bool:
        view = self.view
        return (
            q_weight.dtype == qkv.dtype
            and C_plus_R == C + R
            and q_weight.dim() == 1
            and known(q_weight.shape[0] == Q)
            and (
                kv_weight is None
                or kv_weight.dtype == qkv.dtype
                and kv_weight.dim() == 1
                and known(kv_weight.shape[0] == C)
            )
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and (view or qkv.dim() == 2)
            and (not view or qkv.dim() >= 1)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        view = self.view

        def pattern(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            q_c_rows = torch.ops.aten.reshape.default(q_c, [..., ...]) if view else q_c
            rms_norm_token_quant = torch.ops.vllm.rocm_aiter_rmsnorm_fused_dynamic_quant.default(
                q_c_rows, q_weight, q_epsilon, FP8
            )
            q_q = rms_norm_token_quant[0]
            q_s = rms_norm_token_quant[1]
            kv_n = torch.ops.vllm_ir.rms_norm.default(kv_c, kv_weight, kv_epsilon, None)
            return [kv_n, q_q, q_s]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            mla_dual_rms_norm_token_quant = torch.ops.vllm.fused_mla_dual_rms_norm_per_token_quant.default(
                q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon
            )
            q_q = mla_dual_rms_norm_token_quant[0]
            q_s = mla_dual_rms_norm_token_quant[1]
            kv_n = mla_dual_rms_norm_token_quant[2]
            return [kv_n, q_q, q_s]

        return replacement


class MlaDualRmsNormTokenQuant2(Fusion):
    """mla_dual_rms_norm.pat:28:

    pattern mla_dual_rms_norm_token_quant {
      q_c, kv    = split(qkv, [Q, C + R], -1)
      kv_c, k_pe = split(kv, [C, R], -1)
      q_q, q_s   = rms_norm_token_quant(view?(q_c), q_weight, q_epsilon, fp8)
      kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
    =>
      q_q, q_s, kv_n = mla_dual_rms_norm_token_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
    }
    """

    needs = (
        "_C::rms_norm_dynamic_per_token_quant.default",
        "vllm_ir::rms_norm.default",
        "vllm::fused_mla_dual_rms_norm_per_token_quant.default",
    )
    targets = ("gfx942", "gfx950")
    views = (False, True)

    def check(self, *, qkv, Q, C_plus_R, C, R, q_weight, kv_weight, **_) -> bool:
        view = self.view
        return (
            q_weight.dtype == qkv.dtype
            and C_plus_R == C + R
            and q_weight.dim() == 1
            and known(q_weight.shape[0] == Q)
            and (
                kv_weight is None
                or kv_weight.dtype == qkv.dtype
                and kv_weight.dim() == 1
                and known(kv_weight.shape[0] == C)
            )
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and (view or qkv.dim() == 2)
            and (not view or qkv.dim() >= 1)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        view = self.view

        def pattern(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            q_c_rows = torch.ops.aten.reshape.default(q_c, [..., ...]) if view else q_c
            _, rms_norm_token_quant = functionalized(
                torch.ops._C.rms_norm_dynamic_per_token_quant.default,
                ...,
                q_c_rows,
                q_weight,
                ...,
                q_epsilon,
                None,
                None,
            )
            q_q = rms_norm_token_quant[0]
            q_s = rms_norm_token_quant[3]
            kv_n = torch.ops.vllm_ir.rms_norm.default(kv_c, kv_weight, kv_epsilon, None)
            return [kv_n, q_q, q_s]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            C_plus_R: int,
            C: int,
            R: int,
            q_weight: torch.Tensor,
            q_epsilon: float,
            kv_weight: torch.Tensor | None,
            kv_epsilon: float,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, C_plus_R], -1)
            q_c = split[0]
            kv = split[1]
            split = torch.ops.aten.split_with_sizes.default(kv, [C, R], -1)
            kv_c = split[0]
            mla_dual_rms_norm_token_quant = torch.ops.vllm.fused_mla_dual_rms_norm_per_token_quant.default(
                q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon
            )
            q_q = mla_dual_rms_norm_token_quant[0]
            q_s = mla_dual_rms_norm_token_quant[1]
            kv_n = mla_dual_rms_norm_token_quant[2]
            return [kv_n, q_q, q_s]

        return replacement


class ActPaddingPass(FusionPass):
    """Pass `act_padding`."""

    def __init__(self, config: VllmConfig) -> None:
        super().__init__(config, "act_padding")
        self.stage(AddRmsNormPad)
        self.stage(AddRmsNormPadMm)
        self.stage(AddRmsNormPadAlone)
        for stage in self.stages:
            self.dump_patterns(config, stage)


class MlaDualNormPass(FusionPass):
    """Pass `mla_dual_norm`."""

    def __init__(self, config: VllmConfig) -> None:
        super().__init__(config, "mla_dual_norm")
        self.stage(MlaDualRmsNorm)
        self.stage(MlaDualRmsNormGroupQuant1, MlaDualRmsNormGroupQuant2)
        self.stage(MlaDualRmsNormTokenQuant1, MlaDualRmsNormTokenQuant2)
        for stage in self.stages:
            self.dump_patterns(config, stage)
