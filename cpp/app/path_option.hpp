#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/utf8.hpp"

// Options that are paths. CLI11 would let std::filesystem read their UTF-8 text, which on Windows is not always taken
// for that.

inline CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& path,
                             const std::string& description) {
  return app.add_option_function<std::string>(
      name, [&path](const std::string& text) { path = demucs_ort::utf8_path(text); }, description);
}

inline CLI::Option* add_paths(CLI::App& app, const std::string& name, std::vector<std::filesystem::path>& paths,
                              const std::string& description) {
  return app.add_option_function<std::vector<std::string>>(
      name,
      [&paths](const std::vector<std::string>& texts) {
        for (const auto& text : texts) paths.push_back(demucs_ort::utf8_path(text));
      },
      description);
}
