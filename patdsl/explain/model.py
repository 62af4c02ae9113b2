"""The graphs of a model that a callable makes: the one form of graph for which explain runs code.

In: `module:callable`, which returns a model and its inputs. Out: what a function says of each graph that Inductor gives
to its post-grad passes, or diagnostics (PAT606 to PAT608). The module is imported, the callable and then the model are
called once; nothing is compiled beyond the graphs. What they print goes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import torch

from patdsl.diagnostic import Diagnostics
from patdsl.runtime.torch_api import Graph, backend_that_shows, uncompiled

T = TypeVar("T")


@attrs.frozen(eq=False)
class Call:
    """A model with the inputs that it is called with."""

    model: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def each_graph(name: str, say: Callable[[Graph], T], diagnostics: Diagnostics) -> list[T]:
    """What `say` says of each graph of the model, as many as torch makes of it."""
    with _importable(Path.cwd()), contextlib.redirect_stdout(sys.stderr):
        maker = _imported(name, diagnostics)
        call = None if maker is None else _called(name, maker, diagnostics)
        return [] if call is None else _compiled(name, call, say, diagnostics)


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules in the folder can be imported, as by `python -m`."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _imported(name: str, diagnostics: Diagnostics) -> Callable[[], Any] | None:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        help_ = "it is looked for in this folder and where Python looks; install what it needs"
        diagnostics.add("PAT606", None, f"`{module}` cannot be imported: {_told(error)}", help=help_)
        return None
    for part in path.split("."):
        if not hasattr(found, part):
            diagnostics.add(
                "PAT606", None, f"`{module}` has no `{path}`", help="name a function that the module defines"
            )
            return None
        found = getattr(found, part)
    if not callable(found):
        diagnostics.add(
            "PAT606",
            None,
            f"`{name}` is {_a(found)} and cannot be called",
            help="name a function that returns a model and its inputs",
        )
        return None
    maker: Callable[[], Any] = found
    return maker


def _called(name: str, maker: Callable[[], Any], diagnostics: Diagnostics) -> Call | None:
    form = "return (model, inputs): inputs is a tuple, or a dict of keyword arguments"
    try:
        made = maker()
    except (Exception, SystemExit) as error:
        diagnostics.add("PAT607", None, f"`{name}()` failed: {_told(error)}", help=form)
        return None
    if not isinstance(made, (tuple, list)) or len(made) != 2 or not callable(made[0]):
        shown = _a(made)
        if isinstance(made, (tuple, list)):
            shown = f"{shown} of {', '.join(map(_a, made)) or 'nothing'}"
        diagnostics.add("PAT607", None, f"`{name}()` returned {shown}", help=form)
        return None
    model, inputs = made
    if isinstance(inputs, Mapping):
        return Call(model, (), inputs)
    if isinstance(inputs, (tuple, list)):
        return Call(model, tuple(inputs), {})
    diagnostics.add("PAT607", None, f"`{name}()` returned {_a(inputs)} as inputs", help=form)
    return None


def _compiled(name: str, call: Call, say: Callable[[Graph], T], diagnostics: Diagnostics) -> list[T]:
    told: list[T] = []
    failed: list[Exception] = []

    def show(graph: Graph) -> None:
        try:
            told.append(say(graph))
        except Exception as error:  # torch would take it for a fault of the model
            failed.append(error)

    torch.compiler.reset()
    try:
        with torch.no_grad():
            torch.compile(uncompiled(call.model), backend=backend_that_shows(show))(*call.args, **call.kwargs)
    except (Exception, SystemExit) as error:
        if not failed:
            diagnostics.add(
                "PAT608",
                None,
                f"the model of `{name}` cannot be compiled: {_told(error)}",
                help="see that model(*inputs) runs, and torch.compile(model)(*inputs)",
            )
        told.clear()
    if failed:
        raise failed[0]
    if not told and not diagnostics.errors:
        diagnostics.add(
            "PAT608",
            None,
            f"torch makes no graph of the model of `{name}`",
            help="see that it computes with tensors",
        )
    return told


def _told(error: BaseException) -> str:
    """The first lines of the error that all others come from: torch says in the second what went wrong."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()][:2]
    return ": ".join([type(error).__name__, *lines])


def _a(value: Any) -> str:
    return "none" if value is None else f"a `{type(value).__name__}`"
