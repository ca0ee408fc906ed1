"""Measures separation quality and speed of PyTorch, the program and the Python module, side by side."""

BACKENDS = {
    "pytorch": "PyTorch",
    "cpp": "C++ program",
    "python": "Python module",
    "cpp-bf16": "C++ program, OpenVINO bf16",
    "pytorch-bf16": "PyTorch, bf16 autocast",
    "pytorch-channels-last": "PyTorch, channels last",
    "pytorch-compiled": "PyTorch, torch.compile",
}
"""The backends: names in files and options, and names in tables."""

EVERYWHERE = ("pytorch", "cpp", "python")
"""Those that need nothing but what is installed with them."""

DECK_VARIANTS = {
    "all": "all of it",
    "no-provisional": "no provisional model",
    "cold": "not warmed up",
    "no-preemption": "nothing is interrupted",
    "plain": "none of these",
}
"""What a set of decks is played with."""

LIVE_PARTS = {"map": "quality and load by window, lookahead and hop", "pace": "what this machine sustains"}
"""What is measured of streams."""

GPU_PARTS = ("segments", "pytorch", "track", "cores")
"""What is measured of a GPU and beside it: segments by batch, stock demucs, a whole track, the processor's cores."""

PRICE_PARTS = ("time", "quality", "floor")
"""What is measured of every setting of the program, and of the processor."""
