"""Decoder blocks of torch.nn modules, compiled: what fires is what the options say, and the results are right."""

from __future__ import annotations

from collections import Counter
from random import Random

import attrs
import block_check
import pytest
from block_check import check_graph, check_inductor
from block_model import Block, block
from block_options import Norm, Options, expected, random_options
from block_shrink import PLAIN
from oracle_mutants import MUTANTS, broken

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


READ_BY_OTHERS = attrs.evolve(PLAIN, first=Norm("op", 0.3, quant="token", third="live"))


def test_an_engine_that_overlooks_a_reader_is_noticed() -> None:
    """The smaller fused op, without the norm among its results, fires as well as the right one."""
    mutant = next(each for each in MUTANTS if each.title == "other users do not matter")
    assert not check_graph(READ_BY_OTHERS, 0)
    with broken(mutant):
        assert any("matches, expected" in each for each in check_graph(READ_BY_OTHERS, 0))


def test_another_epsilon_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(options: Options, seed: int, rounds: bool = False) -> Block:
        made = block(options, seed, rounds)
        made.first.epsilon = 0.29 if rounds else 0.3
        return made

    monkeypatch.setattr(block_check, "block", off)
    assert any("differs" in each for each in check_graph(READ_BY_OTHERS, 0))
