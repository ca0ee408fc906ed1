#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

/// Writes a JSON file, complete or not at all. Throws ExitError exit_output.
void write_json_file(const std::filesystem::path& file, const nlohmann::ordered_json& json);
