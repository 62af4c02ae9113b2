"""Passes and ops registered from several threads and processes at once: nothing lost, nothing doubled, one identity."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import faulty
import pytest
from runtime_models import bf16, norm_quants, traced
from runtime_specs import spec

from patdsl.library import rms_norm_quant
from patdsl.runtime import Chain, FusionPass, torch_api

THREADS = 8


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """What `work` gives in each of several threads that begin together."""
    results: list[Any] = [None] * threads
    start = threading.Barrier(threads)

    def run(at: int) -> None:
        start.wait()
        try:
            results[at] = work(at)
        except Exception as error:
            results[at] = error

    running = [threading.Thread(target=run, args=(at,)) for at in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join(60)
    return results


@pytest.fixture(autouse=True)
def _switch_often() -> Any:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def registered(chain: Chain) -> Counter[str]:
    """How many entries torch holds, by pattern and target."""
    return Counter(
        f"{entry.pattern.pattern.full_name} at {target}"
        for each in chain
        for (_, target), entries in each.patterns.items()
        for entry in entries
    )


def test_loading_in_threads() -> None:
    alone = rms_norm_quant.load(target="cpu")
    expected = registered(alone), alone.uuid()
    assert set(expected[0].values()) == {1}
    chains = at_once(lambda _: rms_norm_quant.load(target="cpu"))
    assert [(registered(each), each.uuid()) for each in chains] == [expected] * THREADS
    assert at_once(lambda _: alone.uuid()) == [expected[1]] * THREADS


def test_registering_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads register with one pass, which has nothing yet; then again, when it has everything."""
    real = torch_api.register_replacement

    def late(**arguments: Any) -> None:
        time.sleep(0.001)  # another thread's turn
        real(**arguments)

    monkeypatch.setattr(torch_api, "register_replacement", late)
    alone = rms_norm_quant.load(target="cpu")
    ((declared, register),) = rms_norm_quant.PASSES
    shared = FusionPass(declared, lambda patterns: None, target="cpu")
    for _ in range(2):
        assert at_once(lambda _: register(shared)) == [None] * THREADS
        assert (registered(Chain([shared])), shared.uuid()) == (registered(alone), next(iter(alone)).uuid())


def test_one_pass_on_graphs_of_several_threads() -> None:
    """Each gets the count of its own graph, and the sum misses none."""
    graphs = [
        traced(norm_quants(*[None] * (at % 3 + 1)), bf16(6, 256), bf16(256)).graph for at in range(THREADS)
    ]
    fusion = FusionPass(spec(), target="cpu")
    assert at_once(lambda at: fusion.apply(graphs[at])) == [1] * THREADS
    assert sum(fusion.counts.values()) == THREADS


#: Several threads import the ops and register the kernels at once, in a process where nothing is imported yet.
IMPORTING = """
import json, sys, threading, time
import torch
sys.setswitchinterval(1e-5)
calls = []
real = torch.library.Library.impl
def impl(self, name, *more, **kwargs):
    if self.ns == "patdsl":
        calls.append(f"{name} {more}")
        time.sleep(0.001)  # another thread's turn
    return real(self, name, *more, **kwargs)
torch.library.Library.impl = impl
start = threading.Barrier(8)
seen = []
def work():
    start.wait()
    import patdsl.register_ops
    from patdsl.kernels import bind
    bind.register()
    ops = patdsl.register_ops
    seen.append(sorted(name for name in ops.OPS if ops.runs_on(name, "cuda") == "kernel"))
threads = [threading.Thread(target=work) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join(60)
from patdsl.kernels import bind
print(json.dumps([calls, seen, sorted(bind.kernels())]))
"""


def test_ops_and_kernels_in_threads_of_several_processes() -> None:
    running = [faulty.start([sys.executable, "-W", "error", "-c", IMPORTING]) for _ in range(2)]
    for code, out, err in map(faulty.finished, running):
        assert code == 0, err
        calls, seen, kernels = json.loads(out)
        assert max(Counter(calls).values()) == 1
        assert seen == [kernels] * THREADS
