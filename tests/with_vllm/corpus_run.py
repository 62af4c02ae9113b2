"""Runs the passes for vLLM over the corpus, one JSON line for each shape.

    python tests/with_vllm/corpus_run.py [NAME ...]

Without vLLM the graphs are also run, as they were and rewritten, and the results compared bit by bit. With it (and the
stand-ins for a ROCm machine, found by `VLLM_LAB`) vLLM's own passes get a copy of each graph.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import attrs
import corpus_peer
import torch
from corpus_ops import WITH_VLLM
from corpus_stand_ins import caches, define
from graph_shapes import INPUTS, PER_TOKEN, SHAPES, Shape
from torch.fx import Graph, GraphModule

import patdsl.register_ops  # noqa: F401
from patdsl.runtime.chain import Chain
from patdsl.runtime.preference import use_preference
from patdsl.selftest.run_graph import difference
from patdsl.vllm.hosts import LayerSupport
from patdsl.vllm.passes import specs
from patdsl.vllm.written_parts import read_written_parts

SUPPORTED = dict.fromkeys(
    ("rope_kvcache", "qk_norm_rope_kvcache", "quant_fp8_static", "quant_fp8_group"), True
)
HOSTS = {
    "tp_size": 2,
    "tp_group": "tp:0",
    "rope_kv_max_tokens": 2**20,
    "ar_max_tokens": 2**20,
    "ar_quant": True,
    "transformers_backend": False,
    "supports": LayerSupport({"one": SUPPORTED, "two": SUPPORTED}),
}
#: Patterns that say that a result may lie in memory in another way.
RESTRIDING = {pattern.name for spec, _ in specs() for pattern in spec.patterns if pattern.restride}


class SeenError(Exception):
    """Ends a compilation whose graph has been seen."""


@attrs.define
class Row:
    shape: str
    ours: dict[str, int] = attrs.Factory(dict)
    error: str = ""
    differs: str = ""
    theirs: dict[str, int] | None = None
    their_error: str = ""


def main(names: list[str]) -> None:
    if WITH_VLLM:
        corpus_peer.prepare()
    else:
        define()
    for at, shape in enumerate(SHAPES, 1):
        if not names or shape.name in names:
            print(f"\r{at} of {len(SHAPES)} shapes", end="", file=sys.stderr, flush=True)
            print(json.dumps(attrs.asdict(looked_at(shape))), flush=True)


def looked_at(shape: Shape) -> Row:
    chance = torch.Generator().manual_seed(0)
    inputs = [INPUTS[name](chance) for name in shape.inputs]
    row = Row(shape.name)
    for name, each in zip(shape.inputs, inputs, strict=True):
        if shape.symbolic and name in PER_TOKEN:
            torch._dynamo.mark_dynamic(each, 0)

    def see(gm: GraphModule) -> Callable[..., Any]:
        before = deepcopy(gm)
        if WITH_VLLM:
            try:
                row.theirs = corpus_peer.their_matches(shape.family, deepcopy(gm).graph)
            except Exception as error:  # a crash is a result
                row.their_error = f"{type(error).__name__}: {error}".splitlines()[0]
        chain = passes()
        try:
            read_written_parts(gm.graph)
            chain(gm.graph)
            gm.graph.lint()
        except Exception as error:
            row.error = f"{type(error).__name__}: {error}"
        row.ours = dict(+chain.last_counts)
        if WITH_VLLM or row.error:
            raise SeenError
        gm.recompile()

        def run(*args: Any) -> Any:
            row.differs = different(before, gm, args, bool(RESTRIDING.intersection(row.ours)))
            return before(*args)

        return run

    try:
        captured(shape.model, see)(*inputs)
    except SeenError:
        pass
    except Exception as error:
        if not isinstance(getattr(error, "inner_exception", error), SeenError):
            raise
    return row


def passes() -> Chain:
    """Every pass for vLLM on gfx950, of few tokens; without vLLM's kernels, which compute a little otherwise."""
    with use_preference("patdsl"):
        chain = Chain.build(specs(), hosts=HOSTS, target="gfx950")
    for each in chain:
        each.compile_for(1, 1)
    return chain


def captured(
    model: Callable[..., Any], see: Callable[[GraphModule], Callable[..., Any]]
) -> Callable[..., Any]:
    """The model compiled as far as vLLM's passes are called, where `see` gets the graph and gives what runs."""
    from torch._inductor import config
    from torch._inductor.compile_fx import compile_fx
    from torch._inductor.fx_passes.post_grad import post_grad_passes, view_to_reshape

    def inner(gm: GraphModule, example_inputs: Any, **options: Any) -> Any:
        def at_the_passes(graph: Graph) -> None:
            made.append(see(deepcopy(gm)))

        made: list[Callable[..., Any]] = []
        with config.patch(post_grad_custom_post_pass=at_the_passes):
            view_to_reshape(gm)
            post_grad_passes(gm, True)
        return made[0]

    def backend(gm: GraphModule, inputs: list[Any]) -> Any:
        return compile_fx(gm, inputs, inner_compile=inner)

    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend=backend)

    def call(*inputs: Any) -> Any:
        with torch.inference_mode(), config.patch(enable_auto_functionalized_v2=False):
            return compiled(*inputs)

    return call


def different(before: GraphModule, after: GraphModule, args: tuple[Any, ...], restrided: bool) -> str:
    """How what comes out, or what is in the inputs afterwards, differs."""
    results = []
    for gm in (before, after):
        caches.clear()
        given = [each.clone() if isinstance(each, torch.Tensor) else each for each in args]
        results.append([*gm(*given), *given])
    assert len(results[0]) == len(results[1])
    for at, (expected, found) in enumerate(zip(*results, strict=True)):
        if isinstance(expected, torch.Tensor):
            told = difference(
                *((found, expected) if not restrided else (found.contiguous(), expected.contiguous()))
            )
            if told:
                return f"result {at}: {told}"
    return ""


if __name__ == "__main__":
    main(sys.argv[1:])
