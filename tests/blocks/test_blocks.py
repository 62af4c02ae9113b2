"""Decoder blocks of torch.nn modules, compiled: what fires is what the options say, and the results are right."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import torch
from block_check import check_graph, check_inductor, passes
from block_model import block, inputs
from block_options import Options, expected, norms, random_options
from fusing import compiled

GRAPHS = range(8)
THROUGH_INDUCTOR = (1, 6, 14)


def options_of(seed: int) -> Options:
    return random_options(Random(seed))  # noqa: S311 (a case is its seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", GRAPHS)
def test_the_graph_of_a_block(seed: int) -> None:
    options = options_of(seed)
    assert not check_graph(options, seed), options


@pytest.mark.slow
@pytest.mark.parametrize("seed", THROUGH_INDUCTOR)
def test_a_block_in_inductor(seed: int) -> None:
    options = options_of(seed)
    assert not check_inductor(options, seed), options


def test_the_options_reach_every_fusion() -> None:
    """Also those of few blocks, and blocks in which nothing is to be fused."""
    wanted = [expected(options_of(seed)) for seed in range(2000)]
    counts = Counter[str](name for each in wanted for name in each)
    assert min(counts.values()) >= 10, counts
    assert counts.keys() >= {"rms_norm_mx_quant", "add_rms_norm_group_quant_keep", "gelu_mul_token_quant"}
    assert any(not each for each in wanted)


@torch.no_grad()
def test_a_wrong_epsilon_is_noticed() -> None:
    """The check compares bits: what another epsilon changes is seen in the results."""
    options = options_of(1)
    assert norms(options)[0][0].epsilon == 0.3
    module = block(options, 1)
    right = compiled(module, *inputs(options, 1), passes=passes()).results
    module.first.epsilon = 0.2
    wrong = compiled(module, *inputs(options, 1), passes=passes()).results
    assert not torch.equal(right[0], wrong[0])
