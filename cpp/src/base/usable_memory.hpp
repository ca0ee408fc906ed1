#pragma once

#include <cstdint>
#include <filesystem>

namespace demucs_ort {

/// The bytes of memory that this process can have: the machine's, and no more than its control groups allow (Linux).
/// 0: the system does not tell.
std::uint64_t usable_memory();

#ifdef __linux__
/// Its part, of the files under `root`: the smallest limit of this process' control groups; infinity: there is none.
double memory_limit(const std::filesystem::path& root);
#endif

}  // namespace demucs_ort
