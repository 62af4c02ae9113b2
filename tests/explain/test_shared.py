"""What passes share in a graph changes nothing of what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from explain_growth import patterns_of, text_of
from printed_cases import read_all, read_text

from patdsl.explain.look import Looked, look
from patdsl.explain.printed import PRINTED
from patdsl.explain.shared import Shared, words_in
from patdsl.locate import library_folder
from patdsl.match.context import Context
from patdsl.printed.schemas import Schemas
from patdsl.printed.view import PrintedView
from patdsl.runtime.hosts import host_values
from patdsl.runtime.resolve import resolve_pass

LOGS = Path(__file__).parent / "logs"


class Alone(Shared):
    """Shares nothing between passes."""

    def of(self, context: Context) -> Any:
        return Shared(self.view).of(context)


def described(looked: Looked) -> list[Any]:
    return [
        (
            each.pass_name,
            each.pattern.full_name,
            each.at.name,
            each.matched,
            [node.name for node in each.nodes],
            each.cause
            and (
                each.cause.kind,
                each.cause.message,
                each.cause.step,
                [node.name for node in each.cause.nodes],
            ),
        )
        for each in looked.verdicts
    ] + [(each.pass_name, each.pattern.full_name, each.reason) for each in looked.absent]


@pytest.mark.parametrize(
    "graph", ["many_layers", "model_cpu/trace.log", "post_grad_static.log", "trace_dynamic"]
)
@pytest.mark.parametrize("target", ["cpu", "gfx942", "sm_90"])
def test_the_whole_library(graph: str, target: str, tmp_path: Path) -> None:
    patterns = patterns_of(sorted(library_folder().rglob("*.pat")))
    ops = {name: op for spec in patterns.passes for name, op in spec.ops.items()}
    passes = {
        spec.name: resolve_pass(spec, target, host_values([spec], None), process=PRINTED)
        for spec in patterns.passes
    }
    printed = read_text(text_of(100), tmp_path) if graph == "many_layers" else next(read_all(LOGS / graph))
    together, alone = (look(kind(PrintedView(printed, Schemas(ops))), passes) for kind in (Shared, Alone))
    assert together.verdicts
    assert described(together) == described(alone)


def test_the_words_of_a_value() -> None:
    assert words_in(({"a": ("b", 1)}, frozenset({"c"}), [None, "d"])) == {"a", "b", "c", "d"}
