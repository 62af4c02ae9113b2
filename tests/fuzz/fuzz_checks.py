"""What must hold of every text.

In: a text. Out: a `Result`: how far it came, how long it took, and what was wrong, if anything: an exception, a wait, a
formatter that changes meaning or does not settle, a module with forbidden forms.
"""

from __future__ import annotations

import signal
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import attrs
from fuzz_corpus import GOLDEN, files

from patdsl import pipeline
from patdsl.codes import CODES
from patdsl.compiler.imports import LoadedFile, Loader
from patdsl.diagnostic import Diagnostic, Diagnostics
from patdsl.render import to_json, to_text
from patdsl.source import Source
from patdsl.syntax.ast_to_text import format_file
from patdsl.syntax.text_to_ast import parse

#: Seconds that a case may take, with one more try; the machine may be busy.
LIMIT = 1.0
#: Categories of characters that act on a terminal or show text in another order.
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Seconds after which a case is stopped.
STOP = 20


@attrs.frozen
class Result:
    """`stage` is the last that was reached: read, parsed, resolved (with
    errors), declared (nothing to make a module of), module. `wrong` says what failed, or is empty."""

    stage: str
    seconds: float
    wrong: str = ""
    codes: frozenset[str] = frozenset()


class WrongError(Exception):
    """A promise that a text breaks."""


class StoppedError(BaseException):
    """A case that took too long: nothing in between may catch it."""


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Raise StoppedError in what runs longer. Only in the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise StoppedError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Bench:
    """Takes texts through all stages, with the library loaded once: that is most of what a short text costs.

    Texts can import the library and the files of `tests/golden`. To be used as a context manager.
    """

    def __init__(self) -> None:
        shm = Path("/dev/shm")  # noqa: S108  a folder in it is made anew, for this user
        self._folder = tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
        self.path = Path(self._folder.name).resolve() / "case.pat"
        loader = Loader([GOLDEN])
        for path in files():
            loader.load(path, Diagnostics())
        self._loaded: dict[Path, LoadedFile] = loader.files
        self.compile_every = 1
        self._parsed = 0

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def check(self, text: str) -> Result:
        """Every promise about this text."""
        result = self._timed(text)
        if result.wrong.startswith("slow"):
            result = self._timed(text)  # once more: another process may have had the processor
        return result

    def _timed(self, text: str) -> Result:
        start = time.perf_counter()
        stage, wrong, codes = "read", "", frozenset[str]()
        try:
            with stopped_after(STOP):
                stage, codes = self._through(text)
        except StoppedError:
            wrong = f"slow: stopped after {STOP} s"
        except WrongError as error:
            wrong = str(error)
        except Exception as error:
            wrong = f"exception: {_told(error)}"
        seconds = time.perf_counter() - start
        if not wrong and seconds > LIMIT:
            wrong = f"slow: {seconds:.1f} s"
        return Result(stage, seconds, wrong, codes)

    def _through(self, text: str) -> tuple[str, frozenset[str]]:
        syntax = check_syntax(text)
        if any(item.severity == "error" for item in syntax):
            return "read", frozenset(item.code for item in syntax)
        self._parsed += 1
        if self._parsed % self.compile_every:
            return "parsed", frozenset(item.code for item in syntax)
        self.path.write_bytes(to_bytes(text))
        loader = Loader([GOLDEN])
        loader.files = dict(self._loaded)
        outcome = pipeline._run_one(self.path, loader, "module", "patdsl", True)
        check_findings(outcome.diagnostics)
        if outcome.module is None:
            return ("resolved" if outcome.errors else "declared"), frozenset(
                item.code for item in outcome.diagnostics
            )
        if outcome.errors:
            raise WrongError("a module in spite of errors")
        return "module", frozenset(item.code for item in outcome.diagnostics)


def to_bytes(text: str) -> bytes:
    """A file of this text; surrogates become bytes that are no UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def check_syntax(text: str) -> list[Diagnostic]:
    """Parse, and format what has no error; the findings."""
    found = Diagnostics()
    file = parse(Source("case.pat", text), found)
    check_findings(found.items)
    if found.errors:
        return found.items
    once = format_file(file)
    again = Diagnostics()
    back = parse(Source("case.pat", once), again)
    if again.errors:
        raise WrongError(f"the formatted text has an error: {again.errors[0].message}")
    if back.declarations != file.declarations:
        raise WrongError("the formatted text means something else")
    if sorted(one.text for one in back.comments) != sorted(one.text for one in file.comments):
        raise WrongError("the formatted text has other comments")
    if format_file(back) != once:
        raise WrongError("the formatted text is formatted again")
    return found.items


def check_findings(found: tuple[Diagnostic, ...] | list[Diagnostic]) -> None:
    """Known codes, places inside the text, and messages that can be shown."""
    for item in found:
        if item.code not in CODES:
            raise WrongError(f"unknown code {item.code}")
        if item.span is not None and not 0 <= item.span.start <= item.span.end <= len(item.span.source.text):
            raise WrongError(f"{item.code}: a place outside the text")
    for item in found[:3]:
        if any(unicodedata.category(char) in UNSAFE for char in to_text(item) if char != "\n"):
            raise WrongError(f"{item.code}: a message that may drive a terminal")
        to_json(item)


def _told(error: BaseException) -> str:
    """An exception and where it was raised: what tells one failure from another."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "patdsl" in frame.filename] or list(frames)
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:100]!a}"
