# Made from qk_norm_rope_kvcache_fusion.pat by patdsl 0.1.0. Do not edit it but the .pat file, and remake it:
#     patdsl compile --target vllm qk_norm_rope_kvcache_fusion.pat -o qk_norm_rope_kvcache_fusion.py
"""The passes of qk_norm_rope_kvcache_fusion.pat for vLLM: patterns for torch's matcher."""

import inspect
import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Hosts:
    """What only the engine knows."""

    rope_kv_max_tokens: int
    supports: Callable[[str | None, str], bool]


class QkNormMropeKvCache(Fusion):
    """qk_norm_rope_kvcache_fusion.pat:23:

    pattern qk_norm_mrope_kv_cache(qkv: T[N, W]) {
      q, k, v  = split(qkv, [Q, K, K], -1)
      q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
      k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
      q_r, k_r = mrope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), cos_sin, D, rotary_dim, t, h, w,
                   interleaved, neox)
      k_h      = view(k_r, [N, K / D, D])
      dep      = kv_cache_update(k_h, view(v, [N, K / D, D]), layer)
    =>
      dep, q_h = qk_norm_mrope_kv_cache_update(Q / D, qkv, positions, q_weight, k_weight, epsilon, cos_sin, neox,
                   t, h, w, interleaved, rotary_dim, layer)
      q_r      = view(q_h, [N, Q])
      k_h      = view(k, [N, K / D, D])
      restride k_h
      only k_h -> any_attention.key
    }
    """

    needs = (
        "vllm_ir::rms_norm.default",
        "vllm::mrope.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::fused_qk_norm_mrope_and_unified_kv_cache_update.default",
    )
    effects = (
        "vllm::fused_qk_norm_mrope_and_unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_unified_mla_kv_cache_update.default",
        "vllm::unified_attention_with_output.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::unified_mla_attention_with_output.default",
        "vllm::unified_mla_kv_cache_update.default",
    )
    restride = (1,)
    only = ((1, "vllm::unified_attention_with_output.default", 1),)

    def check(
        self,
        *,
        qkv,
        Q,
        K,
        Q_by_D,
        D,
        q_weight,
        K_by_D,
        k_weight,
        positions,
        cos_sin,
        rotary_dim,
        t,
        h,
        w,
        neox,
        layer,
        **_,
    ) -> bool:
        hosts = self.hosts
        return (
            known(Q % D == 0)
            and Q_by_D == Q // D
            and known(K % D == 0)
            and K_by_D == K // D
            and qkv.dim() == 2
            and (
                q_weight is None
                or q_weight.dtype == qkv.dtype
                and q_weight.dim() == 1
                and known(q_weight.shape[0] == D)
            )
            and (
                k_weight is None
                or k_weight.dtype == qkv.dtype
                and k_weight.dim() == 1
                and known(k_weight.shape[0] == D)
            )
            and positions.dtype == torch.int64
            and cos_sin.dim() == 2
            and known(cos_sin.shape[1] == rotary_dim)
            and D in (64, 128, 256)
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and hosts.supports(name_of(layer), "qk_norm_mrope_kvcache")
            and rotary_dim == (2 * ((t + h) + w))
            and rotary_dim <= D
            and known(D % 32 == 0)
            and (rotary_dim % (D // 32)) == 0
            and (not neox or known(D % 16 == 0) and (rotary_dim % (D // 16)) == 0)
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            rotary_dim: int,
            t: int,
            h: int,
            w: int,
            interleaved: bool,
            neox: bool,
            layer: Any,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, K, K], -1)
            q = split[0]
            k = split[1]
            v = split[2]
            view_ = torch.ops.aten.reshape.default(q, [..., Q_by_D, D])
            q_n = torch.ops.vllm_ir.rms_norm.default(view_, q_weight, epsilon, None)
            view_2 = torch.ops.aten.reshape.default(k, [..., K_by_D, D])
            k_n = torch.ops.vllm_ir.rms_norm.default(view_2, k_weight, epsilon, None)
            view_3 = torch.ops.aten.reshape.default(q_n, [..., Q])
            view_4 = torch.ops.aten.reshape.default(k_n, [..., K])
            _, mrope = functionalized(
                torch.ops.vllm.mrope.default,
                positions,
                view_3,
                view_4,
                cos_sin,
                D,
                rotary_dim,
                t,
                h,
                w,
                interleaved,
                neox,
            )
            q_r = mrope[1]
            k_r = mrope[2]
            k_h = torch.ops.aten.reshape.default(k_r, [..., K_by_D, D])
            view_5 = torch.ops.aten.reshape.default(v, [..., K_by_D, D])
            dep = torch.ops.vllm.unified_kv_cache_update.default(k_h, view_5, layer)
            return [dep, k_h, q_r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            rotary_dim: int,
            t: int,
            h: int,
            w: int,
            interleaved: bool,
            neox: bool,
            layer: Any,
        ):
            qk_norm_mrope_kv_cache_update_returns, qk_norm_mrope_kv_cache_update = functionalized(
                torch.ops.vllm.fused_qk_norm_mrope_and_unified_kv_cache_update.default,
                torch.empty(
                    (qkv.shape[-2], (Q // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                qkv,
                positions,
                q_weight,
                k_weight,
                epsilon,
                cos_sin,
                neox,
                t,
                h,
                w,
                interleaved,
                rotary_dim,
                layer,
            )
            q_h = qk_norm_mrope_kv_cache_update[0]
            dep = qk_norm_mrope_kv_cache_update_returns[0]
            q_r = q_h.reshape(qkv.shape[0], Q)
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, K, K], -1)
            k = split[1]
            k_h = k.reshape(qkv.shape[0], (K // D), D)
            return [dep, k_h, q_r]

        return replacement


class QkNormRopeKvCache1(Fusion):
    """qk_norm_rope_kvcache_fusion.pat:9:

    pattern qk_norm_rope_kv_cache(qkv: T[N, W]) {
      q, k, v  = split(qkv, [Q, K, K], -1)
      q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
      k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
      q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
      dep      = kv_cache_update(view(k_r, [N, K / D, D]), view(v, [N, K / D, D]), layer)
    =>
      dep, q_h, k_h = qk_norm_rope_kv_cache_update(Q / D, K / D, qkv, positions, q_weight, k_weight, epsilon,
                        cos_sin, neox, layer)
      q_r           = view(q_h, [N, Q])
      k_r           = view(k_h, [N, K])
    }
    """

    needs = (
        "vllm_ir::rms_norm.default",
        "_C::rotary_embedding.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
    )
    effects = (
        "vllm::fused_qk_norm_mrope_and_unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_unified_mla_kv_cache_update.default",
        "vllm::unified_attention_with_output.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::unified_mla_attention_with_output.default",
        "vllm::unified_mla_kv_cache_update.default",
    )

    def check(
        self, *, qkv, Q, K, Q_by_D, D, q_weight, K_by_D, k_weight, positions, cos_sin, layer, **_
    ) -> bool:
        hosts = self.hosts
        return (
            known(Q % D == 0)
            and Q_by_D == Q // D
            and known(K % D == 0)
            and K_by_D == K // D
            and qkv.dim() == 2
            and (
                q_weight is None
                or q_weight.dtype == qkv.dtype
                and q_weight.dim() == 1
                and known(q_weight.shape[0] == D)
            )
            and (
                k_weight is None
                or k_weight.dtype == qkv.dtype
                and k_weight.dim() == 1
                and known(k_weight.shape[0] == D)
            )
            and positions.dtype == torch.int64
            and cos_sin.dim() == 2
            and D in (64, 128, 256)
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and hosts.supports(name_of(layer), "qk_norm_rope_kvcache")
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            neox: bool,
            layer: Any,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, K, K], -1)
            q = split[0]
            k = split[1]
            v = split[2]
            view_ = torch.ops.aten.reshape.default(q, [..., Q_by_D, D])
            q_n = torch.ops.vllm_ir.rms_norm.default(view_, q_weight, epsilon, None)
            view_2 = torch.ops.aten.reshape.default(k, [..., K_by_D, D])
            k_n = torch.ops.vllm_ir.rms_norm.default(view_2, k_weight, epsilon, None)
            view_3 = torch.ops.aten.reshape.default(q_n, [..., Q])
            view_4 = torch.ops.aten.reshape.default(k_n, [..., K])
            _, rope = functionalized(
                torch.ops._C.rotary_embedding.default, positions, view_3, view_4, D, cos_sin, neox, 0, False
            )
            q_r = rope[1]
            k_r = rope[2]
            view_5 = torch.ops.aten.reshape.default(k_r, [..., K_by_D, D])
            view_6 = torch.ops.aten.reshape.default(v, [..., K_by_D, D])
            dep = torch.ops.vllm.unified_kv_cache_update.default(view_5, view_6, layer)
            return [dep, q_r, k_r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            neox: bool,
            layer: Any,
        ):
            qk_norm_rope_kv_cache_update_returns, qk_norm_rope_kv_cache_update = functionalized(
                torch.ops.vllm.fused_qk_norm_rope_and_unified_kv_cache_update.default,
                torch.empty(
                    (qkv.shape[-2], (Q // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                torch.empty(
                    (qkv.shape[-2], (K // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                qkv,
                positions,
                q_weight,
                k_weight,
                epsilon,
                cos_sin,
                neox,
                layer,
            )
            q_h = qk_norm_rope_kv_cache_update[0]
            k_h = qk_norm_rope_kv_cache_update[1]
            dep = qk_norm_rope_kv_cache_update_returns[0]
            q_r = q_h.reshape(qkv.shape[0], Q)
            k_r = k_h.reshape(qkv.shape[0], K)
            return [dep, q_r, k_r]

        return replacement


class QkNormRopeKvCache2(Fusion):
    """qk_norm_rope_kvcache_fusion.pat:9:

    pattern qk_norm_rope_kv_cache(qkv: T[N, W]) {
      q, k, v  = split(qkv, [Q, K, K], -1)
      q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
      k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
      q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
      dep      = kv_cache_update(view(k_r, [N, K / D, D]), view(v, [N, K / D, D]), layer)
    =>
      dep, q_h, k_h = qk_norm_rope_kv_cache_update(Q / D, K / D, qkv, positions, q_weight, k_weight, epsilon,
                        cos_sin, neox, layer)
      q_r           = view(q_h, [N, Q])
      k_r           = view(k_h, [N, K])
    }
    """

    needs = (
        "vllm_ir::rms_norm.default",
        "vllm::rocm_aiter_triton_rotary_embedding.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
    )
    effects = (
        "vllm::fused_qk_norm_mrope_and_unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_unified_mla_kv_cache_update.default",
        "vllm::unified_attention_with_output.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::unified_mla_attention_with_output.default",
        "vllm::unified_mla_kv_cache_update.default",
    )

    def check(
        self, *, qkv, Q, K, Q_by_D, D, q_weight, K_by_D, k_weight, positions, cos_sin, layer, **_
    ) -> bool:
        hosts = self.hosts
        return (
            known(Q % D == 0)
            and Q_by_D == Q // D
            and known(K % D == 0)
            and K_by_D == K // D
            and qkv.dim() == 2
            and (
                q_weight is None
                or q_weight.dtype == qkv.dtype
                and q_weight.dim() == 1
                and known(q_weight.shape[0] == D)
            )
            and (
                k_weight is None
                or k_weight.dtype == qkv.dtype
                and k_weight.dim() == 1
                and known(k_weight.shape[0] == D)
            )
            and positions.dtype == torch.int64
            and cos_sin.dim() == 2
            and D in (64, 128, 256)
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and hosts.supports(name_of(layer), "qk_norm_rope_kvcache")
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            neox: bool,
            layer: Any,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, K, K], -1)
            q = split[0]
            k = split[1]
            v = split[2]
            view_ = torch.ops.aten.reshape.default(q, [..., Q_by_D, D])
            q_n = torch.ops.vllm_ir.rms_norm.default(view_, q_weight, epsilon, None)
            view_2 = torch.ops.aten.reshape.default(k, [..., K_by_D, D])
            k_n = torch.ops.vllm_ir.rms_norm.default(view_2, k_weight, epsilon, None)
            view_3 = torch.ops.aten.reshape.default(q_n, [..., Q])
            view_4 = torch.ops.aten.reshape.default(k_n, [..., K])
            _, rope = functionalized(
                torch.ops.vllm.rocm_aiter_triton_rotary_embedding.default,
                positions,
                view_3,
                view_4,
                D,
                cos_sin,
                neox,
                None,
            )
            q_r = rope[1]
            k_r = rope[2]
            view_5 = torch.ops.aten.reshape.default(k_r, [..., K_by_D, D])
            view_6 = torch.ops.aten.reshape.default(v, [..., K_by_D, D])
            dep = torch.ops.vllm.unified_kv_cache_update.default(view_5, view_6, layer)
            return [dep, q_r, k_r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            neox: bool,
            layer: Any,
        ):
            qk_norm_rope_kv_cache_update_returns, qk_norm_rope_kv_cache_update = functionalized(
                torch.ops.vllm.fused_qk_norm_rope_and_unified_kv_cache_update.default,
                torch.empty(
                    (qkv.shape[-2], (Q // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                torch.empty(
                    (qkv.shape[-2], (K // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                qkv,
                positions,
                q_weight,
                k_weight,
                epsilon,
                cos_sin,
                neox,
                layer,
            )
            q_h = qk_norm_rope_kv_cache_update[0]
            k_h = qk_norm_rope_kv_cache_update[1]
            dep = qk_norm_rope_kv_cache_update_returns[0]
            q_r = q_h.reshape(qkv.shape[0], Q)
            k_r = k_h.reshape(qkv.shape[0], K)
            return [dep, q_r, k_r]

        return replacement


class QkNormRopeKvCache3(Fusion):
    """qk_norm_rope_kvcache_fusion.pat:9:

    pattern qk_norm_rope_kv_cache(qkv: T[N, W]) {
      q, k, v  = split(qkv, [Q, K, K], -1)
      q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
      k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
      q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
      dep      = kv_cache_update(view(k_r, [N, K / D, D]), view(v, [N, K / D, D]), layer)
    =>
      dep, q_h, k_h = qk_norm_rope_kv_cache_update(Q / D, K / D, qkv, positions, q_weight, k_weight, epsilon,
                        cos_sin, neox, layer)
      q_r           = view(q_h, [N, Q])
      k_r           = view(k_h, [N, K])
    }
    """

    needs = (
        "vllm_ir::rms_norm.default",
        "vllm::flashinfer_rotary_embedding.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
    )
    effects = (
        "vllm::fused_qk_norm_mrope_and_unified_kv_cache_update.default",
        "vllm::fused_qk_norm_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_and_unified_kv_cache_update.default",
        "vllm::fused_rope_unified_mla_kv_cache_update.default",
        "vllm::unified_attention_with_output.default",
        "vllm::unified_kv_cache_update.default",
        "vllm::unified_mla_attention_with_output.default",
        "vllm::unified_mla_kv_cache_update.default",
    )

    def check(
        self, *, qkv, Q, K, Q_by_D, D, q_weight, K_by_D, k_weight, positions, cos_sin, layer, **_
    ) -> bool:
        hosts = self.hosts
        return (
            known(Q % D == 0)
            and Q_by_D == Q // D
            and known(K % D == 0)
            and K_by_D == K // D
            and qkv.dim() == 2
            and (
                q_weight is None
                or q_weight.dtype == qkv.dtype
                and q_weight.dim() == 1
                and known(q_weight.shape[0] == D)
            )
            and (
                k_weight is None
                or k_weight.dtype == qkv.dtype
                and k_weight.dim() == 1
                and known(k_weight.shape[0] == D)
            )
            and positions.dtype == torch.int64
            and cos_sin.dim() == 2
            and D in (64, 128, 256)
            and qkv.dtype in (torch.bfloat16, torch.float16)
            and hosts.supports(name_of(layer), "qk_norm_rope_kvcache")
        )

    @property
    def pattern(self) -> Callable[..., Any]:
        def pattern(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            neox: bool,
            layer: Any,
        ):
            split = torch.ops.aten.split_with_sizes.default(qkv, [Q, K, K], -1)
            q = split[0]
            k = split[1]
            v = split[2]
            view_ = torch.ops.aten.reshape.default(q, [..., Q_by_D, D])
            q_n = torch.ops.vllm_ir.rms_norm.default(view_, q_weight, epsilon, None)
            view_2 = torch.ops.aten.reshape.default(k, [..., K_by_D, D])
            k_n = torch.ops.vllm_ir.rms_norm.default(view_2, k_weight, epsilon, None)
            view_3 = torch.ops.aten.reshape.default(q_n, [..., Q])
            view_4 = torch.ops.aten.reshape.default(k_n, [..., K])
            _, rope = functionalized(
                torch.ops.vllm.flashinfer_rotary_embedding.default,
                positions,
                view_3,
                view_4,
                D,
                cos_sin,
                neox,
            )
            q_r = rope[1]
            k_r = rope[2]
            view_5 = torch.ops.aten.reshape.default(k_r, [..., K_by_D, D])
            view_6 = torch.ops.aten.reshape.default(v, [..., K_by_D, D])
            dep = torch.ops.vllm.unified_kv_cache_update.default(view_5, view_6, layer)
            return [dep, q_r, k_r]

        return pattern

    @property
    def replacement(self) -> Callable[..., Any]:
        def replacement(
            qkv: torch.Tensor,
            Q: int,
            K: int,
            Q_by_D: int,
            D: int,
            q_weight: torch.Tensor | None,
            epsilon: float,
            K_by_D: int,
            k_weight: torch.Tensor | None,
            positions: torch.Tensor,
            cos_sin: torch.Tensor,
            neox: bool,
            layer: Any,
        ):
            qk_norm_rope_kv_cache_update_returns, qk_norm_rope_kv_cache_update = functionalized(
                torch.ops.vllm.fused_qk_norm_rope_and_unified_kv_cache_update.default,
                torch.empty(
                    (qkv.shape[-2], (Q // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                torch.empty(
                    (qkv.shape[-2], (K // D), q_weight.shape[-1]), dtype=qkv.dtype, device=qkv.device
                ),
                qkv,
                positions,
                q_weight,
                k_weight,
                epsilon,
                cos_sin,
                neox,
                layer,
            )
            q_h = qk_norm_rope_kv_cache_update[0]
            k_h = qk_norm_rope_kv_cache_update[1]
            dep = qk_norm_rope_kv_cache_update_returns[0]
            q_r = q_h.reshape(qkv.shape[0], Q)
            k_r = k_h.reshape(qkv.shape[0], K)
            return [dep, q_r, k_r]

        return replacement


class QkNormRopeKvcachePass(FusionPass):
    """Pass `qk_norm_rope_kvcache`."""

    def __init__(self, config: VllmConfig, hosts: Hosts) -> None:
        super().__init__(config, "qk_norm_rope_kvcache", hosts)
        if not (on("gfx942", "gfx950")):
            return
        self.stage(QkNormMropeKvCache)
        self.stage(QkNormRopeKvCache1, QkNormRopeKvCache2, QkNormRopeKvCache3)
        for stage in self.stages:
            self.dump_patterns(config, stage)

    def is_applicable_for_range(self, compile_range: Any) -> bool:
        hosts = self.hosts
        return compile_range.end <= hosts.rope_kv_max_tokens
