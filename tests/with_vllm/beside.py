"""A pytest plugin: each graph of vLLM's own pass tests goes to vLLM's pass and, as a copy, to ours.

    pytest -p simplugin -p beside ...      counts of both, one JSON line a test, appended to $PATDSL_BESIDE
    PATDSL_BESIDE_MODE=instead pytest ...  ours in the place of vLLM's, so that the test judges what ours computes

Without the stand-ins (`simplugin`) it runs on plain CPU, where a part of vLLM's passes can be imported.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

MODE = os.environ.get("PATDSL_BESIDE_MODE", "counts")
INSTEAD = MODE == "instead"
#: The fused passes of vLLM stand in modules of this package.
FUSION = "vllm.compilation.passes.fusion."
current: dict[str, Any] = {}


class CountedError(Exception):
    """Ends a test whose graph has been seen: what Inductor would make of it is not of interest."""


def pytest_configure() -> None:
    from tests.compile.backend import LazyInitPass, TestBackend
    from vllm.config import get_current_vllm_config

    from patdsl.vllm.passes import passes_for

    def is_fusion(each: Any) -> bool:
        return (each.pass_cls if isinstance(each, LazyInitPass) else type(each)).__module__.startswith(FUSION)

    def post_pass(self: Any, graph: Any) -> None:
        self.graph_pre_pass = deepcopy(graph)
        row = {"theirs": Counter(), "ours": Counter(), "refused": [], "error": None}
        current.setdefault("graphs", []).append(row)
        looked = False
        for each in self.custom_passes:
            if not is_fusion(each):
                each(graph)
                continue
            if not looked:
                looked = True
                chain = passes_for(get_current_vllm_config())
                try:
                    ours = graph if INSTEAD else deepcopy(graph)
                    chain(ours)
                except Exception as error:  # recorded: a crash is a result
                    row["error"] = f"{type(error).__name__}: {error}"
                row["ours"].update(chain.last_counts)
                row["refused"] = [str(refusal) for report in chain.report().passes for refusal in report.refusals]
                total = sum(chain.last_counts.values())
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

    TestBackend.post_pass = post_pass


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    current.clear()
    current["graphs"] = []
    current["outcome"] = "skipped"
    yield
    with Path(os.environ["PATDSL_BESIDE"]).open("a") as out:
        print(json.dumps({"test": item.nodeid, **current}), file=out)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome == "failed":
        current["outcome"] = report.outcome
        if report.outcome == "failed":
            current["why"] = report.longreprtext.splitlines()[-1] if report.longreprtext else ""
            current["why_lines"] = [l for l in report.longreprtext.splitlines() if l.startswith("E")][:4]
    elif report.when == "setup" and report.outcome == "skipped":
        current["why"] = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
