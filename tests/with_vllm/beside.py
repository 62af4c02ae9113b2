"""A pytest plugin: each graph of vLLM's own pass tests goes to vLLM's pass and, as a copy, to ours.

    pytest -p simplugin -p beside ...      counts of both, one JSON line a test, appended to $PATDSL_BESIDE
    PATDSL_BESIDE_MODE=instead pytest ...  ours in the place of vLLM's, so that the test judges what ours computes

Without the stand-ins (`simplugin`) it runs on plain CPU, where a part of vLLM's passes can be imported.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from standins import disable_vllm_compile_cache, dist_init, install, workspace_init  # noqa: F401
from torch import fx

MODE = os.environ.get("PATDSL_BESIDE_MODE", "counts")
INSTEAD = MODE == "instead"
#: The fused passes of vLLM stand in modules of this package.
FUSION = "vllm.compilation.passes.fusion."
current: dict[str, Any] = {}


def _inferring(test: Any) -> Any:
    @functools.wraps(test)
    def inferring(*args: Any, **kwargs: Any) -> Any:
        with torch.inference_mode():
            return test(*args, **kwargs)

    return inferring


def _sample(items: list[pytest.Item], most: int) -> list[pytest.Item]:
    """At most so many cases of each test, evenly chosen."""
    by_test: dict[str, list[pytest.Item]] = {}
    for item in items:
        by_test.setdefault(item.nodeid.split("[")[0], []).append(item)
    return [
        cases[at * len(cases) // min(most, len(cases))]
        for cases in by_test.values()
        for at in range(min(most, len(cases)))
    ]


class CountedError(Exception):
    """Ends a test whose graph has been seen: what Inductor would make of it is not of interest."""


def pytest_configure() -> None:
    install()
    from tests.compile.backend import LazyInitPass, TestBackend
    from vllm.config import get_current_vllm_config

    from patdsl.vllm import hosts
    from patdsl.vllm.passes import chain_for

    def is_fusion(each: Any) -> bool:
        return (each.pass_cls if isinstance(each, LazyInitPass) else type(each)).__module__.startswith(FUSION)

    def chain_of(peer: Any) -> Any:
        """All passes, for few tokens: a pass of vLLM that is called here was not asked whether it applies either."""
        kind = peer.pass_cls if isinstance(peer, LazyInitPass) else type(peer)
        hosts._MAKERS["transformers_backend"] = lambda config: kind.__module__.endswith("add_rms_fusion")
        chain = chain_for(get_current_vllm_config(), {"passes": "all"})
        for each in chain:
            each.compile_for(1, 1)
        return chain

    def post_pass(self: Any, graph: Any) -> None:
        self.graph_pre_pass = deepcopy(graph)
        row = {"theirs": Counter(), "ours": Counter(), "refused": [], "error": None, "generated": {}}
        current.setdefault("graphs", []).append(row)
        looked = False
        for each in self.custom_passes:
            if not is_fusion(each):
                each(graph)
                continue
            if not looked:
                looked = True
                if os.environ.get("PATDSL_BESIDE_GRAPHS"):
                    with Path(os.environ["PATDSL_BESIDE_GRAPHS"]).open("a") as out:
                        print(
                            current.get("test"),
                            graph,
                            {
                                n.name: str(n.meta.get("val"))[:150]
                                for n in graph.nodes
                                if n.op == "placeholder"
                            },
                            sep="\n",
                            file=out,
                        )
                chain = chain_of(each)
                try:
                    ours = graph if INSTEAD else deepcopy(graph)
                    chain(ours)
                except Exception as error:  # recorded: a crash is a result
                    row["error"] = f"{type(error).__name__}: {error}"
                row["ours"].update(chain.last_counts)
                row["refused"] = [
                    str(refusal) for report in chain.report().passes for refusal in report.refusals
                ]
                total = sum(chain.last_counts.values())
                if os.environ.get("PATDSL_BESIDE_GENERATED"):
                    row["generated"] = generated_beside(fx.GraphModule(graph.owning_module, deepcopy(graph)))
            name = (each.pass_cls if isinstance(each, LazyInitPass) else type(each)).__name__
            if INSTEAD:
                target = each
                if isinstance(each, LazyInitPass):
                    target = each.pass_ = each.pass_cls(each.vllm_config)
                target.matched_count = total
            else:
                each(graph)
                target = each.pass_ if isinstance(each, LazyInitPass) else each
                row["theirs"][name] += target.matched_count
        self.graph_post_pass = deepcopy(graph)
        self.final_graph = graph
        if MODE == "counts" and looked:
            raise CountedError

    def generated_beside(module: Any) -> dict[str, int]:
        """What the modules made for vLLM match in a graph."""
        from generated import generated_passes

        theirs = {}
        for name, each in generated_passes(get_current_vllm_config()).items():
            each(module.graph)
            theirs[name] = each.matched_count
        return theirs

    TestBackend.post_pass = post_pass


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that vLLM skips everywhere run too: their models are there."""
    for item in items:
        if any(each.name == "skip" for each in item.own_markers):
            item.obj = _inferring(
                item.obj
            )  # what its model would do with gradients is not what vLLM compiles
        item.own_markers = [each for each in item.own_markers if each.name != "skip"]
    most = int(os.environ.get("PATDSL_BESIDE_SAMPLE", "0"))
    if most:
        items[:] = _sample(items, most)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    current.clear()
    current["graphs"] = []
    current["test"] = item.nodeid
    current["outcome"] = "skipped"
    yield
    with Path(os.environ["PATDSL_BESIDE"]).open("a") as out:
        print(json.dumps(current), file=out)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome == "failed":
        current["outcome"] = report.outcome
        if report.outcome == "failed":
            current["why"] = report.longreprtext.splitlines()[-1] if report.longreprtext else ""
            current["why_lines"] = [
                line for line in report.longreprtext.splitlines() if line.startswith("E")
            ][:4]
    elif report.when == "setup" and report.outcome == "skipped":
        current["why"] = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
