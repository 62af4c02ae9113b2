"""`patdsl demo`: the library on DeepSeek-shaped models, through torch.compile. Importing this imports torch."""

from patdsl.demo.run import main

__all__ = ["main"]
