"""The configuration that passes are given."""

from __future__ import annotations


class VllmConfig:
    """Nothing is configured."""
