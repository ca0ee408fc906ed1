#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

/// Finds out before the work whether a JSON file can be written; makes `output` if that is its folder. Throws ExitError
/// exit_output.
void check_json_place(const std::filesystem::path& file, const std::filesystem::path& output);

/// Writes a JSON file, complete or not at all. Throws ExitError exit_output.
void write_json_file(const std::filesystem::path& file, const nlohmann::ordered_json& json);
