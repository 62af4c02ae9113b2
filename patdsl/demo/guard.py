"""What torch.compile raises where a machine cannot build code -> one sentence that says what to install.

In: an exception. Out: the sentence, or None where the machine is not to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import click

_T = TypeVar("_T")

_NO_C = "Triton builds its launchers with a C compiler and found none: install gcc, or use --device cpu"
#: Names of exceptions (torch and Triton have no stable classes for these) and what to do.
_CAUSES = {
    "InvalidCxxCompiler": "torch.compile builds C++ on the CPU and found no working compiler: install g++, or name one "
    "in the environment variable CXX",
    "CppCompileError": "torch.compile's C++ did not compile: the compiler or the headers of this Python are not "
    "installed completely (g++ and python3-dev, or what your system calls them)",
    "TritonMissing": "torch.compile builds Triton kernels on a GPU, and Triton is not installed: install triton, "
    "or use --device cpu",
    "GPUTooOldForTriton": "this GPU is too old for Triton: use --device cpu",
}


def guarded(work: Callable[[], _T]) -> _T:
    """What `work` returns. Raises click.ClickException in place of what only says that something is not installed."""
    try:
        return work()
    except Exception as error:
        sentence = explanation(error)
        if sentence is None:
            raise
        raise click.ClickException(sentence) from error


def explanation(error: BaseException) -> str | None:
    """The sentence for an error or for any of those that it was raised from."""
    for each in _chain(error):
        if type(each).__name__ in _CAUSES:
            return _CAUSES[type(each).__name__]
        if str(each).startswith("Failed to find C compiler"):  # Triton's, a plain RuntimeError
            return _NO_C
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
