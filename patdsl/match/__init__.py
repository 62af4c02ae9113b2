"""The matcher: finds where patterns hold in a graph, over a small graph protocol. See `engine.py`."""
