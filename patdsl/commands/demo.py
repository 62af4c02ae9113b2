"""`patdsl demo`: the main job on real models, through torch.compile. The work is in `patdsl/demo/`."""

from __future__ import annotations

import importlib.util
import warnings

import click

from patdsl.commands import inputs


@click.command()
@click.option("--model", "names", multiple=True, help="Measure only this model; may be repeated.")
@click.option(
    "--device",
    type=click.Choice(("cpu", "cuda")),
    help="Where to run; the GPU if torch sees one, else the CPU.",
)
@inputs.json_option
def command(names: tuple[str, ...], device: str | None, as_json: bool) -> int:
    """Fuse real models with the library and measure what changes.

    Builds DeepSeek-V3.2-shaped models, runs each through torch.compile with and without the library's passes, and
    prints what was fused, how far the results differ and what it cost. Exits with 1 where a model did not fuse as
    expected, or its results are wrong.
    """
    if importlib.util.find_spec("torch") is None:
        raise click.ClickException(
            "the demo runs models and needs torch, which is not installed: pip install torch"
        )
    # torch says so on import where there is no numpy, which the demo does without.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    try:
        from patdsl.demo import main  # imports torch, which `--help` must not wait for
    except ImportError as error:  # a torch that lacks what the passes need says so in one sentence
        raise click.ClickException(str(error)) from error

    return main(names, as_json=as_json, device=device)
