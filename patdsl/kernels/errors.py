"""What is raised where a kernel cannot be built, loaded or run.

In: what happened and how to mend it. Out: an exception whose text is complete in itself.
"""

from __future__ import annotations


class KernelError(Exception):
    """The text names what was asked, what stands against it and what to do."""
