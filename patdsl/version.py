"""The version, written once: packaging, `patdsl --version`, module headers and uuids read it here."""

__version__ = "0.1.0"
