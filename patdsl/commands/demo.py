"""`patdsl demo`: the main job on real models, through torch.compile. The work is in `patdsl/demo.py`."""

from __future__ import annotations

import importlib.util
import warnings

import click


@click.command()
def command() -> int:
    """Fuse real models with the library and measure what changes.

    Builds DeepSeek-V3.2-shaped models, runs each through torch.compile with and without the library's passes, and
    prints what was fused, how far the results differ and what it cost.
    """
    if importlib.util.find_spec("torch") is None:
        raise click.ClickException("the demo runs models and needs torch, which is not installed")
    # torch says so on import where there is no numpy, which the demo does without.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    from patdsl.demo import main  # imports torch, which `--help` must not wait for

    return main()
