"""`patdsl kernels`: build the GPU kernels ahead of their first use, and say what there is.

In: architectures. Out: libraries in the cache; lines or JSON about compilers, libraries and GPUs. Runs no kernel.
"""

from __future__ import annotations

import json
from typing import Any

import click

from patdsl.kernels import build, toolchain
from patdsl.kernels.errors import KernelError
from patdsl.render import escape

EXIT_USAGE = 2


@click.group()
def command() -> None:
    """Build the GPU kernels, or say which there are."""


@command.command("build")
@click.option(
    "--arch", "archs", metavar="A,B", help="gfx942, gfx950, sm_90, ...; without it this machine's GPUs."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Compilers side by side; without it one a CPU.")
def build_command(archs: str | None, jobs: int | None) -> int:
    """Compile the kernel library for each architecture, where the cache has none. Prints the libraries' paths."""
    try:
        wanted = [name.strip() for name in archs.split(",")] if archs else _devices()
        for arch in wanted:
            toolchain.find_toolchain(arch)  # all that is missing before the first minute of compiling
        for arch in wanted:
            path = build.build(arch, lambda line: click.echo(escape(line), err=True), jobs)
            click.echo(escape(str(path)))
    except KernelError as error:
        return _refused(error)
    return 0


@command.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info_command(as_json: bool) -> int:
    """Say which compilers, libraries and GPUs there are, and which ops have a kernel."""
    try:
        facts = _facts()
    except KernelError as error:
        return _refused(error)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return 0
    click.echo(f"cache      {escape(facts['cache'])}")
    for arch, found in facts["archs"].items():
        click.echo(f"{arch:<10} {escape(found.get('compiler') or found['error'])}")
        if "library" in found:
            state = "built" if found["built"] else "not built"
            click.echo(f"{'':<10} {escape(found['library'])} ({state})")
    click.echo(f"GPUs       {', '.join(facts['gpus']) or 'none that torch can use'}")
    click.echo(f"kernels    {', '.join(facts['kernels'])}")
    return 0


def _refused(error: KernelError) -> int:
    lines = map(escape, str(error).splitlines())  # a compiler says more than one
    click.echo("error: " + "\n".join(lines), err=True)
    return EXIT_USAGE


def _devices() -> list[str]:
    """The architectures of this machine's GPUs. Raises KernelError without one."""
    import torch

    from patdsl.kernels import library

    count = (
        torch.cuda.device_count() if torch.cuda.is_available() else 1
    )  # without a GPU, the first says what lacks
    return list(dict.fromkeys(library.device_arch(index) for index in range(count)))


def _facts() -> dict[str, Any]:
    from patdsl.kernels import bind

    try:
        gpus = _devices()
    except KernelError:
        gpus = []
    return {
        "cache": str(build.cache_folder()),
        "archs": {arch: _arch_facts(arch) for arch in dict.fromkeys((*gpus, *toolchain.AMD, "sm_90"))},
        "gpus": gpus,
        "kernels": list(bind.kernels()),
    }


def _arch_facts(arch: str) -> dict[str, Any]:
    try:
        found = toolchain.find_toolchain(arch)
    except KernelError as error:
        return {"error": str(error)}
    path = build.library_path(found)
    return {
        "compiler": str(found.compiler),
        "version": found.version,
        "library": str(path),
        "built": path.is_file(),
    }
