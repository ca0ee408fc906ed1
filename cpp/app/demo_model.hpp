#pragma once

#include <filesystem>

/// The demo model, which separates when no other model is given: share/demucs_ort/htdemucs_demo.onnx beside the
/// installed program's folder, else the file named when the program was built. Throws ExitError exit_usage without one.
std::filesystem::path find_demo_model();
