#include "json_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>

#include "common/exit_error.hpp"

void write_json_file(const std::filesystem::path& path, const nlohmann::ordered_json& json) {
  auto aside = path;
  aside += ".part";
  // File names need not be UTF-8; JSON must be.
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::ofstream file(aside, std::ios::binary);
  file << text << '\n';
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(aside, path, error);
  if (!file || error) {
    const std::string why = error ? error.message() : std::strerror(errno);
    std::filesystem::remove(aside, error);
    throw ExitError(exit_output, "cannot write '" + path.string() + "': " + why);
  }
}
