"""A decoder block of torch.nn modules, as its options say.

In: `Options` and a seed. Out: `Block`, a module over rows `x`, and a residual where the options ask for one; `inputs`.
`rounds`: what is changed by declaration, a norm that reads its sum before it is rounded, is computed so. A block made
`double()` computes without any rounding, that of quantisation included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from block_options import HEAD, HEADS, HIDDEN, WIDTH, Norm, Options, norms
from torch import Tensor, nn
from torch.nn import functional

import patdsl.reference  # noqa: F401  registers torch.ops.patdsl

OPS = torch.ops.patdsl
FP8 = torch.float8_e4m3fn
GROUP = 32
LARGEST = 448.0


def wide(x: Tensor) -> Tensor:
    """In fp32, or in float64 as it is."""
    return x if x.dtype is torch.float64 else x.to(torch.float32)


class OpNorm(nn.Module):
    """A norm that is one call of an op."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype is torch.float64:
            return functional.rms_norm(x, self.weight.shape, self.weight, self.epsilon)
        return OPS.rms_norm(x, self.weight, self.epsilon)


class LlamaNorm(OpNorm):
    """The norm as Llama's code writes it."""

    def forward(self, x: Tensor) -> Tensor:
        y = wide(x)
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return self.weight * y.to(x.dtype)


NORMS: dict[str, Callable[[int, float], nn.Module]] = {
    "op": OpNorm,
    "llama": LlamaNorm,
    "rms": lambda width, epsilon: nn.RMSNorm(width, eps=epsilon),
    "layer": lambda width, epsilon: nn.LayerNorm(width, eps=epsilon),
}


def quantised(x: Tensor, kind: str, scale: Tensor) -> Tensor:
    """`x` quantised, and what that stands for in the dtype of `x`."""
    if x.dtype is torch.float64:
        return x
    rows = x.view(-1, x.shape[-1])
    if kind == "group":
        q, s = OPS.group_quant(rows, GROUP)
    elif kind == "token":
        q, s = OPS.token_quant(x, FP8)
    elif kind == "token_int8":
        q, s = OPS.token_quant(rows, torch.int8)
    elif kind == "static":
        q, s = OPS.static_quant(x, scale), scale
    elif kind == "mx":
        q, exponents = OPS.mx_quant(x)
        s = torch.exp2(exponents.float() - 127)
    elif kind == "torch_token":
        full = wide(x)
        s = (full.abs().amax(-1, keepdim=True) / LARGEST).clamp(min=1 / (512 * LARGEST))
        q = (full / s).clamp(-LARGEST, LARGEST).to(FP8)
    else:
        parts = wide(x).view(*x.shape[:-1], -1, GROUP)
        s = parts.abs().amax(-1, keepdim=True).clamp(min=1e-10) / LARGEST
        q = (parts / s).to(FP8).view(x.shape)
        s = s.squeeze(-1)
    groups = q.float().view(*q.shape[:-1], s.shape[-1], -1) if s.dim() else q.float()
    return (groups * (s.unsqueeze(-1) if s.dim() else s)).reshape(x.shape).to(x.dtype)


class Block(nn.Module):
    def __init__(self, options: Options, rounds: bool = False) -> None:
        super().__init__()
        self.options = options
        #: Norms that are computed together with the sum that they read.
        fused = zip(("first", "second"), norms(options), strict=False)
        self.together = {name for name, (_, adds) in fused if adds and rounds}
        bias, kv = options.bias, 2 * options.kv_heads * HEAD
        self.first = NORMS[options.first.kind](HIDDEN, options.first.epsilon)
        self.second = NORMS[options.second.kind](HIDDEN, options.second.epsilon)
        if options.order == "sandwich":
            self.after_attention = NORMS[options.first.kind](HIDDEN, options.first.epsilon)
            self.after_mlp = NORMS[options.first.kind](HIDDEN, options.first.epsilon)
        if options.qk_norm is not None:
            self.q_norm = NORMS[options.qk_norm.kind](HEAD, options.qk_norm.epsilon)
            self.k_norm = NORMS[options.qk_norm.kind](HEAD, options.qk_norm.epsilon)
        self.qkv = nn.Linear(HIDDEN, HIDDEN + kv, bias=bias)
        self.out = nn.Linear(HIDDEN, HIDDEN, bias=bias)
        if options.activation.endswith("two"):
            self.gate = nn.Linear(HIDDEN, WIDTH, bias=bias)
            self.up = nn.Linear(HIDDEN, WIDTH, bias=bias)
        else:
            self.gate_up = nn.Linear(HIDDEN, 2 * WIDTH, bias=bias)
        self.down = nn.Linear(WIDTH, HIDDEN, bias=bias)
        self.register_buffer("scale", torch.tensor(0.02))
        angles = torch.arange(16)[:, None] / 100 ** (torch.arange(0, HEAD, 2) / HEAD)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, x: Tensor, residual: Tensor | None = None) -> tuple[Tensor, ...]:
        options = self.options
        more: list[Tensor] = []
        if options.order == "post":
            h, _ = self._norm("first", x, self._attention(x), 0, more)
            return self._result(*self._norm("second", h, self._mlp(h, more), 1, more), more)
        h, x = self._norm("first", x, residual, 0, more)
        attended = self._attention(h)
        if options.order == "sandwich":
            attended = self.after_attention(attended)
        h, x = self._norm("second", x, attended, 1, more)
        made = self._mlp(h, more)
        if options.order == "sandwich":
            made = self.after_mlp(made)
        return self._result(made, self._sum(x, made, 2), more)

    def _result(self, last: Tensor, total: Tensor, more: list[Tensor]) -> tuple[Tensor, ...]:
        post = self.options.order == "post"
        results = [last, total] if post and self.options.sum_read else [last] if post else [total]
        return (*results, *more)

    def _sum(self, x: Tensor, branch: Tensor, at: int) -> Tensor:
        return branch + x if self.options.swaps[at] else x + branch

    def _norm(
        self, name: str, x: Tensor, branch: Tensor | None, at: int, more: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The norm of a sum, quantised as the options say, and the sum."""
        norm: Norm = getattr(self.options, name)
        module = getattr(self, name)
        if branch is None:
            y = module(x)
        elif name in self.together:
            x, branch = (branch, x) if self.options.swaps[at] else (x, branch)
            y, x = OPS.fused_add_rms_norm(x, branch, module.weight, norm.epsilon)
        else:
            x = self._sum(x, branch, at)
            y = module(x)
        if norm.third == "live":
            more.append(y * 2)
        elif norm.third == "dead":
            torch.tanh(y)
        if not norm.quant:
            return y, x
        found = [quantised(y, norm.quant, self.scale) for _ in range(norm.quants)]
        return found[0] if norm.quants == 1 else found[0] + torch.relu(found[1]), x

    def _attention(self, x: Tensor) -> Tensor:
        options = self.options
        rows = x if x.dim() == 3 else x.unsqueeze(0)
        sizes = [HIDDEN, options.kv_heads * HEAD, options.kv_heads * HEAD]
        q, k, v = (part.unflatten(-1, (-1, HEAD)) for part in self.qkv(rows).split(sizes, -1))
        if options.qk_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if options.rope:
            q, k = self._rotate(q), self._rotate(k)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        k, v = (part.repeat_interleave(HEADS // options.kv_heads, 1) for part in (k, v))
        made = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(made.transpose(1, 2).reshape(x.shape))

    def _rotate(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        cos, sin = self.cos[:length].unsqueeze(1), self.sin[:length].unsqueeze(1)
        a, b = wide(x).chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)

    def _mlp(self, x: Tensor, more: list[Tensor]) -> Tensor:
        y = self._activation(x)
        if self.options.activation_third:
            more.append(y * 2)
        if self.options.activation_quant:
            y = quantised(y, self.options.activation_quant, self.scale)
        return self.down(y)

    def _activation(self, x: Tensor) -> Tensor:
        name, form = self.options.activation.split("_")
        if form == "two":
            gate, up = self.gate(x), self.up(x)
        else:
            both = self.gate_up(x)
            if form == "op" and x.dtype is not torch.float64:
                return getattr(OPS, f"{name}_and_mul")(both)
            if form == "slices":
                gate, up = both[..., :WIDTH], both[..., WIDTH:]
            else:
                gate, up = both.split([WIDTH, WIDTH], -1) if form == "split" else both.chunk(2, -1)
        gate = getattr(functional, name)(gate)
        return up * gate if self.options.activation_swap else gate * up


def block(options: Options, seed: int, rounds: bool = False) -> Block:
    """The module with weights of a seed: those of norms around 1, no projection so small that its result vanishes."""
    made = Block(options, rounds)
    random = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(made.named_parameters()):
        values = torch.randn(parameter.shape, generator=random)
        small = values / parameter.shape[-1] ** 0.5 if parameter.dim() == 2 else 0.3 * values
        parameter.data = small + 1 if parameter.dim() == 1 and "bias" not in name else small
    tables = {name: getattr(made, name) for name in ("cos", "sin", "scale")}
    made = made.to(options.dtype).requires_grad_(False).eval()
    for name, table in tables.items():
        setattr(made, name, table)
    return made


def inputs(options: Options, seed: int) -> tuple[Any, ...]:
    random = torch.Generator().manual_seed(seed + 1)
    count = 2 if options.residual_in and options.order != "post" else 1
    return tuple(torch.randn(options.dims, generator=random).to(options.dtype) for _ in range(count))
