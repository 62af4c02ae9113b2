"""What a decoder block is made of, and which fusions that must give.

In: a `Random`. Out: `random_options`; `expected`, how often each pattern fires on the block, worked out from the
options alone, by what the library's files and `torch_written.pat` promise.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import attrs
import torch

HIDDEN, HEADS, HEAD, WIDTH = 128, 4, 32, 128
#: Our op, Llama's norm in torch, and torch's own two.
NORMS = ("op", "llama", "rms", "layer")
#: Quantisations -> the name that their op has in fused ops. The last is nothing that a pass knows.
QUANTS = {
    "group": "group_quant",
    "token": "token_quant",
    "token_int8": "token_quant",
    "static": "static_quant",
    "mx": "mx_quant",
    "torch_token": "token_quant",
    "torch_group": "",
}
#: How silu(gate) * up is written; and what no pass knows: torch's gelu, and halves that two projections make.
KNOWN_ACTIVATIONS = {
    "silu_chunk": "silu_mul",
    "silu_split": "silu_mul",
    "silu_slices": "silu_mul",
    "silu_op": "silu_mul",
    "gelu_op": "gelu_mul",
}
ACTIVATIONS = (*KNOWN_ACTIVATIONS, "silu_two", "gelu_chunk", "gelu_two")
THIRDS = ("", "", "live", "dead")


@attrs.frozen
class Norm:
    """A norm, the quantisations of its result (equal ones), and what else reads it: something live, or dead."""

    kind: str
    epsilon: float
    quant: str = ""
    quants: int = 1
    third: str = ""


@attrs.frozen
class Options:
    """`order`: pre, post or sandwich norms. `swaps`: whether each of three sums has its operands the other way round.
    `activation_quant` and `activation_third` are of the product in the MLP. `sum_read`: the last sum is a result.
    """

    dtype: torch.dtype
    dims: tuple[int, ...]
    dynamic: bool
    order: str
    first: Norm
    second: Norm
    qk_norm: Norm | None
    kv_heads: int
    rope: bool
    bias: bool
    swaps: tuple[bool, bool, bool]
    residual_in: bool
    activation: str
    activation_swap: bool
    activation_quant: str
    activation_third: bool
    sum_read: bool

    def knows(self, norm: Norm) -> bool:
        """Whether a pass knows the norm. torch's own is rounded once, which makes it another one but in fp32."""
        return norm.kind in ("op", "llama") or (norm.kind == "rms" and not self.is_short)

    @property
    def is_short(self) -> bool:
        """Whether the dtype is one that the fused quantisations take."""
        return self.dtype is not torch.float32


def random_options(random: Random) -> Options:
    three_d = random.random() < 0.5
    return Options(
        dtype=random.choice((torch.bfloat16, torch.bfloat16, torch.float16, torch.float32)),
        dims=(random.choice((2, 3)), random.choice((3, 5)), HIDDEN) if three_d else (6, HIDDEN),
        dynamic=random.random() < 0.3,
        order=random.choice(("pre", "pre", "post", "sandwich")),
        first=_norm(random, NORMS),
        second=_norm(random, NORMS),
        qk_norm=_norm(random, ("op", "llama", "rms"), quantised=False) if random.random() < 0.4 else None,
        kv_heads=random.choice((1, 2, 4)),
        rope=random.random() < 0.5,
        bias=random.random() < 0.3,
        swaps=(random.random() < 0.5, random.random() < 0.5, random.random() < 0.5),
        residual_in=random.random() < 0.5,
        activation=random.choice(ACTIVATIONS),
        activation_swap=random.random() < 0.3,
        activation_quant=random.choice(("", *QUANTS)),
        activation_third=random.random() < 0.2,
        sum_read=random.random() < 0.6,
    )


def _norm(random: Random, kinds: tuple[str, ...], quantised: bool = True) -> Norm:
    return Norm(
        kind=random.choice(("op", "llama", *kinds)),
        epsilon=random.choice((1e-6, 1e-5, 0.3)),
        quant=random.choice(("", *QUANTS)) if quantised else "",
        quants=random.choice((1, 1, 2)) if quantised else 1,
        third=random.choice(THIRDS) if quantised else "",
    )


def expected(options: Options) -> Counter[str]:
    """Matches by pattern, none of them 0."""
    counts: Counter[str] = Counter()
    for norm, adds in norms(options):
        counts["torch_norm"] += norm.kind != "op" and options.knows(norm)
        counts["torch_token_quant"] += norm.quants * (norm.quant == "torch_token")
        counts["add_rms_norm"] += adds
        quant = QUANTS.get(norm.quant, "")
        if options.knows(norm) and quant and options.is_short:
            kept = "_keep" if norm.third == "live" else ""
            counts[f"{'add_' if adds else ''}rms_norm_{quant}{kept}"] += 1
    counts["torch_token_quant"] += options.activation_quant == "torch_token"
    quant = QUANTS.get(options.activation_quant, "")
    known = KNOWN_ACTIVATIONS.get(options.activation)
    if known and quant and options.is_short and not options.activation_third:
        counts[f"{known}_{quant}"] += 1
    return +counts


def norms(options: Options) -> list[tuple[Norm, bool]]:
    """Every norm of the block with whether it is fused with the sum that it reads.

    A sum with a product of matrices is an `addmm`, which Inductor writes where nothing stands between them: in 2-D
    without a bias.
    """
    is_sum = len(options.dims) == 3 or options.bias
    first = {"pre": options.residual_in, "post": is_sum, "sandwich": options.residual_in}[options.order]
    second = {"pre": is_sum, "post": is_sum, "sandwich": True}[options.order]
    found = [(options.first, first), (options.second, second)]
    if options.order == "sandwich":
        found += [(attrs.evolve(options.first, quant="", third=""), False)] * 2
    if options.qk_norm is not None:
        found += [(options.qk_norm, False)] * 2
    return [(norm, adds and options.knows(norm)) for norm, adds in found]
