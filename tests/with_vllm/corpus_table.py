"""The table of docs/vllm_corpus.md: our passes and vLLM's on the shapes of the corpus.

    VLLM_LAB=... PATDSL_VLLM_PYTHON=... python tests/with_vllm/corpus_table.py > docs/vllm_corpus.md

Runs the corpus in this Python, where the graphs are run, too, and in the one with vLLM; progress goes to stderr.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from corpus_results import Rows, fits, with_vllm, without_vllm
from graph_shapes import SHAPES, Shape

FAMILIES = {
    "norm": "norm, quantisation",
    "add_norm": "residual, norm, quantisation",
    "act": "silu(gate) * up, quantisation",
    "mla": "the two norms of latent attention",
    "qk_norm_rope": "norms of q and k, rotary embedding",
    "rope_kv": "rotary embedding, write to the cache",
    "mla_rope_kv": "the same of latent attention",
    "attn_quant": "attention, quantisation",
    "allreduce": "all-reduce, norm, quantisation",
    "pad": "norm, padding",
}


def main() -> None:
    with ThreadPoolExecutor(2) as pool:
        alone = pool.submit(without_vllm)
        beside = pool.submit(with_vllm, os.environ["PATDSL_VLLM_PYTHON"], os.environ["VLLM_LAB"])
        print("\n".join(page(alone.result(), beside.result())))


def page(alone: Rows, beside: Rows) -> list[str]:
    return [
        "# Graph shapes of our own devising",
        "",
        "Made by `tests/with_vllm/corpus_table.py` in one run, with vLLM 0.32.0 as a ROCm build for gfx950 whose",
        "kernels are stand-ins. A shape is a small function of `tests/with_vllm/graph_shapes.py`; what must match in",
        "it is worked out from what it means. Both get a copy of one graph, vLLM's behind the passes that prepare",
        "graphs for it. `bits` says whether the rewritten graph, run on a CPU, gave what the graph gave before, in",
        "every bit. An error of vLLM is one that would end the compilation; a match of vLLM where none is right stands",
        "as `wrong`.",
        "",
        "Where vLLM has no match in a whole family, do not read it as what vLLM does for a model: why not was not",
        "looked into. On the graphs of its own tests it matches, but for the padding",
        "([vllm_passes.md](vllm_passes.md)).",
        "",
        "| family | shapes | to match | patdsl | vLLM | not to match | patdsl | vLLM | errors of vLLM |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
        *families(beside),
        "",
        "| shape | what is special | expected | patdsl | bits | vLLM |",
        "| --- | --- | --: | --: | --- | --: |",
        *(row(each, alone[each.name], beside[each.name]) for each in SHAPES),
    ]


def families(beside: Rows) -> Iterator[str]:
    """Shapes, not matches: in how many everything is as it is to be."""
    for family, words in (*FAMILIES.items(), ("", "all")):
        own = [each for each in SHAPES if family in ("", each.family)]
        legal = [each for each in own if each.expected]
        illegal = [each for each in own if not each.expected]
        counts = (
            len(own),
            len(legal),
            sum(fits(beside[each.name]["ours"], each.expected) for each in legal),
            sum(total(beside[each.name]["theirs"]) >= total(each.expected) for each in legal),
            len(illegal),
            sum(bool(beside[each.name]["ours"]) for each in illegal),
            sum(total(beside[each.name]["theirs"]) > 0 for each in illegal),
            sum(bool(beside[each.name]["their_error"]) for each in own),
        )
        yield f"| {words} | {' | '.join(map(str, counts))} |"


def row(shape: Shape, alone: dict[str, Any], beside: dict[str, Any]) -> str:
    ours, theirs = total(beside["ours"]), total(beside["theirs"])
    told = (
        str(ours)
        if fits(beside["ours"], shape.expected)
        else f"{ours}: {', '.join(beside['ours']) or 'none'}"
    )
    said = beside["their_error"].split(":")[0] or (
        f"{theirs} wrong" if theirs and not shape.expected else theirs
    )
    bits = "differ" if alone["differs"] else "same"
    return f"| {shape.name} | {shape.why} | {total(shape.expected)} | {told} | {bits} | {said} |"


def total(counts: Any) -> int:
    return sum((counts or {}).values())


if __name__ == "__main__":
    main()
