"""Leading dims that a rewrite may merge or split: which ops commute with that.

In: the left side's block and its ops. Out: whether views may be put around the calls that replace it.
"""

from __future__ import annotations

from collections.abc import Mapping

from patdsl.expr import Lit, Star
from patdsl.op_table import Block, Const, Op, Param, Step, Tensor

#: Predeclared ops that leave every dim but one alone, which is the last where they say `-1`.
LAST_DIM_OPS = frozenset({"split", "chunk", "slice"})


def takes_fixed_rank(param: Param) -> bool:
    """Is the parameter declared with two or more dims, and no `*B` among them?"""
    return (
        isinstance(param.type, Tensor)
        and len(param.type.dims) > 1
        and not any(isinstance(dim, Star) for dim in param.type.dims)
    )


def views_allowed(left: Block, table: Mapping[str, Op]) -> bool:
    """May the rewrite merge or split leading dims around its calls?

    Only where every op on the left commutes with that: declared over a leading `*B`, over a fixed rank that
    leaves no choice, or a split or slice of the last dim. Of any other op with an untyped tensor nothing is
    known.
    """
    return all(
        isinstance(step, Step)
        and (
            all(_leaves_leading_dims(param) for param in table[step.op].params)
            or (step.op in LAST_DIM_OPS and dict(step.operands).get("dim") == Const(Lit(-1)))
        )
        for step in left.steps
    )


def _leaves_leading_dims(param: Param) -> bool:
    if not param.is_tensor:
        return True
    return isinstance(param.type, Tensor) and not any(isinstance(dim, Star) for dim in param.type.dims[1:])
