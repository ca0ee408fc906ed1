#pragma once

#include <filesystem>

/// Where the running program lies; empty where the system does not tell.
std::filesystem::path program_path();
