"""Runs a model file with ONNX Runtime alone, without our module: separates one segment of two tones and prints the
level of every stem. usage: plain_onnxruntime.py MODEL.onnx"""

import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
facts = session.get_modelmeta().custom_metadata_map
time = np.arange(int(facts["demucs_ort.segment_frames"])) / int(facts["demucs_ort.sample_rate"])
mix = 0.3 * np.sin(2 * np.pi * np.outer([70, 560], time)).astype(np.float32)
mean, deviation = mix.mean(), mix.mean(0).std(ddof=1)
(stems,) = session.run(["stems"], {"mix": ((mix - mean) / deviation)[np.newaxis]})
for name, stem in zip(facts["demucs_ort.sources"].split(","), stems[0] * deviation + mean, strict=True):
    print(f"{name:8} {np.sqrt((stem[0] ** 2).mean()):.4f}")
