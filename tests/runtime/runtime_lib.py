"""Small torch ops to fuse, with CPU kernels and fake implementations: a norm, a group quantisation, their fusions.

`q` is int8 and `scale` float32, so that equality is exact. `norm_quant` takes 2-D only, like the kernels it stands for.
"""

from __future__ import annotations

import torch

NAMESPACE = "patdsl_test"
lib = torch.library.Library(NAMESPACE, "DEF")


def norm(x, weight, epsilon):
    x = x.float()
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weight.float()


def quant(x, group):
    parts = x.float().reshape(*x.shape[:-1], x.shape[-1] // group, group)
    scale = parts.abs().amax(-1).clamp(min=1e-6) / 127
    q = (parts / scale.unsqueeze(-1)).round().to(torch.int8).reshape(x.shape)
    return q, scale


def _empty_quant(x, group):
    scale = x.new_empty((*x.shape[:-1], x.shape[-1] // group), dtype=torch.float32)
    return torch.empty_like(x, dtype=torch.int8, memory_format=torch.contiguous_format), scale


#: The tag of out-variants, where this torch has it.
OUT_TAGS = tuple(tag for tag in (getattr(torch.Tag, "out", None),) if tag is not None)


def define(schema, kernel, fake, tags=()):
    name = schema.split("(")[0]
    lib.define(schema, tags=tags)
    lib.impl(name, kernel, "CompositeExplicitAutograd")
    torch.library.register_fake(f"{NAMESPACE}::{name}", fake, lib=lib)


define(
    "norm(Tensor x, Tensor weight, float epsilon) -> Tensor",
    lambda x, weight, epsilon: norm(x, weight, epsilon).to(x.dtype),
    lambda x, weight, epsilon: torch.empty_like(x, memory_format=torch.contiguous_format),
)
define(
    "quant(Tensor x, int group, bool flag=False) -> (Tensor, Tensor)",
    lambda x, group, flag=False: quant(x, group),
    lambda x, group, flag=False: _empty_quant(x, group),
)


def _col_major(x, group):
    q, scale = quant(x, group)
    return q, scale.t().contiguous().t()


def _empty_col_major(x, group):
    q, scale = _empty_quant(x, group)
    return q, torch.empty_strided(scale.shape, (1, scale.shape[0]), dtype=scale.dtype, device=scale.device)


define("quant_col(Tensor x, int group) -> (Tensor, Tensor)", _col_major, _empty_col_major)


def norm_quant(x, weight, epsilon, group):
    assert x.dim() == 2, "the fused kernel takes a matrix"
    return quant(norm(x, weight, epsilon).to(x.dtype), group)


def norm_quant_fake(x, weight, epsilon, group):
    assert x.dim() == 2, "the fused kernel takes a matrix"
    return _empty_quant(x, group)


define(
    "norm_quant(Tensor x, Tensor weight, float epsilon, int group) -> (Tensor, Tensor)",
    norm_quant,
    norm_quant_fake,
)


def _broken(x, weight, epsilon, group):
    raise RuntimeError("no fake for you\nsecond line")


def _specialises(x, weight, epsilon, group):
    return _empty_quant(x.new_empty((int(x.shape[0]), x.shape[1])), group)


define(
    "norm_quant_broken(Tensor x, Tensor weight, float epsilon, int group) -> (Tensor, Tensor)",
    norm_quant,
    _broken,
)
define(
    "norm_quant_specialises(Tensor x, Tensor weight, float epsilon, int group) -> (Tensor, Tensor)",
    norm_quant,
    _specialises,
)


def _quant_out(x, q, scale, group):
    new_q, new_scale = quant(x, group)
    q.copy_(new_q)
    scale.copy_(new_scale)


define("quant_out(Tensor x, Tensor(a!) q, Tensor(b!) scale, int group) -> ()", _quant_out, lambda *a: None)


def _add_norm_(x, residual, weight, epsilon):
    total = x + residual
    x.copy_(norm(total, weight, epsilon))
    residual.copy_(total)


define(
    "add_norm_(Tensor(a!) x, Tensor(b!) residual, Tensor weight, float epsilon) -> ()",
    _add_norm_,
    lambda *a: None,
)


def _add_norm_quant(q, x, weight, scale, epsilon, residual, scratch, group):
    assert scratch.shape == x.shape
    total = x + residual
    new_q, new_scale = quant(norm(total, weight, epsilon).to(x.dtype), group)
    residual.copy_(total)
    q.copy_(new_q)
    scale.copy_(new_scale)


define(
    "add_norm_quant(Tensor(a!) q, Tensor x, Tensor weight, Tensor(b!) scale, float epsilon, Tensor(c!) residual, "
    "Tensor(d!) scratch, int group) -> ()",
    _add_norm_quant,
    lambda *a: None,
)


def _bytes_quant(x, q, scale, weight, epsilon, group):
    """Writes float32 scales into a buffer that it is given as bytes."""
    new_q, new_scale = norm_quant(x, weight, epsilon, group)
    q.copy_(new_q)
    scale.copy_(new_scale.contiguous().view(torch.uint8))


define(
    "norm_quant_bytes(Tensor x, Tensor(a!) q, Tensor(b!) scale, Tensor weight, float epsilon, int group) -> ()",
    _bytes_quant,
    lambda *a: None,
)
define(
    "norm_quant_like(Tensor x, Tensor like, Tensor weight, float epsilon, *, int group) -> (Tensor, Tensor)",
    lambda x, like, weight, epsilon, group: norm_quant(x, weight, epsilon, group),
    lambda x, like, weight, epsilon, group: norm_quant_fake(x, weight, epsilon, group),
)


def _quant_into(x, q, scale, weight, epsilon, group):
    new_q, new_scale = norm_quant(x, weight, epsilon, group)
    q.copy_(new_q)
    scale.copy_(new_scale)


define(
    "norm_quant_out(Tensor x, Tensor(a!) q, Tensor(b!) scale, Tensor weight, float epsilon, int group) -> ()",
    _quant_into,
    lambda *a: None,
)


def _tagged_out(x, weight, epsilon, group, *, q, scale):
    _quant_into(x, q, scale, weight, epsilon, group)
    return q, scale


define(
    "norm_quant_tagged.out(Tensor x, Tensor weight, float epsilon, int group, *, Tensor(a!) q, Tensor(b!) scale) "
    "-> (Tensor(a!), Tensor(b!))",
    _tagged_out,
    lambda x, weight, epsilon, group, *, q, scale: (q, scale),
    tags=OUT_TAGS,
)
OPS = getattr(torch.ops, NAMESPACE)
