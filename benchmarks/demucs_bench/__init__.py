"""Measures separation quality and speed of PyTorch, the program and the Python module, side by side."""

BACKENDS = {"pytorch": "PyTorch", "cpp": "C++ program", "python": "Python module"}
"""The backends: names in files and options, and names in tables."""
