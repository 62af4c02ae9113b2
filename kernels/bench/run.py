"""Times the kernels and their peers on this machine's GPU.

    python kernels/bench/run.py OUTPUT.json [--family NAME]... [--set main|others|all] [--resume EARLIER.json]

In: which families and sizes. Out: JSON, written after each size, so that a run that is cut off keeps what it has;
`report.py` makes a table and a plot of it. Sizes that EARLIER.json has are not timed again. What the others need of
Triton and Inductor is compiled first, by `--jobs` processes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import warm
from families import FAMILIES, MAIN, Work

MEMORY = 12 * 2**30
MOST_FAILURES = 6


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--family", action="append", choices=sorted(FAMILIES), help="may be repeated")
    parser.add_argument("--set", choices=("main", "others", "all"), default="all", help="without --family")
    parser.add_argument("--only-calls", action="store_true", help="two readers and the host's part, no grid")
    parser.add_argument("--hidden", type=_numbers, help="only these, such as 4096,7168")
    parser.add_argument("--rows", type=_numbers, help="only these")
    parser.add_argument(
        "--forms", type=_numbers, default=(), help="configs of the kernel to time beside the chosen"
    )
    parser.add_argument("--no-inductor", action="store_true")
    parser.add_argument(
        "--approximate", action="store_true", help="Triton's own division, which is not IEEE's"
    )
    parser.add_argument("--resume", type=Path, help="results of an earlier run, kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compiling processes; 0: none")
    parser.add_argument("--seconds", type=float, default=540.0, help="no size is begun after this")
    parser.add_argument("--warm", metavar="PART/PARTS", help="only compile this part")
    return parser.parse_args(arguments)


def chosen_works(options: argparse.Namespace) -> list[Work]:
    """In the order in which they are timed: the main families first."""
    others = [name for name in FAMILIES if name not in MAIN]
    sets = {"main": list(MAIN), "others": others, "all": [*MAIN, *others]}
    return [
        FAMILIES[name].work(hidden, rows)
        for name in options.family or sets[options.set]
        for hidden, rows in FAMILIES[name].sizes
        if (not options.hidden or hidden in options.hidden) and (not options.rows or rows in options.rows)
    ]


def write(output: Path, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    work = output.with_suffix(".part")
    work.write_text(json.dumps(content, indent=1))
    work.replace(output)


def _earlier(path: Path | None) -> dict[str, Any]:
    """The results that are kept, or nothing."""
    return json.loads(path.read_text()) if path and path.is_file() else {}


def key(line: dict[str, Any]) -> tuple[str, int, int]:
    return line["family"], line["hidden"], line["rows"]


def main(arguments: list[str]) -> None:
    begin = time.monotonic()
    options = parse(arguments)
    earlier = _earlier(options.resume)
    done = {key(line) for line in earlier.get("results", ())}
    works = [
        work
        for work in ([] if options.only_calls else chosen_works(options))
        if (work.family, work.hidden, work.rows) not in done
    ]
    inductor = not options.no_inductor
    if options.warm:
        part, parts = map(int, options.warm.split("/"))
        warm.compile_part(works, part, parts, inductor, options.approximate)
        return
    content = earlier or {"machine": _machine(), "date": datetime.date.today().isoformat(), "results": []}
    if options.jobs and works:
        print(f"compiled in {warm.run_parts(arguments, options.jobs):.0f} s", flush=True)

    import consumers
    import floor
    import overhead
    import torch
    from measure import Bench, Peers
    from memory import Blocks

    from patdsl.bench.graph_time import GraphTimer

    blocks = Blocks(MEMORY, "cuda")
    peers = Peers(inductor, options.approximate, options.forms)
    bench = Bench(blocks, floor.Floor(floor.build()), GraphTimer(_tell), peers)
    if "overhead" not in content:
        _extra(content, options.output, "overhead", overhead.times)
    if "consumers" not in content:
        _extra(content, options.output, "consumers", lambda: consumers.lines(blocks, bench.timer))
    failures = 0
    for work in works:
        if time.monotonic() - begin > options.seconds:
            print("out of time: the rest is left for a run with --resume")
            break
        try:
            lines = bench.lines(work)
        except Exception as error:  # the other sizes are still to be timed, unless the GPU is out of order
            content.setdefault("errors", []).append(
                f"{work.family} {work.rows} x {work.hidden}: {error!r}"[:1000]
            )
            print(content["errors"][-1], flush=True)
            write(options.output, content)
            failures += 1
            if failures == MOST_FAILURES:
                sys.exit(f"{failures} sizes failed")
            continue
        content["results"] += lines
        write(options.output, content)
        torch.cuda.empty_cache()
        for line in lines:
            print(_brief(line), f"[{time.monotonic() - begin:.0f} s]", flush=True)
            for fault in (*line.get("faults", ()), *filter(None, [line.get("inductor_error")])):
                print(f"  {fault}", flush=True)


def _extra(content: dict[str, Any], output: Path, name: str, measure: Callable[[], Any]) -> None:
    """Adds what `measure` gives, or says why it gives nothing."""
    try:
        content[name] = measure()
    except Exception as error:  # the grid is still to be timed
        content.setdefault("errors", []).append(f"{name}: {error!r}"[:1000])
        print(content["errors"][-1], flush=True)
    write(output, content)
    print(name, json.dumps(content.get(name)), flush=True)


def _tell(name: Any, error: Exception) -> None:
    print(f"  {name}: {type(error).__name__}: {error}"[:300], flush=True)


def _brief(line: dict[str, Any]) -> str:
    peers = " ".join(
        f"{name} {line[name]:.2f}"
        for name in ("empty", "copy", "copy_early", "ours", "triton", "inductor")
        if line[name]
    )
    forms = "".join(f" {form}:{found:.2f}" for form, found in line.get("forms", {}).items())
    temperature = "cold" if line["cold"] else "hot"
    size = f"{line['rows']} x {line['hidden']} {temperature}"
    return f"{line['family']} {size}: {peers}{forms} ({line['triton_config']})"


def _machine() -> dict[str, Any]:
    import torch
    import triton

    return {
        "gpu": torch.cuda.get_device_name(0),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "triton": triton.__version__,
    }


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main(sys.argv[1:])
