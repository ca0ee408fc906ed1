"""Separates five seconds of two tones and prints the level of every stem. usage: separate.py MODEL.onnx"""

import sys

import demucs_native
import numpy as np

model = demucs_native.Model(sys.argv[1])
time = np.arange(5 * model.sample_rate) / model.sample_rate
mix = 0.3 * np.sin(2 * np.pi * np.outer([70, 560], time)).astype(np.float32)
for name, stem in model.separate(mix, sample_rate=model.sample_rate).items():
    print(f"{name:8} {np.sqrt((stem[0] ** 2).mean()):.4f}")
