#include "demo_model.hpp"

#include <filesystem>
#include <system_error>

#include "common/exit_error.hpp"
#include "program_path.hpp"

namespace fs = std::filesystem;

fs::path find_demo_model() {
  std::error_code error;
  if (const fs::path program = program_path(); !program.empty()) {
    const fs::path installed = program.parent_path().parent_path() / "share/demucs_ort/htdemucs_demo.onnx";
    if (fs::is_regular_file(installed, error)) return installed;
  }
  const fs::path built = BUILT_DEMO_MODEL;
  if (!built.empty() && fs::is_regular_file(built, error)) return built;
  throw ExitError(exit_usage,
                  "give a model with -m FILE; demucs-export makes one (this program came without demo model)");
}
