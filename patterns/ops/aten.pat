# The aten ops that passes meet, as Inductor hands them to a post-grad pass. Every file sees these names.
# `tensor` says nothing of dtype and shape: such values get their type from the graph, or from the shape rule of the op's name.

# Free: they move or describe data, or vanish in what follows.

op split(x: tensor, sizes: int[], dim: int = 0) -> (parts: tensor[])
  = aten::split_with_sizes
  | aten::split.Tensor(x, sizes, dim)
  free

op chunk(x: tensor, chunks: int, dim: int = 0) -> (parts: tensor[])
  = aten::chunk
  free

op slice(x: tensor, dim: int, start: int, end: int) -> (y: tensor)
  = aten::slice.Tensor
  free

op expand(x: tensor, dims: int[]) -> (y: tensor)
  = aten::expand
  free

op unsqueeze(x: tensor, dim: int) -> (y: tensor)
  = aten::unsqueeze
  free

op squeeze(x: tensor, dim: int) -> (y: tensor)
  = aten::squeeze.dim
  free

op permute(x: tensor, dims: int[]) -> (y: tensor)
  = aten::permute
  free

op bitcast(x: tensor, to_dtype: dtype) -> (y: tensor)
  = aten::view.dtype
  free

op zeros_like(x: T[*B]) -> (y: T[*B])
  = aten::zeros_like
  | aten::full_like(x, 0)
  free

# Costly

op to(x: T[*B], to_dtype: dtype) -> (y: to_dtype[*B])
  = prims::convert_element_type
  | aten::_to_copy(x, dtype=to_dtype)
  | aten::to.dtype

op add(x: tensor, other: tensor) -> (y: tensor)
  = aten::add.Tensor
  | aten::add.Scalar
  commutative

op sub(x: tensor, other: tensor) -> (y: tensor)
  = aten::sub.Tensor
  | aten::sub.Scalar

op mul(x: tensor, other: tensor) -> (y: tensor)
  = aten::mul.Tensor
  | aten::mul.Scalar
  commutative

op div(x: tensor, other: tensor) -> (y: tensor)
  = aten::div.Tensor
  | aten::div.Scalar

op pow(x: tensor, exponent: float) -> (y: tensor)
  = aten::pow.Tensor_Scalar

op neg(x: T[*B]) -> (y: T[*B])
  = aten::neg

op abs(x: T[*B]) -> (y: T[*B])
  = aten::abs

op exp(x: T[*B]) -> (y: T[*B])
  = aten::exp

op rsqrt(x: T[*B]) -> (y: T[*B])
  = aten::rsqrt

op reciprocal(x: T[*B]) -> (y: T[*B])
  = aten::reciprocal

op sigmoid(x: T[*B]) -> (y: T[*B])
  = aten::sigmoid

op relu(x: T[*B]) -> (y: T[*B])
  = aten::relu

# Inductor decomposes it, in f32 for the shorter dtypes.
op silu(x: T[*B]) -> (y: T[*B])
  = aten::silu
  | { y = div(x, add(exp(neg(x)), 1)) }
  | {
      x32 = to(x, f32)
      y   = to(div(x32, add(exp(neg(x32)), 1)), T)
    }

op clamp(x: T[*B], min: float? = none, max: float? = none) -> (y: T[*B])
  = aten::clamp
  | aten::clamp_min(x, min)
  | aten::clamp_max(x, max)

op mean(x: tensor, dims: int[], keepdim: bool = false) -> (y: tensor)
  = aten::mean.dim

op amax(x: tensor, dims: int[], keepdim: bool = false) -> (y: tensor)
  = aten::amax

op max(x: tensor, dim: int, keepdim: bool = false) -> (values: tensor, indices: tensor)
  = aten::max.dim

op cat(tensors: tensor[], dim: int = 0) -> (y: tensor)
  = aten::cat

op index(x: tensor, indices: tensor[]) -> (y: tensor)
  = aten::index.Tensor

op pad(x: tensor, pads: int[], value: float? = none) -> (y: tensor)
  = aten::constant_pad_nd(x, pads, value)

op mm(x: T[M, K], other: T[K, N]) -> (y: T[M, N])
  = aten::mm

op linear(x: T[*B, K], weight: T[N, K], bias: T[N]? = none) -> (y: T[*B, N])
  = aten::linear

op slice_scatter(x: T[*B], src: tensor, dim: int, start: int, end: int) -> (y: T[*B])
  = aten::slice_scatter

op clone(x: T[*B]) -> (y: T[*B])
  = aten::clone
