"""Measures separation quality and speed of PyTorch, the program and the Python module, side by side."""
