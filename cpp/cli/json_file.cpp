#include "json_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/place_of.hpp"
#include "write/final_names.hpp"
#include "write/scratch_folder.hpp"

namespace fs = std::filesystem;

namespace {

/// True of /dev/stdout, pipes and the like: there is no renaming a file to them.
bool is_written_in_place(const fs::path& file) {
  std::error_code ignored;
  return fs::is_other(file, ignored);
}

void write_text(const fs::path& place, const fs::path& name, const std::string& text) {
  std::ofstream file(place, std::ios::binary);
  file << text << '\n';
  file.close();
  if (!file) throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(name) + "': " + std::strerror(errno));
}

}  // namespace

void check_json_place(const fs::path& named, const fs::path& output) {
  if (is_written_in_place(named)) return;
  const fs::path file = place_of(named);
  const fs::path folder = file.parent_path();
  std::error_code error;
  if (!fs::is_directory(folder, error) && folder != place_of(output)) {
    throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(file) + "': there is no folder '" +
                                     demucs_ort::utf8(folder) + "'");
  }
  check_final_names(ScratchFolder(folder), {file});
}

void write_json_file(const fs::path& named, const nlohmann::ordered_json& json) {
  // File names need not be UTF-8; JSON must be.
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (is_written_in_place(named)) return write_text(named, named, text);
  const fs::path file = place_of(named);  // that of a link
  const ScratchFolder scratch(file.parent_path());
  write_text(scratch.file(0), file, text);
  take_final_names(scratch, {file});
}
