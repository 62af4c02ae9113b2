"""The base of passes: an identity made of sources."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable
from typing import Any

from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily


class InductorPass:
    @staticmethod
    def hash_source(*sources: Any) -> str:
        texts = [each if isinstance(each, str) else inspect.getsource(each) for each in sources]
        return hashlib.sha256("".join(texts).encode()).hexdigest()


def enable_fake_mode(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def within(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily(), FakeTensorMode():
            return function(*args, **kwargs)

    return within
