"""Graph shapes of our own devising over the passes for vLLM, each with the matches that it must have.

In: nothing. Out: `SHAPES`. A shape is a small function whose parameters name its inputs (`INPUTS`), and how often which
pattern must hold in it, worked out from what the graph means: wherever a fused kernel computes the same and less is
run. What is wrong by one thing must not match: `{}`. Where either of two patterns will do, the names are joined by `|`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import torch
from corpus_ops import (
    FP8,
    OURS,
    add_norm,
    all_reduce,
    attend,
    group,
    group_out,
    kv_update,
    mla_attend,
    mla_kv_update,
    norm,
    rope,
    silu,
    static,
    static_aiter,
    static_int8,
    token,
    token_out,
)
from torch import Tensor
from torch.nn import functional

TOKENS, H, D = 8, 256, 128
BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32
HEADS, KV_HEADS, SIZE = 4, 2, 64
Q, K = HEADS * SIZE, KV_HEADS * SIZE
LATENT_Q, LATENT, ROPE = 256, 128, 64
WIDTH = LATENT_Q + LATENT + ROPE


def floats(*dims: int, dtype: torch.dtype = BF16) -> Callable[[torch.Generator], Tensor]:
    return lambda chance: torch.randn(dims, generator=chance).to(dtype)


def one(chance: torch.Generator) -> Tensor:
    return torch.rand(1, generator=chance) + 0.5


def places(chance: torch.Generator) -> Tensor:
    return torch.randint(64, (TOKENS,), generator=chance)


#: What the parameters of shapes stand for.
INPUTS: Mapping[str, Callable[[torch.Generator], Tensor]] = {
    **dict.fromkeys(("x", "z", "residual"), floats(TOKENS, H)),
    **dict.fromkeys(("x3", "residual3"), floats(2, TOKENS, H)),
    "x4": floats(2, 2, 4, H),
    **dict.fromkeys(("weight", "weight2"), floats(H)),
    "x_f32": floats(TOKENS, H, dtype=F32),
    "residual_f32": floats(TOKENS, H, dtype=F32),
    "weight_f32": floats(H, dtype=F32),
    "x_f16": floats(TOKENS, H, dtype=F16),
    "weight_f16": floats(H, dtype=F16),
    **dict.fromkeys(("scale", "scale2"), one),
    "scales": lambda chance: torch.rand(H, generator=chance) + 0.5,
    "scale_0d": lambda chance: torch.rand((), generator=chance) + 0.5,
    "gate_up": floats(TOKENS, 2 * D),
    "gate_up3": floats(2, TOKENS, 2 * D),
    "gate_up_f32": floats(TOKENS, 2 * D, dtype=F32),
    "router": floats(16, H),
    "router_t": floats(H, 16),
    "lora": floats(TOKENS, WIDTH),
    "lora3": floats(2, 4, WIDTH),
    "lora_f32": floats(TOKENS, WIDTH, dtype=F32),
    "q_weight": floats(LATENT_Q),
    "kv_weight": floats(LATENT),
    "q_weight_f32": floats(LATENT_Q, dtype=F32),
    "kv_weight_f32": floats(LATENT, dtype=F32),
    "latent": floats(TOKENS, LATENT),
    "qkv": floats(TOKENS, Q + 2 * K),
    "qkv96": floats(TOKENS, (HEADS + 2 * KV_HEADS) * 96),
    **dict.fromkeys(("head_q", "head_k"), floats(SIZE)),
    **dict.fromkeys(("head_q96", "head_k96"), floats(96)),
    "q": floats(TOKENS, Q),
    **dict.fromkeys(("k", "v"), floats(TOKENS, K)),
    "positions": places,
    "cos_sin": floats(64, SIZE),
    "cos_sin96": floats(64, 96),
    "q_pe": floats(TOKENS, HEADS, ROPE),
    "k_pe": floats(TOKENS, ROPE),
    "q_and_latent": floats(TOKENS, HEADS * ROPE + LATENT + ROPE),
    "q_latent": floats(TOKENS, HEADS, LATENT + ROPE),
}
#: Of these the first dim is a number of tokens that a symbolic shape leaves open.
PER_TOKEN = {"x", "residual", "gate_up", "lora", "qkv", "q", "k", "v", "positions", "q_and_latent"}


@attrs.frozen
class Shape:
    """`expected`: matches by pattern. `symbolic`: the number of tokens is."""

    name: str
    family: str
    model: Callable[..., Any]
    expected: Mapping[str, int]
    why: str
    symbolic: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        code = self.model.__code__
        return code.co_varnames[: code.co_argcount]


_shapes: list[Shape] = []


def shape(
    family: str, expected: str | Mapping[str, int], why: str, *, symbolic: bool = False, name: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the corpus. A name alone is one match of it."""
    counts = {expected: 1} if isinstance(expected, str) else expected

    def add(model: Callable[..., Any]) -> Callable[..., Any]:
        _shapes.append(Shape(name or model.__name__, family, model, counts, why, symbolic))
        return model

    return add


# A norm and its quantisations

GROUP, TOKEN, STATIC = "rms_norm_group_quant", "rms_norm_token_quant", "rms_norm_static_quant"


QUANTS: Mapping[str, tuple[str, Callable[[Tensor, Tensor], Any]]] = {
    "group": (GROUP, lambda y, scale: group(y)),
    "group_of_64_out": (GROUP, lambda y, scale: group_out(y, 64)),
    "group_by_columns": (GROUP, lambda y, scale: group_out(y, by_columns=True)),
    "group_ue8m0": (GROUP, lambda y, scale: group_out(y, ue8m0=True)),
    "token": (TOKEN, lambda y, scale: token(y)),
    "token_out": (TOKEN, lambda y, scale: token_out(y)),
    "static": (STATIC, static),
    "static_no_shape": (STATIC, lambda y, scale: static(y, scale, None)),
    "static_aiter": (STATIC, static_aiter),
    "static_int8": (STATIC, static_int8),
    "static_torch": (
        STATIC,
        lambda y, scale: (y.float() * scale.reciprocal()).clamp(-448.0, 448.0).to(FP8),
    ),
    "mx": ("rms_norm_mx_quant", lambda y, scale: OURS.mx_quant(y)),
}


def _each_quant(kind: str, pattern: str, quant: Callable[[Tensor, Tensor], Any]) -> None:
    """What holds of every quantisation."""

    @shape("norm", pattern, "one consumer", name=f"norm_{kind}")
    def _(x: Tensor, weight: Tensor, scale: Tensor) -> Any:
        return quant(norm(x, weight), scale)

    @shape("norm", pattern, "an epsilon that nobody listed", name=f"norm_{kind}_epsilon")
    def _(x: Tensor, weight: Tensor, scale: Tensor) -> Any:
        return quant(norm(x, weight, 3e-7), scale)

    @shape("norm", pattern, "two alike are one call", name=f"norm_{kind}_twice")
    def _(x: Tensor, weight: Tensor, scale: Tensor) -> Any:
        y = norm(x, weight, 1e-5)
        return quant(y, scale), quant(y, scale)

    @shape("norm", f"{pattern}_keep", "the norm is read by a projection too", name=f"norm_{kind}_and_mm")
    def _(x: Tensor, weight: Tensor, scale: Tensor, router_t: Tensor) -> Any:
        y = norm(x, weight)
        return quant(y, scale), y @ router_t

    @shape("norm", pattern, "three dims, flattened for the quantisation", name=f"norm_{kind}_view_of_3d")
    def _(x3: Tensor, weight: Tensor, scale: Tensor) -> Any:
        return quant(norm(x3, weight).view(-1, H), scale)

    @shape("add_norm", f"add_{pattern}", "the residual added before", name=f"add_norm_{kind}")
    def _(x: Tensor, residual: Tensor, weight: Tensor, scale: Tensor) -> Any:
        y, r = add_norm(x, residual, weight)
        return quant(y, scale), r

    @shape(
        "add_norm", f"add_{pattern}_keep", "who reads the norm may have it", name=f"add_norm_{kind}_and_norm"
    )
    def _(x: Tensor, residual: Tensor, weight: Tensor, scale: Tensor) -> Any:
        y, r = add_norm(x, residual, weight, 2e-5)
        return quant(y, scale), r, y

    @shape("norm", {}, "another value between", name=f"norm_{kind}_relu_between")
    def _(x: Tensor, weight: Tensor, scale: Tensor) -> Any:
        return quant(norm(x, weight).relu(), scale)


for _kind, (_pattern, _quant) in QUANTS.items():
    _each_quant(_kind, _pattern, _quant)


def _count(n: int) -> None:
    @shape("norm", GROUP, "any number of consumers", name=f"norm_{n}_groups")
    def _(x: Tensor, weight: Tensor) -> Any:
        y = norm(x, weight)
        return [group(y) for _ in range(n)]

    @shape(
        "norm", GROUP, "any number of consumers, each through a view", name=f"norm_3d_{n}_groups_view_each"
    )
    def _(x3: Tensor, weight: Tensor) -> Any:
        y = norm(x3, weight)
        return [group(y.view(-1, H)) for _ in range(n)]

    @shape("norm", GROUP, "any number of consumers of one view", name=f"norm_3d_{n}_groups_view_shared")
    def _(x3: Tensor, weight: Tensor) -> Any:
        y = norm(x3, weight).view(-1, H)
        return [group(y) for _ in range(n)]


for _n in (2, 3, 4):
    _count(_n)


@shape("norm", "rms_norm_static_quant_keep", "each scale is another tensor; one goes with the norm")
def norm_two_static_scales(x: Tensor, weight: Tensor, scale: Tensor, scale2: Tensor) -> Any:
    y = norm(x, weight)
    return static(y, scale), static(y, scale2)


@shape("norm", f"{GROUP}_keep|{TOKEN}_keep", "one of the two goes with the norm, the other reads it")
def norm_group_and_token(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    return group(y), token(y)


@shape("norm", f"{GROUP}_layouts", "scales by rows and by columns")
def norm_two_layouts(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    return group_out(y), group_out(y, by_columns=True)


@shape("norm", GROUP, "four dims")
def norm_4d_group(x4: Tensor, weight: Tensor) -> Any:
    return group(norm(x4, weight).view(-1, H))


@shape("norm", TOKEN, "three dims as they are")
def norm_3d_token(x3: Tensor, weight: Tensor) -> Any:
    return OURS.token_quant(norm(x3, weight), FP8)


@shape("norm", STATIC, "three dims as they are")
def norm_3d_static(x3: Tensor, weight: Tensor, scale: Tensor) -> Any:
    return static(norm(x3, weight), scale)


@shape("norm", STATIC, "a dim more and taken away again")
def norm_unsqueeze_squeeze_static(x: Tensor, weight: Tensor, scale: Tensor) -> Any:
    return static(norm(x, weight).unsqueeze(0).squeeze(0), scale)


@shape("norm", GROUP, "a view that changes nothing")
def norm_no_op_view(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight).reshape(TOKENS, H))


@shape("norm", GROUP, "nobody reads the scales")
def norm_group_dead_scale(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight))[0]


@shape("norm", GROUP, "only the scales are read")
def norm_group_dead_values(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight))[1]


@shape("norm", GROUP, "every argument by keyword")
def norm_group_keywords(x: Tensor, weight: Tensor) -> Any:
    y = torch.ops.vllm_ir.rms_norm(epsilon=1e-6, weight=weight, x=x)
    return torch.ops.vllm.rocm_aiter_group_fp8_quant(group_size=128, x=y, transpose_scale=False)


@shape("norm", GROUP, "a default written out")
def norm_group_written_default(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight, variance_size=None))


@shape("norm", GROUP, "no weight")
def norm_without_weight(x: Tensor) -> Any:
    return group(norm(x, None))


@shape("norm", GROUP, "a weight in f32")
def norm_f32_weight(x: Tensor, weight_f32: Tensor) -> Any:
    return group(norm(x, weight_f32))


@shape("norm", GROUP, "f16 throughout")
def norm_f16(x_f16: Tensor, weight_f16: Tensor) -> Any:
    return group(norm(x_f16, weight_f16))


@shape("norm", GROUP, "the weight plus one, as Gemma has it")
def norm_gemma(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight.float() + 1.0))


@shape("norm", GROUP, "the mean over a part of the row")
def norm_variance_size(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight, variance_size=128))


@shape("norm", GROUP, "any number of tokens", symbolic=True)
def norm_group_symbolic(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight))


@shape("norm", GROUP, "any number of tokens, as three dims and flattened", symbolic=True)
def norm_group_symbolic_views(x: Tensor, weight: Tensor) -> Any:
    y = norm(x.view(x.shape[0], 2, H // 2).reshape(-1, H), weight)
    return group(y.view(1, -1, H).view(-1, H)), group(y)


@shape("norm", {GROUP: 2}, "two norms of one input under two weights")
def two_norms_of_one_input(x: Tensor, weight: Tensor, weight2: Tensor) -> Any:
    return group(norm(x, weight)), group(norm(x, weight2))


@shape("norm", {GROUP: 2}, "two equal norms, each with a consumer of its own")
def twin_norms(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight)), group(norm(x, weight))


@shape("norm", {GROUP: 1, TOKEN: 1}, "each norm has its own quantisation")
def twin_norms_unlike_quants(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight)), token(norm(x, weight))


@shape("norm", {GROUP: 2}, "one behind the other")
def norms_in_a_row(x: Tensor, weight: Tensor, weight2: Tensor) -> Any:
    q, scale = group(norm(x, weight))
    wide = (q.float().view(TOKENS, 2, D) * scale.unsqueeze(-1)).view(TOKENS, H).to(BF16)
    return group(norm(wide, weight2))


@shape("norm", GROUP, "the weight is written after the norm has read it")
def norm_weight_written_later(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    weight.mul_(2)
    return group(y)


@shape("norm", GROUP, "the input is written after the norm has read it")
def norm_input_written_later(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    x.zero_()
    return group(y), x


@shape("norm", STATIC, "a scale without dims")
def norm_static_scale_0d(x: Tensor, weight: Tensor, scale_0d: Tensor) -> Any:
    return static(norm(x, weight), scale_0d)


@shape("norm", {}, "the norm itself is written before it is quantised")
def norm_written_between(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    y.add_(1)
    return group(y)


@shape("norm", {}, "rows of half the length have scales of their own")
def norm_view_of_other_rows(x: Tensor, weight: Tensor) -> Any:
    return token(norm(x, weight).view(-1, H // 2))


@shape("norm", {}, "two rows joined have one scale")
def norm_view_of_joined_rows(x: Tensor, weight: Tensor) -> Any:
    return token(norm(x, weight).view(-1, 2 * H))


@shape("norm", {}, "columns are quantised, not rows")
def norm_transposed(x: Tensor, weight: Tensor) -> Any:
    return token(norm(x, weight).t().contiguous())


@shape("norm", {}, "a part of the row is quantised")
def norm_slice(x: Tensor, weight: Tensor) -> Any:
    return group(norm(x, weight)[:, :128].contiguous())


@shape("norm", {}, "no kernel has groups of this size")
def norm_group_of_256(x: Tensor, weight: Tensor) -> Any:
    return group_out(norm(x, weight), 256)


@shape("norm", {}, "a scale for each column")
def norm_static_many_scales(x: Tensor, weight: Tensor, scales: Tensor) -> Any:
    return static(norm(x, weight), scales)


@shape("norm", {}, "the scale is computed from the norm")
def norm_scale_of_the_norm(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    return static(y, (y.float().abs().amax() / 448.0).view(1))


@shape("norm", {}, "the kernels take rows of half precision")
def norm_f32(x_f32: Tensor, weight_f32: Tensor) -> Any:
    return group(norm(x_f32, weight_f32))


@shape("norm", {}, "widened between, which the kernels do not do")
def norm_to_f32_between(x: Tensor, weight: Tensor) -> Any:
    return token(norm(x, weight).float())


@shape("norm", {}, "the quantisation is of the input")
def quant_of_the_input(x: Tensor, weight: Tensor) -> Any:
    return norm(x, weight), group(x)


@shape("norm", {}, "not of this type of scales")
def norm_group_transposed_scales(x: Tensor, weight: Tensor) -> Any:
    return torch.ops.vllm.rocm_aiter_group_fp8_quant(norm(x, weight), 128, True)


# A residual added before

ADD_GROUP = f"add_{GROUP}"


@shape("add_norm", ADD_GROUP, "three consumers")
def add_norm_three_groups(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return group(y), group(y), group(y), r


@shape("add_norm", ADD_GROUP, "nobody reads the sum")
def add_norm_dead_residual(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    return group(add_norm(x, residual, weight)[0])


@shape("add_norm", ADD_GROUP, "three dims, flattened for the quantisation")
def add_norm_3d_view(x3: Tensor, residual3: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x3, residual3, weight, 5e-6)
    return group(y.view(-1, H)), r


@shape("add_norm", f"{ADD_GROUP}_layouts", "scales by rows and by columns")
def add_norm_two_layouts(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return group_out(y), group_out(y, by_columns=True), r


@shape(
    "add_norm", f"{ADD_GROUP}_keep|add_{TOKEN}_keep", "one of the two goes with the norm, the other reads it"
)
def add_norm_group_and_token(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return group(y), token(y), r


@shape("add_norm", {ADD_GROUP: 2}, "the sum goes on to the next norm")
def add_norms_in_a_row(x: Tensor, residual: Tensor, weight: Tensor, weight2: Tensor, z: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    y2, r2 = add_norm(z, r, weight2)
    return group(y), group(y2), r2


@shape("add_norm", ADD_GROUP, "a value added to itself")
def add_norm_of_twice(x: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, x, weight)
    return group(y), r


@shape("add_norm", ADD_GROUP, "any number of tokens", symbolic=True)
def add_norm_symbolic(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight, 1e-5)
    return group(y), r


@shape("add_norm", ADD_GROUP, "the weight plus one, as Gemma has it")
def add_norm_gemma(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight.float() + 1.0)
    return group(y), r


@shape("add_norm", GROUP, "the sum in torch stays, the norm goes")
def torch_add_norm(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    r = x + residual
    return group(norm(r, weight)), r


@shape("add_norm", {}, "the sum is what is quantised")
def add_norm_quant_of_the_sum(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return y, group(r)


@shape("add_norm", {}, "the kernels take rows of half precision")
def add_norm_f32(x_f32: Tensor, residual_f32: Tensor, weight_f32: Tensor) -> Any:
    y, r = add_norm(x_f32, residual_f32, weight_f32)
    return group(y), r


# silu(gate) * up

SILU = "silu_mul_group_quant"


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., :D], x[..., D:]


@shape("act", SILU, "the custom op")
def silu_group(gate_up: Tensor) -> Any:
    return group(silu(gate_up))


@shape("act", SILU, "plain torch, by slices")
def silu_torch_slices(gate_up: Tensor) -> Any:
    gate, up = halves(gate_up)
    return group(functional.silu(gate) * up)


@shape("act", SILU, "plain torch, the product the other way round")
def silu_torch_swapped(gate_up: Tensor) -> Any:
    gate, up = halves(gate_up)
    return group(up * functional.silu(gate))


@shape("act", SILU, "plain torch, by chunks")
def silu_torch_chunks(gate_up: Tensor) -> Any:
    gate, up = gate_up.chunk(2, -1)
    return group(functional.silu(gate) * up)


@shape("act", SILU, "three dims, flattened for the quantisation")
def silu_3d_view(gate_up3: Tensor) -> Any:
    return group(silu(gate_up3).view(-1, D))


@shape("act", SILU, "three consumers")
def silu_three_groups(gate_up: Tensor) -> Any:
    y = silu(gate_up)
    return group(y), group(y), group(y)


@shape("act", SILU, "any number of tokens", symbolic=True)
def silu_symbolic(gate_up: Tensor) -> Any:
    return group(silu(gate_up))


@shape("act", SILU, "scales by columns")
def silu_group_by_columns(gate_up: Tensor) -> Any:
    return group_out(silu(gate_up), by_columns=True)


@shape("act", "silu_mul_static_quant", "one scale")
def silu_static(gate_up: Tensor, scale: Tensor) -> Any:
    return static(silu(gate_up), scale)


@shape("act", "silu_mul_static_quant", "one scale, two consumers")
def silu_static_twice(gate_up: Tensor, scale: Tensor) -> Any:
    y = silu(gate_up)
    return static(y, scale), static(y, scale)


@shape("act", "silu_mul_token_quant", "a scale for each row")
def silu_token(gate_up: Tensor) -> Any:
    return token(silu(gate_up))


@shape("act", "silu_mul_mx_quant", "MX")
def silu_mx(gate_up: Tensor) -> Any:
    return OURS.mx_quant(silu(gate_up))


@shape("act", "gelu_mul_group_quant", "gelu in the place of silu")
def gelu_group(gate_up: Tensor) -> Any:
    return group(OURS.gelu_and_mul(gate_up))


@shape("act", SILU, "nobody reads the scales")
def silu_dead_scale(gate_up: Tensor) -> Any:
    return group(silu(gate_up))[0]


@shape("act", {}, "somebody else reads the product, which no kernel keeps")
def silu_and_another(gate_up: Tensor) -> Any:
    y = silu(gate_up)
    return group(y), y


@shape("act", {}, "the halves are the wrong way round")
def silu_of_up(gate_up: Tensor) -> Any:
    gate, up = halves(gate_up)
    return group(gate * functional.silu(up))


@shape("act", {}, "one half twice")
def silu_one_half(gate_up: Tensor) -> Any:
    gate, _ = halves(gate_up)
    return group(functional.silu(gate) * gate)


@shape("act", {}, "a sum, no product")
def silu_added(gate_up: Tensor) -> Any:
    gate, up = halves(gate_up)
    return group(functional.silu(gate) + up)


@shape("act", {}, "silu(gate) itself is read elsewhere")
def silu_gate_escapes(gate_up: Tensor) -> Any:
    gate, up = halves(gate_up)
    gate = functional.silu(gate)
    return group(gate * up), gate


@shape("act", {}, "quantised by column and row at once, of which one cannot go")
def silu_group_and_token(gate_up: Tensor) -> Any:
    y = silu(gate_up)
    return group(y), token(y)


@shape("act", {}, "the kernels take rows of half precision")
def silu_f32(gate_up_f32: Tensor) -> Any:
    return group(silu(gate_up_f32))


# The two norms of latent attention

DUAL = "mla_dual_rms_norm"


def parts(lora: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, kv = lora.split([LATENT_Q, LATENT + ROPE], -1)
    return q, *kv.split([LATENT, ROPE], -1)


@shape("mla", DUAL, "as DeepSeek has it")
def dual(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight), norm(kv, kv_weight), k_pe


@shape("mla", DUAL, "two epsilons")
def dual_two_epsilons(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight, 1e-5), norm(kv, kv_weight, 1e-6), k_pe


@shape("mla", DUAL, "an epsilon that nobody listed")
def dual_epsilon(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight, 2e-7), norm(kv, kv_weight, 2e-7), k_pe


@shape("mla", DUAL, "the other norm first")
def dual_order(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    kv = norm(kv, kv_weight)
    return norm(q, q_weight), kv, k_pe


@shape("mla", DUAL, "nobody reads the positions' part")
def dual_dead_k_pe(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, _ = parts(lora)
    return norm(q, q_weight), norm(kv, kv_weight)


@shape("mla", DUAL, "the parts themselves are read, too")
def dual_parts_escape(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight), norm(kv, kv_weight), k_pe, q.relu(), kv.relu()


@shape("mla", DUAL, "one split twice")
def dual_twin_splits(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q = parts(lora)[0]
    _, kv, k_pe = parts(lora)
    return norm(q, q_weight), norm(kv, kv_weight), k_pe


@shape("mla", DUAL, "three dims")
def dual_3d(lora3: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora3)
    return norm(q, q_weight), norm(kv, kv_weight), k_pe


@shape("mla", DUAL, "any number of tokens", symbolic=True)
def dual_symbolic(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight), norm(kv, kv_weight), k_pe


@shape("mla", {GROUP: 1, f"{DUAL}_group_quant": 1}, "q is quantised in groups")
def dual_group(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return group(norm(q, q_weight)), norm(kv, kv_weight), k_pe


@shape("mla", {TOKEN: 1, f"{DUAL}_token_quant": 1}, "q is quantised by rows")
def dual_token(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return token(norm(q, q_weight)), norm(kv, kv_weight), k_pe


@shape("mla", {GROUP: 1, f"{DUAL}_group_quant": 1}, "q is quantised in groups, under two epsilons")
def dual_group_two_epsilons(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return group(norm(q, q_weight, 1e-5)), norm(kv, kv_weight, 1e-6), k_pe


@shape(
    "mla",
    {f"{GROUP}_keep": 1},
    "q's norm is read as it is, too: it goes with its quantisation, not with kv's",
)
def dual_group_and_norm(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    q = norm(q, q_weight)
    return group(q), q.relu(), norm(kv, kv_weight), k_pe


@shape("mla", {DUAL: 2}, "two layers")
def dual_two_layers(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    q, kv = norm(q, q_weight), norm(kv, kv_weight)
    q2, kv2, k_pe2 = parts(torch.cat([q, kv, k_pe], -1).relu())
    return norm(q2, q_weight), norm(kv2, kv_weight), k_pe2


@shape("mla", {}, "kv is of another projection")
def dual_of_two_inputs(lora: Tensor, latent: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    return norm(parts(lora)[0], q_weight), norm(latent, kv_weight)


@shape("mla", {}, "one norm reads the other")
def dual_one_behind_the_other(lora: Tensor, q_weight: Tensor, kv_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    q = norm(q, q_weight)
    return q, norm(kv * q[:, :LATENT], kv_weight), k_pe


@shape("mla", {}, "weights in f32, which the kernel does not take")
def dual_f32_weights(lora: Tensor, q_weight_f32: Tensor, kv_weight_f32: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight_f32), norm(kv, kv_weight_f32), k_pe


@shape("mla", {}, "the kernels take rows of half precision")
def dual_f32(lora_f32: Tensor, q_weight_f32: Tensor, kv_weight_f32: Tensor) -> Any:
    q, kv, k_pe = parts(lora_f32)
    return norm(q, q_weight_f32), norm(kv, kv_weight_f32), k_pe


@shape("mla", {}, "kv without its norm")
def dual_only_q(lora: Tensor, q_weight: Tensor) -> Any:
    q, kv, k_pe = parts(lora)
    return norm(q, q_weight), kv.relu(), k_pe


# Norms of q and k, and their rotary embedding


def normed_heads(qkv: Tensor, head_q: Tensor, head_k: Tensor, size: int, q_eps: float, k_eps: float) -> Any:
    q, k, v = qkv.split([HEADS * size, KV_HEADS * size, KV_HEADS * size], -1)
    q_n = norm(q.view(-1, HEADS, size), head_q, q_eps).view(q.shape)
    return q_n, norm(k.view(-1, KV_HEADS, size), head_k, k_eps).view(k.shape), v


def _qk_norm_rope(
    name: str, expected: Any, why: str, neox: bool, q_eps: float, k_eps: float, open_: bool
) -> None:
    @shape("qk_norm_rope", expected, why, name=f"qk_norm_rope_{name}", symbolic=open_)
    def _(qkv: Tensor, head_q: Tensor, head_k: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
        q, k, v = normed_heads(qkv, head_q, head_k, SIZE, q_eps, k_eps)
        return *rope(positions, q, k, SIZE, cos_sin, neox), v


_qk_norm_rope("neox", "qk_norm_rope", "as Qwen has it", True, 1e-6, 1e-6, False)
_qk_norm_rope("gptj", "qk_norm_rope", "neighbours turned", False, 1e-6, 1e-6, False)
_qk_norm_rope("epsilon", "qk_norm_rope", "an epsilon that nobody listed", True, 4e-6, 4e-6, False)
_qk_norm_rope("symbolic", "qk_norm_rope", "any number of tokens", True, 1e-6, 1e-6, True)
_qk_norm_rope("two_epsilons", {}, "the kernel has one epsilon", True, 1e-5, 1e-6, False)


@shape("qk_norm_rope", {}, "no kernel has heads of this size")
def qk_norm_rope_96(
    qkv96: Tensor, head_q96: Tensor, head_k96: Tensor, positions: Tensor, cos_sin96: Tensor
) -> Any:
    q, k, v = normed_heads(qkv96, head_q96, head_k96, 96, 1e-6, 1e-6)
    return *rope(positions, q, k, 96, cos_sin96), v


@shape("qk_norm_rope", {}, "the norm of q is read before it is turned")
def qk_norm_rope_norm_escapes(
    qkv: Tensor, head_q: Tensor, head_k: Tensor, positions: Tensor, cos_sin: Tensor
) -> Any:
    q, k, v = normed_heads(qkv, head_q, head_k, SIZE, 1e-6, 1e-6)
    early = q.relu()
    return *rope(positions, q, k, SIZE, cos_sin), v, early


@shape("qk_norm_rope", {}, "only q has a norm")
def qk_norm_rope_only_q(qkv: Tensor, head_q: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q, k, v = (qkv + qkv).split([Q, K, K], -1)
    q = norm(q.view(-1, HEADS, SIZE), head_q).view(q.shape)
    return *rope(positions, q, k, SIZE, cos_sin), v


# The rotary embedding and the write to the layer's cache

ROPE_KV = "rope_kv_cache"


def stored_and_read(q: Tensor, k: Tensor, v: Tensor, name: str) -> Tensor:
    key, value = k.view(-1, KV_HEADS, SIZE), v.view(-1, KV_HEADS, SIZE)
    return attend(q.view(-1, HEADS, SIZE), key, value, name, kv_update(key, value, name))


def _rope_kv(name: str, why: str, neox: bool) -> None:
    @shape("rope_kv", ROPE_KV, why, name=f"rope_kv_{name}")
    def _(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
        return stored_and_read(*rope(positions, q, k, SIZE, cos_sin, neox), v, "one")


_rope_kv("neox", "as Llama has it", True)
_rope_kv("gptj", "neighbours turned", False)


@shape("rope_kv", ROPE_KV, "any number of tokens", symbolic=True)
def rope_kv_symbolic(qkv: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q, k, v = (qkv + qkv).split([Q, K, K], -1)
    return stored_and_read(*rope(positions, q, k, SIZE, cos_sin), v, "one")


@shape("rope_kv", ROPE_KV, "q, k and v are parts of one projection")
def rope_kv_of_a_split(qkv: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q, k, v = (qkv + qkv).split([Q, K, K], -1)
    return stored_and_read(*rope(positions, q, k, SIZE, cos_sin), v, "one")


@shape("rope_kv", ROPE_KV, "the turned k is read elsewhere, too")
def rope_kv_k_escapes(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q, k = rope(positions, q, k, SIZE, cos_sin)
    return stored_and_read(q, k, v, "one"), k.relu(), q.relu()


@shape("rope_kv", ROPE_KV, "the turned q is quantised")
def rope_kv_quantised_q(
    q: Tensor, k: Tensor, v: Tensor, positions: Tensor, cos_sin: Tensor, scale: Tensor
) -> Any:
    q, k = rope(positions, q, k, SIZE, cos_sin)
    return stored_and_read(q, k, v, "one"), static(q, scale)


@shape("rope_kv", {ROPE_KV: 2}, "two layers")
def rope_kv_two_layers(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    first = stored_and_read(*rope(positions, q, k, SIZE, cos_sin), v, "one")
    second = rope(positions, first.view(-1, Q), k, SIZE, cos_sin)
    return stored_and_read(*second, v, "two")


@shape("rope_kv", "qk_norm_rope_kv_cache", "with the norms of q and k")
def rope_kv_qk_norm(qkv: Tensor, head_q: Tensor, head_k: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q, k, v = normed_heads(qkv, head_q, head_k, SIZE, 1e-6, 1e-6)
    return stored_and_read(*rope(positions, q, k, SIZE, cos_sin), v, "one")


@shape("rope_kv", ROPE_KV, "two epsilons: the norms stay")
def rope_kv_qk_norm_two_epsilons(
    qkv: Tensor, head_q: Tensor, head_k: Tensor, positions: Tensor, cos_sin: Tensor
) -> Any:
    q, k, v = normed_heads(qkv, head_q, head_k, SIZE, 1e-5, 1e-6)
    return stored_and_read(*rope(positions, q, k, SIZE, cos_sin), v, "one")


@shape("rope_kv", ROPE_KV, "the norm of q is read elsewhere: the norms stay")
def rope_kv_qk_norm_escapes(
    qkv: Tensor, head_q: Tensor, head_k: Tensor, positions: Tensor, cos_sin: Tensor
) -> Any:
    q, k, v = normed_heads(qkv, head_q, head_k, SIZE, 1e-6, 1e-6)
    early = q.relu()
    return stored_and_read(*rope(positions, q, k, SIZE, cos_sin), v, "one"), early


@shape("rope_kv", {}, "what is stored is k before it is turned")
def rope_kv_unturned(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    early = k.clone()
    q_r, k_r = rope(positions, q, k, SIZE, cos_sin)
    return stored_and_read(q_r, early, v, "one"), k_r


@shape("rope_kv", {}, "the keys are turned after another op")
def rope_kv_scaled_between(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q_r, k_r = rope(positions, q, k, SIZE, cos_sin)
    return stored_and_read(q_r, k_r * 2, v, "one")


@shape("rope_kv", {}, "v is computed from the turned k, which the kernel has only afterwards")
def rope_kv_v_of_k(q: Tensor, k: Tensor, positions: Tensor, cos_sin: Tensor) -> Any:
    q_r, k_r = rope(positions, q, k, SIZE, cos_sin)
    return stored_and_read(q_r, k_r, k_r.relu(), "one")


# The same of latent attention

MLA_ROPE_KV = "mla_rope_kv_cache"


def _mla_rope_kv(name: str, why: str, neox: bool, symbolic: bool = False) -> None:
    @shape("mla_rope_kv", MLA_ROPE_KV, why, name=f"mla_rope_kv_{name}", symbolic=symbolic)
    def _(q_and_latent: Tensor, positions: Tensor, cos_sin: Tensor, scale: Tensor) -> Any:
        q_pe, latent, k_pe = (q_and_latent + q_and_latent).split([HEADS * ROPE, LATENT, ROPE], -1)
        q_pe = q_pe.reshape(-1, HEADS, ROPE)
        q_r, k_r = rope(positions, q_pe, k_pe.unsqueeze(1), ROPE, cos_sin, neox)
        dep = mla_kv_update(latent, k_r, "one", scale)
        return mla_attend(q_r, latent, k_r, 512, "one", dep), q_r


_mla_rope_kv("gptj", "as DeepSeek has it", False)
_mla_rope_kv("neox", "halves turned", True)
_mla_rope_kv("symbolic", "any number of tokens", False, True)


@shape("mla_rope_kv", MLA_ROPE_KV, "q, k and the latent of projections of their own")
def mla_rope_kv_inputs(
    q_pe: Tensor, k_pe: Tensor, latent: Tensor, positions: Tensor, cos_sin: Tensor, scale: Tensor
) -> Any:
    q_r, k_r = rope(positions, q_pe, k_pe.unsqueeze(1), ROPE, cos_sin, False)
    dep = mla_kv_update(latent, k_r, "one", scale)
    return mla_attend(q_r, latent, k_r, 512, "one", dep), q_r


@shape("mla_rope_kv", {}, "another dim is added: one token of many heads")
def mla_rope_kv_other_dim(
    q_pe: Tensor, k_pe: Tensor, latent: Tensor, positions: Tensor, cos_sin: Tensor, scale: Tensor
) -> Any:
    q_r, k_r = rope(positions, q_pe, k_pe.unsqueeze(0), ROPE, cos_sin, False)
    return mla_kv_update(latent, k_r.transpose(0, 1), "one", scale), q_r


@shape("mla_rope_kv", {}, "what is stored is k before it is turned")
def mla_rope_kv_unturned(
    q_pe: Tensor, k_pe: Tensor, latent: Tensor, positions: Tensor, cos_sin: Tensor, scale: Tensor
) -> Any:
    early = k_pe.clone().unsqueeze(1)
    q_r, k_r = rope(positions, q_pe, k_pe.unsqueeze(1), ROPE, cos_sin, False)
    dep = mla_kv_update(latent, early, "one", scale)
    return mla_attend(q_r, latent, k_r, 512, "one", dep), q_r


# Attention and the quantisation of what comes out


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return stored_and_read(q, k, v, "one")


ATTENTION = "attn_static_quant"


@shape("attn_quant", ATTENTION, "one scale")
def attention_static(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Any:
    return static(attention(q, k, v).view(-1, Q), scale)


@shape("attn_quant", ATTENTION, "one scale, aiter's spelling")
def attention_static_aiter(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Any:
    return static_aiter(attention(q, k, v).view(-1, Q), scale)


@shape("attn_quant", ATTENTION, "any number of tokens", symbolic=True)
def attention_static_symbolic(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Any:
    return static(attention(q, k, v).view(-1, Q), scale)


@shape("attn_quant", {ATTENTION: 2}, "two layers")
def attention_static_two_layers(q: Tensor, k: Tensor, v: Tensor, scale: Tensor, scale2: Tensor) -> Any:
    return (
        static(stored_and_read(q, k, v, "one").view(-1, Q), scale),
        static(stored_and_read(q, k, v, "two").view(-1, Q), scale2),
    )


@shape("attn_quant", {}, "the unquantised output is read, too")
def attention_static_and_output(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Any:
    out = attention(q, k, v)
    return static(out.view(-1, Q), scale), out


@shape("attn_quant", {}, "two scales")
def attention_two_scales(q: Tensor, k: Tensor, v: Tensor, scale: Tensor, scale2: Tensor) -> Any:
    out = attention(q, k, v).view(-1, Q)
    return static(out, scale), static(out, scale2)


@shape("attn_quant", {}, "no attention quantises by rows")
def attention_token(q: Tensor, k: Tensor, v: Tensor) -> Any:
    return token(attention(q, k, v).view(-1, Q))


@shape("attn_quant", {}, "gated between")
def attention_gated(q: Tensor, k: Tensor, v: Tensor, scale: Tensor) -> Any:
    return static((attention(q, k, v).view(-1, Q) * q.sigmoid()), scale)


def mla_attention(q_latent: Tensor, latent: Tensor, k_pe: Tensor, scale: Tensor) -> Tensor:
    k_pe = k_pe.unsqueeze(1)
    return mla_attend(q_latent, latent, k_pe, 512, "one", mla_kv_update(latent, k_pe, "one", scale))


@shape("attn_quant", "mla_attn_static_quant", "latent attention, one scale")
def mla_attention_static(
    q_latent: Tensor, latent: Tensor, k_pe: Tensor, scale: Tensor, scale2: Tensor
) -> Any:
    return static(mla_attention(q_latent, latent, k_pe, scale), scale2)


@shape("attn_quant", "mla_attn_group_quant", "latent attention, groups")
def mla_attention_group(q_latent: Tensor, latent: Tensor, k_pe: Tensor, scale: Tensor) -> Any:
    return group(mla_attention(q_latent, latent, k_pe, scale))


@shape("attn_quant", "mla_attn_group_quant", "latent attention, groups of 64 with scales by columns")
def mla_attention_group_by_columns(q_latent: Tensor, latent: Tensor, k_pe: Tensor, scale: Tensor) -> Any:
    return group_out(mla_attention(q_latent, latent, k_pe, scale), 64, by_columns=True)


@shape("attn_quant", {}, "latent attention, groups of a size that it does not have")
def mla_attention_group_of_32(q_latent: Tensor, latent: Tensor, k_pe: Tensor, scale: Tensor) -> Any:
    return group_out(mla_attention(q_latent, latent, k_pe, scale), 32)


@shape("attn_quant", {}, "latent attention, the unquantised output is read, too")
def mla_attention_group_and_output(q_latent: Tensor, latent: Tensor, k_pe: Tensor, scale: Tensor) -> Any:
    out = mla_attention(q_latent, latent, k_pe, scale)
    return group(out), out


# The all-reduce in front of a norm


@shape("allreduce", "ar_rms", "a norm")
def reduced_norm(x: Tensor, weight: Tensor) -> Any:
    return norm(all_reduce(x), weight)


@shape("allreduce", "ar_rms", "the sum is read elsewhere, too")
def reduced_norm_and_sum(x: Tensor, weight: Tensor) -> Any:
    ar = all_reduce(x)
    return norm(ar, weight, 3e-6), ar


@shape("allreduce", "ar_rms", "three dims")
def reduced_norm_3d(x3: Tensor, weight: Tensor) -> Any:
    return norm(all_reduce(x3), weight)


@shape("allreduce", "ar_add_rms", "a residual")
def reduced_add_norm(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    return add_norm(all_reduce(x), residual, weight)


@shape("allreduce", "ar_add_rms", "nobody reads the sum", symbolic=True)
def reduced_add_norm_dead_residual(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    return add_norm(all_reduce(x), residual, weight)[0]


@shape("allreduce", "ar_add_rms", "the weight plus one, as Gemma has it")
def reduced_add_norm_gemma(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    return add_norm(all_reduce(x), residual, weight.float() + 1.0)


@shape("allreduce", "ar_rms_group_quant", "a norm and groups")
def reduced_norm_group(x: Tensor, weight: Tensor) -> Any:
    return group(norm(all_reduce(x), weight))


@shape("allreduce", "ar_add_rms_group_quant", "a residual and groups")
def reduced_add_norm_group(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(all_reduce(x), residual, weight, 1e-5)
    return group(y), r


@shape("allreduce", "ar_add_rms_group_quant", "a residual and groups, three times")
def reduced_add_norm_three_groups(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(all_reduce(x), residual, weight)
    return group(y), group(y), group(y), r


@shape("allreduce", "ar_add_rms_group_quant_norm", "a residual and groups, and the norm as it is")
def reduced_add_norm_group_and_mm(x: Tensor, residual: Tensor, weight: Tensor, router_t: Tensor) -> Any:
    y, r = add_norm(all_reduce(x), residual, weight)
    return group(y), r, y @ router_t


@shape("allreduce", {"ar_add_rms": 2}, "two layers")
def reduced_add_norms_in_a_row(x: Tensor, residual: Tensor, weight: Tensor, weight2: Tensor) -> Any:
    y, r = add_norm(all_reduce(x), residual, weight)
    return add_norm(all_reduce(y.relu()), r, weight2)


@shape("allreduce", {}, "the sum is over another group")
def reduced_of_another_group(x: Tensor, weight: Tensor) -> Any:
    return norm(all_reduce(x, "ep:0"), weight)


@shape("allreduce", {}, "something between")
def reduced_relu_norm(x: Tensor, weight: Tensor) -> Any:
    return norm(all_reduce(x).relu(), weight)


@shape("allreduce", {}, "a residual, and the sum without it is read, which no kernel keeps")
def reduced_add_norm_and_sum(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    ar = all_reduce(x)
    return *add_norm(ar, residual, weight), ar


@shape("allreduce", {}, "the kernels take rows of half precision")
def reduced_norm_f32(x_f32: Tensor, weight_f32: Tensor) -> Any:
    return norm(all_reduce(x_f32), weight_f32)


# A norm padded for the experts


@shape("pad", "add_rms_norm_pad", "the router reads the norm")
def pad_and_router(x: Tensor, residual: Tensor, weight: Tensor, router: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return torch.ops.vllm.rocm_unquantized_gemm(y, router), functional.pad(y, (0, 64)), r


@shape("pad", "add_rms_norm_pad", "another padding, and an epsilon that nobody listed")
def pad_and_router_other_sizes(x: Tensor, residual: Tensor, weight: Tensor, router: Tensor) -> Any:
    y, r = add_norm(x, residual, weight, 7e-6)
    return torch.ops.vllm.rocm_unquantized_gemm(y, router), functional.pad(y, (0, 32)), r


@shape("pad", "add_rms_norm_pad_mm", "the router as torch has it")
def pad_and_mm(x: Tensor, residual: Tensor, weight: Tensor, router_t: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return y @ router_t, functional.pad(y, (0, 64)), r


@shape("pad", "add_rms_norm_pad_alone", "no router")
def pad_alone(x: Tensor, residual: Tensor, weight: Tensor) -> Any:
    y, r = add_norm(x, residual, weight)
    return functional.pad(y, (0, 64)), r


@shape("pad", "rms_norm_pad", "no residual")
def pad_norm(x: Tensor, weight: Tensor) -> Any:
    return functional.pad(norm(x, weight), (0, 64))


@shape("pad", "rms_norm_pad", "three dims")
def pad_norm_3d(x3: Tensor, weight: Tensor) -> Any:
    return functional.pad(norm(x3, weight), (0, 64))


@shape("pad", {}, "padded on the left")
def pad_left(x: Tensor, weight: Tensor) -> Any:
    return functional.pad(norm(x, weight), (64, 0))


@shape("pad", {}, "padded with ones")
def pad_ones(x: Tensor, weight: Tensor) -> Any:
    return functional.pad(norm(x, weight), (0, 64), value=1.0)


@shape("pad", {}, "rows are padded, not their values")
def pad_rows(x: Tensor, weight: Tensor) -> Any:
    return functional.pad(norm(x, weight), (0, 0, 0, 8))


@shape("pad", {}, "the norm itself is read, which no kernel keeps")
def pad_norm_escapes(x: Tensor, weight: Tensor) -> Any:
    y = norm(x, weight)
    return functional.pad(y, (0, 64)), y


def shapes() -> Iterator[Shape]:
    """Every shape, each under a name of its own."""
    names = [each.name for each in _shapes]
    assert len(names) == len(set(names)), "two shapes of one name"
    yield from _shapes


SHAPES = tuple(shapes())
