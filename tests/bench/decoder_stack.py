"""A stack of DeepSeek-V3.2's decoder layers in CUDA graphs, with the passes and without, in one run.

    python tests/bench/decoder_stack.py OUT.json [--layers N] [--batches 1,2,4] [--schemes group,token] [--seconds S]

In: how many layers (each with weights and a cache of its own), batches, schemes of fp8 products, sizes. Out: JSON,
written after each batch, which `stack_report.py` makes a page of. What is modelled: `stack_model.py`. The sides: `off`,
plain torch that Inductor fuses; `apart`, each op its own kernel, no pass applied; `on`, with the passes. A scheme
that `torch._scaled_mm` does not have here, or has wrong, is left out, and the output says so. With `--device cpu` the
times are those of calls and mean nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "kernels" / "bench")]

import attrs  # noqa: E402
import stack_model as model  # noqa: E402
import stack_ops  # noqa: E402
import stack_time  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

import patdsl.reference  # noqa: E402, F401  registers the ops
from patdsl.bench.graph_time import GraphTimer  # noqa: E402
from patdsl.demo.load_library import load_library  # noqa: E402
from patdsl.demo.measure import Recorder  # noqa: E402
from patdsl.locate import library_folder  # noqa: E402
from patdsl.runtime import Chain  # noqa: E402
from patdsl.runtime.target import current_target  # noqa: E402

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ROWS_OF_GROUPS = 4  # cuBLAS takes scales of groups for a multiple of 4 rows
SCHEMES = ("group", "token")
SIDES = ("off", "apart", "on")
#: How much farther from the reference than Inductor's result, as a share of it and of the result.
FARTHER, BF16_STEP = 1.5, 2.0**-8
PRODUCT_ERROR = 2.0**-5  # of a right fp8 product, against fp32: tensor cores add fp8 products in fewer digits


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batches", type=_numbers, default=BATCHES)
    parser.add_argument("--schemes", type=_schemes, default=SCHEMES)
    parser.add_argument("--seconds", type=float, default=540.0, help="no batch is begun after this")
    parser.add_argument("--resume", action="store_true", help="keep what OUT.json has, and go on")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    for field in attrs.fields(model.Sizes):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    begin = time.monotonic()
    options = parse(arguments)
    sizes = model.Sizes(**{field.name: getattr(options, field.name) for field in attrs.fields(model.Sizes)})
    content: dict[str, Any] = {
        "machine": _machine(options.device),
        "date": datetime.date.today().isoformat(),
        "sizes": attrs.asdict(sizes),
        "layers": options.layers,
        "left_out": {},
        "results": [],
        "errors": [],
    }
    if options.resume and options.output.is_file():
        content = {**json.loads(options.output.read_text()), "errors": []}
    passes = load_library(library_folder()).passes
    assert passes is not None
    done = {(line["scheme"], line["batch"]) for line in content["results"]}
    timer = GraphTimer(print) if options.device == "cuda" else None
    for scheme in options.schemes:
        wanted = [batch for batch in options.batches if (scheme, batch) not in done]
        if not wanted or time.monotonic() - begin > options.seconds:
            continue
        weights = [model.make_weights(sizes, scheme, options.device, seed) for seed in range(options.layers)]
        reason = probe(weights[0], scheme, [rows_of(batch, scheme) for batch in wanted], options.device)
        if reason:
            content["left_out"][scheme] = reason
            print(f"{scheme}: left out: {reason}", flush=True)
            continue
        for batch in wanted:
            if time.monotonic() - begin > options.seconds:
                print("out of time: the rest is left for a run with --resume", flush=True)
                break
            bench = Bench(sizes, scheme, rows_of(batch, scheme), weights, options.device)
            try:
                line = {"scheme": scheme, "batch": batch, **bench.line(passes, timer)}
            except Exception as error:  # the other batches are still to be timed
                content["errors"].append(f"{scheme} {batch}: {type(error).__name__}: {error}"[:1000])
                print(content["errors"][-1], flush=True)
            else:
                content["results"].append(line)
                times = " ".join(f"{side} {line['times'][side]:.1f}" for side in SIDES)
                print(f"{scheme} {batch}: {times} us a layer [{time.monotonic() - begin:.0f} s]", flush=True)
                for fault in line["faults"]:
                    print(f"  {fault}", flush=True)
            _write(options.output, content)
    _write(options.output, content)
    return 0 if content["results"] and not content["errors"] else 1


def rows_of(batch: int, scheme: str) -> int:
    """A batch of groups is filled up to whole fours with further sequences."""
    return -(-batch // ROWS_OF_GROUPS) * ROWS_OF_GROUPS if scheme == "group" else batch


def probe(weights: model.Weights, scheme: str, rows: list[int], device: str) -> str | None:
    """Why the products of a scheme cannot be used here; None where all of them, at all sizes, are right."""
    ops = stack_ops.Exact(scheme)
    for name in model.Sizes().projections:
        matrix = getattr(weights, name)
        inputs = matrix.weight.shape[1]
        for count in rows:
            q, scale = ops.quantise(torch.randn(count, inputs, device=device).to(model.BF16))
            try:
                found = stack_ops.fp8_product(q, scale, *matrix).float()
                if device == "cuda":
                    torch.cuda.synchronize()
            except Exception as error:
                said = str(error).partition("\n")[0]
                return f"{name}, {count} rows of {inputs}: {type(error).__name__}: {said}"
            wanted = stack_ops.dequantised_product(q, scale, *matrix).float()
            if not (off := distance(found, wanted)) <= PRODUCT_ERROR:
                return f"{name}, {count} rows: {off:.3g} off fp32"
    return None


def distance(found: Tensor, wanted: Tensor) -> float:
    """The root mean square of the difference, as a share of that of `wanted`."""
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


class Stack:
    """Layers one after the other: `launch(index)` runs a layer on what the one in front gave."""

    def __init__(self, function: Callable[..., Any], bench: Bench) -> None:
        self.function, self.bench = function, bench
        self.state: tuple[Tensor, Tensor] = bench.input

    def launch(self, index: int) -> None:
        state = self.bench.input if index == 0 else self.state
        with torch.no_grad():
            self.state = self.function(
                self.bench.weights[index], self.bench.step, self.bench.caches[index], *state
            )

    def run(self) -> tuple[Tensor, Tensor]:
        for index in range(len(self.bench.weights)):
            self.launch(index)
        return self.state


class Bench:
    """One batch of one scheme."""

    def __init__(
        self, sizes: model.Sizes, scheme: str, rows: int, weights: list[model.Weights], device: str
    ) -> None:
        self.sizes, self.scheme, self.rows, self.weights, self.device = sizes, scheme, rows, weights, device
        self.step = model.make_step(sizes, rows, device)
        self.caches = [model.make_cache(sizes, rows, device, seed) for seed in range(len(weights))]
        self.input = model.make_input(sizes, rows, device, seed=len(weights))

    def line(self, passes: Chain, timer: GraphTimer | None) -> dict[str, Any]:
        """What was measured."""
        torch.compiler.reset()
        recorders = {side: Recorder(passes if side == "on" else None) for side in SIDES}
        ops: dict[str, Any] = dict.fromkeys(SIDES, stack_ops.Library(self.scheme))
        ops["off"] = stack_ops.Plain(self.scheme)
        stacks = {side: self.compiled(ops[side], recorders[side]) for side in SIDES}
        exact = Stack(self.layer(stack_ops.Exact(self.scheme)), self).run()
        results = {side: stacks[side].run() for side in SIDES}
        distances = {
            side: {
                name: distance(found, wanted)
                for name, found, wanted in zip(("hidden", "residual"), results[side], exact, strict=True)
            }
            for side in SIDES
        }
        layers = len(self.weights)
        launches = {side: stacks[side].launch for side in SIDES}
        rounds = (
            stack_time.graph_times(timer, launches, layers)
            if timer
            else stack_time.wall_times(launches, layers)
        )
        line: dict[str, Any] = {
            "rows": self.rows,
            "times": stack_time.summary(rounds),
            "rounds": rounds,
            "matches": dict(recorders["on"].matches),
            "ops": {side: dict(recorders[side].after) for side in SIDES},
            "distances": distances,
            "faults": self.faults(recorders, distances),
        }
        if timer:
            for side, found in results.items():
                if not all(map(torch.equal, found, stacks[side].state)):
                    line["faults"].append(f"{side}: the graph's results are not those of the calls")
            try:
                line["profile"] = self.profile(timer, stacks)
            except Exception as error:  # the times are there without it
                line["faults"].append(f"no profile: {type(error).__name__}: {error}"[:600])
        return line

    def compiled(self, ops: Any, recorder: Recorder) -> Stack:
        """The layer is compiled at the first call, once for all layers, with `recorder` as the custom pass.

        As an option, not in the configuration: torch would give one side the code of another that is written alike.
        """
        options: dict[str, Any] = {"post_grad_custom_post_pass": recorder}
        return Stack(torch.compile(self.layer(ops), fullgraph=True, dynamic=False, options=options), self)

    def layer(self, ops: Any) -> Callable[..., Any]:
        def one(*tensors: Any) -> Any:
            return model.layer(ops, self.sizes, *tensors)

        return one

    def faults(self, recorders: dict[str, Recorder], distances: dict[str, dict[str, float]]) -> list[str]:
        """What is not as it should be: more than one graph, results that the other fusion does not explain."""
        found = [
            f"{side}: compiled {one.graphs} graphs, not one"
            for side, one in recorders.items()
            if one.graphs != 1
        ]
        for name, off in distances["off"].items():
            for side in ("apart", "on"):
                if not distances[side][name] <= FARTHER * off + BF16_STEP:
                    found.append(f"{side}: {name} is {distances[side][name]:.3g} off, Inductor's {off:.3g}")
        return found

    def profile(self, timer: GraphTimer, stacks: dict[str, Stack]) -> dict[str, Any]:
        """Where the time of a replay goes, for each side."""
        layers = len(self.weights)
        found: dict[str, Any] = {}
        products = {each.name for each in stack_time.kernels(self.products)}
        for side, stack in stacks.items():
            run = stack_time.one_replay(timer, stack.launch, layers)
            found[side] = {
                "us": stack_time.shares(run, products, layers),
                "kernels": stack_time.counts(run, products, layers),
                "listing": stack_time.listing(run, layers),
            }
        return found

    def products(self) -> None:
        """The fp8 products of a layer, alone."""
        ops = stack_ops.Exact(self.scheme)
        for name in self.sizes.projections:
            matrix = getattr(self.weights[0], name)
            q = torch.zeros(self.rows, matrix.weight.shape[1], device=self.device, dtype=model.BF16)
            stack_ops.fp8_product(*ops.quantise(q), *matrix)


def _machine(device: str) -> dict[str, Any]:
    name = torch.cuda.get_device_name(0) if device == "cuda" else platform.machine()
    return {
        "device": name,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "target": current_target(),
    }


def _write(output: Path, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    part = output.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1))
    part.replace(output)


def _schemes(text: str) -> tuple[str, ...]:
    found = tuple(text.split(","))
    if not set(found) <= set(SCHEMES):
        raise argparse.ArgumentTypeError(f"{text}; accepted: {', '.join(SCHEMES)}")
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
