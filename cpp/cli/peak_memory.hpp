#pragma once

#include <cstdint>

/// The most memory this process has held so far, in bytes (resident set); 0 if the system does not tell.
std::uint64_t peak_memory_bytes();
