"""A page of the results of `decoder_stack.py`.

    python tests/bench/stack_report.py RESULTS.json PAGE.md

In: its JSON. Out: a Markdown page: the machine and the date, times and ratios of all batches, where the time goes, what
matched, how far the results are from the reference, and whether the goal was met. Needs no GPU and no torch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

GOAL, GOAL_BATCHES = 0.95, range(1, 65)
SIDES = ("off", "apart", "on")
SCHEMES = {
    "group": "groups of 128: activations 1 x 128, weights 128 x 128, scales by columns",
    "token": "a scale for each row of the activations and each output of the weights",
}
INTRODUCTION = """\
One decode step through {layers} layers, each with weights and a latent cache of its own, in a CUDA graph; microseconds
a layer. The layer is that of one of eight tensor-parallel GPUs: hidden {hidden}, {heads} of 128 heads, q_lora
{q_lora}, kv_lora {kv_lora}, a dense MLP of {mlp} (an eighth of 18,432); bf16, fp8 products by `torch._scaled_mm`,
attention in its absorbed form over {context} tokens for each row, by torch. Not in it: the sums over GPUs, the indexer,
routed experts, the embedding and the head.

- `off`: the layer in plain torch, which Inductor fuses.
- `apart`: each op its own kernel, all of them ours, the passes not applied.
- `on`: with the passes.

The sides are replayed in turn, 5 rounds with graphs of their own and 40 replays of each side in a round; a time is the
median of the rounds' medians, and the range of a ratio is over the rounds. Before each replay something else fills the
L2 cache."""
PROFILE = """\
Microseconds a layer of one replay under torch's profiler, whose sum is not that of the times above. A kernel counts
from the end of the one in front, as ours begin before that and wait. *Norms to rope*: norms, quantisations, activation,
rotary embedding, cache writes, and copies that Inductor makes with them. *Attention*: its bf16 products, also those of
the absorbed form, and the softmax. In parentheses: kernels."""


def page(content: dict[str, Any]) -> str:
    machine = content["machine"]
    parts = [
        "# A stack of decoder layers",
        f"{machine['device']}, {content['date']}: torch {machine['torch']}, CUDA {machine['cuda']}. Clocks as found.",
        INTRODUCTION.format(layers=content["layers"], **content["sizes"]),
    ]
    parts += [f"Left out: {SCHEMES[scheme]}: {reason}" for scheme, reason in content["left_out"].items()]
    for scheme in dict.fromkeys(line["scheme"] for line in content["results"]):
        lines = sorted(
            (line for line in content["results"] if line["scheme"] == scheme), key=lambda line: line["batch"]
        )
        parts += [f"## Scales: {SCHEMES[scheme]}", goal(lines), table(TIMES, map(_time_row, lines))]
        if any(line["rows"] != line["batch"] for line in lines):
            parts.append("Batches are filled up to whole fours, which cuBLAS asks for with these scales.")
        if profiled := [line for line in lines if line.get("profile")]:
            parts += ["### Where the time goes", PROFILE]
            kinds = list(profiled[0]["profile"]["on"]["us"])
            parts.append(
                table(
                    ("batch", "side", *kinds),
                    (row for line in profiled for row in _profile_rows(line, kinds)),
                )
            )
        parts += [
            "### What matched",
            _matches(lines),
            "### Results",
            table(DISTANCES, map(_distance_row, lines)),
        ]
        parts += [f"- batch {line['batch']}: {fault}" for line in lines for fault in line["faults"]]
    if content["errors"]:
        parts += ["## Errors", "\n".join(f"- {error}" for error in content["errors"])]
    return "\n\n".join(parts) + "\n"


TIMES = ("batch", "rows", *SIDES, "on / off", "range", "on / apart")
DISTANCES = ("batch", *(f"{name} {side}" for name in ("hidden", "residual") for side in SIDES))


def goal(lines: Sequence[dict[str, Any]]) -> str:
    """Whether the time falls by 5 % at batches 1 to 64."""
    asked = [line for line in lines if line["batch"] in GOAL_BATCHES]
    missed = [str(line["batch"]) for line in asked if ratio(line["times"], "on", "off") > GOAL]
    text = f"Goal: at batches 1 to 64 at least {1 - GOAL:.0%} less time with the passes on than off"
    return f"{text}: {'missed at ' + ', '.join(missed) if missed else f'met at all {len(asked)} measured'}."


def ratio(times: dict[str, float], side: str, other: str) -> float:
    return times[side] / times[other]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))


def _time_row(line: dict[str, Any]) -> list[str]:
    times = line["times"]
    ratios = sorted(ratio(each, "on", "off") for each in line["rounds"])
    return [
        str(line["batch"]),
        str(line["rows"]),
        *(f"{times[side]:.1f}" for side in SIDES),
        f"{ratio(times, 'on', 'off'):.3f}",
        f"{ratios[0]:.3f} to {ratios[-1]:.3f}",
        f"{ratio(times, 'on', 'apart'):.3f}",
    ]


def _profile_rows(line: dict[str, Any], kinds: Sequence[str]) -> Iterator[list[str]]:
    for side in SIDES:
        found = line["profile"][side]
        cells = []
        for kind in kinds:
            count = found["kernels"].get(kind)
            cells.append(f"{found['us'][kind]:.1f}" + (f" ({count:g})" if count is not None else ""))
        yield [str(line["batch"]), side, *cells]


def _matches(lines: Sequence[dict[str, Any]]) -> str:
    """A layer's matches; of each batch where they are not the same."""
    texts = {
        line["batch"]: ", ".join(f"{count} `{name}`" for name, count in line["matches"].items())
        for line in lines
    }
    if len(set(texts.values())) == 1:
        return f"In each layer: {next(iter(texts.values()))}."
    return "\n".join(f"- batch {batch}: {text}" for batch, text in texts.items())


def _distance_row(line: dict[str, Any]) -> list[str]:
    found = line["distances"]
    return [
        str(line["batch"]),
        *(f"{found[side][name]:.4f}" for name in ("hidden", "residual") for side in SIDES),
    ]


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(page(json.loads(source.read_text())))
