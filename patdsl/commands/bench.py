"""`patdsl bench`: the time of both sides of each pattern on a device. The work is in `patdsl/bench/`."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from patdsl import pipeline
from patdsl.commands import inputs, report
from patdsl.commands.progress import Progress
from patdsl.commands.test import compile_for_torch
from patdsl.commands.write import write_atomic
from patdsl.dtypes import Dtype, is_dtype
from patdsl.render import escape

if TYPE_CHECKING:
    from patdsl.bench.measure import Line
    from patdsl.bench.sizes import Size
    from patdsl.selftest.tester import Tester

ROWS, HIDDEN = "1,64,1024,8192", "4096,7168"


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in value.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise click.BadParameter(f"{value!r} is not a list of sizes, such as {ROWS}")
    return found


def _named(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, such as group_size=64")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return Dtype(text) if is_dtype(text) else text


@click.command()
@inputs.paths_argument
@inputs.roots_option
@click.option("-k", "words", default="", help="Only patterns whose file or name has this text in it.")
@click.option(
    "--device",
    type=click.Choice(("cpu", "cuda")),
    default="cuda",
    show_default=True,
    help="Where to run: cuda is any GPU that torch sees, AMD's among them. On a cpu the ops are plain torch.",
)
@click.option(
    "--rows", default=ROWS, show_default=True, callback=_numbers, help="Rows of the inputs: tokens."
)
@click.option("--hidden", default=HIDDEN, show_default=True, callback=_numbers, help="Columns of the inputs.")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_named,
    help="Fix a dim, a capture or a dtype variable of the patterns; repeatable.",
)
@click.option("--no-inductor", is_flag=True, help="Do not compile the left side by Inductor.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), help="Also write a plot to this file."
)
@inputs.json_option
def command(
    paths: tuple[Path, ...],
    roots: tuple[Path, ...],
    words: str,
    device: str,
    rows: tuple[int, ...],
    hidden: tuple[int, ...],
    given: dict[str, Any],
    no_inductor: bool,
    svg: Path | None,
    as_json: bool,
) -> int:
    """Time both sides of each pattern.

    For every pattern and size: the ops of the left side as they run one after another, the same in plain torch compiled
    by Inductor, and what the pattern puts there; the bytes that have to move, and whether the rewrite pays against the
    faster of the two. Exits with 1 where files have errors or the sides differ.
    """
    compiled = _compile(paths, roots, device)
    if compiled is None:
        return 1
    if svg is not None:
        _need_matplotlib()
    from patdsl.bench.sizes import Size

    sizes = [Size(count, width, given) for width in hidden for count in rows]
    run = _Run(device, not no_inductor, sizes, words.lower(), as_json)
    start = time.perf_counter()
    for each in compiled:
        run.file(each)
    seconds = time.perf_counter() - start
    if svg is not None:
        from patdsl.bench.plot import svg as draw

        write_atomic(svg, draw(run.lines, run.machine))
    run.finish(seconds)
    return 1 if any(line.differs for line in run.lines) else 0


def _compile(paths: tuple[Path, ...], roots: tuple[Path, ...], device: str) -> list[pipeline.Outcome] | None:
    try:
        return compile_for_torch(paths, roots, device)
    except click.ClickException as error:
        if "no GPU" not in error.message:
            raise
        raise click.ClickException(
            f"{error.message}; --device cpu times the ops in plain torch, which says nothing of a GPU"
        ) from None


def _need_matplotlib() -> None:
    """Before anything is timed."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise click.ClickException(
            "--svg draws with matplotlib, which is not installed: pip install 'patdsl[bench]'"
        )


@attrs.define
class _Run:
    device: str
    inductor: bool
    sizes: list[Size]
    words: str
    as_json: bool
    lines: list[Line] = attrs.field(factory=list)
    machine: str = attrs.field(init=False)
    bench: Any = attrs.field(init=False)
    progress: Progress = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        from patdsl.bench.measure import Bench

        self.bench = Bench(self.device, self.inductor)
        self.machine = _machine(self.device)
        self.progress = Progress()
        if not self.as_json:
            click.echo(escape(self.machine))

    def file(self, compiled: pipeline.Outcome) -> None:
        from patdsl.selftest.files import FileTests

        with FileTests(compiled, self.device) as tests:
            for tester in tests.testers():
                name = tester.declared.full_name
                if self.words not in f"{compiled.path} {name}".lower():
                    continue
                lines = list(self._pattern(tester, name))
                self.lines += lines
                self.progress.clear()
                if not self.as_json:
                    _print(f"{compiled.path}:{tester.declared.place.rpartition(':')[2]}: {name}", lines)

    def _pattern(self, tester: Tester, name: str) -> Iterator[Line]:
        from patdsl.bench.measure import ALL, Line
        from patdsl.bench.sides import NoSidesError, sides
        from patdsl.runtime.target import use_target

        for at, size in enumerate(self.sizes, 1):
            self.progress.show(f"{name}: {size.rows:,} x {size.hidden:,}, size {at} of {len(self.sizes)}")
            try:
                made = sides(tester, size)
                with use_target(tester.target):
                    line = self.bench.line(name, size, made)
                yield line
            except NoSidesError as error:
                yield Line(name, size.rows, size.hidden, reasons={ALL: str(error)})
            except RuntimeError as error:  # a GPU that has too little memory, say: other sizes may do
                yield Line(name, size.rows, size.hidden, reasons={ALL: str(error).partition("\n")[0]})

    def finish(self, seconds: float) -> None:
        from patdsl.bench.report import to_json

        if self.as_json:
            document = {
                "machine": self.machine,
                "seconds": round(seconds, 3),
                "lines": [to_json(line) for line in self.lines],
            }
            click.echo(json.dumps(document, indent=2))
            return
        verdicts = Counter(line.verdict for line in self.lines)
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items())
        click.echo(f"{report.count(len(self.lines), 'size')} in {seconds:.0f} s: {counts or 'none'}")


def _machine(device: str) -> str:
    import torch

    if device == "cpu":
        return f"cpu, torch {torch.__version__}: ops in plain torch, which says nothing of a GPU"
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


def _print(place: str, lines: list[Line]) -> None:
    from rich.console import Console

    from patdsl.bench.report import notes, table

    click.echo(f"\n{escape(place)}")
    width = None if sys.stdout.isatty() else 120
    Console(highlight=False, width=width).print(table(lines))
    for text in notes(lines):
        click.echo(f"  {text}")
