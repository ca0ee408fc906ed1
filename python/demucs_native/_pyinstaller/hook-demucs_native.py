"""What a frozen program takes along: the demo model, the list of released models, ONNX Runtime's shared libraries."""

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs

datas = collect_data_files("demucs_native", includes=["*.onnx", "*.json"])
# Their names end in a version. _runtime.py finds them where they lie in the package onnxruntime.
binaries = collect_dynamic_libs("onnxruntime", search_patterns=["*.dll", "*.dylib", "lib*.so*"])
