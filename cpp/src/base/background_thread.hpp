#pragma once

namespace demucs_ort {

/// Lets the calling thread, and on Linux the threads it starts, compute only what others leave. Best effort: a system
/// that refuses changes nothing.
void lower_thread_priority() noexcept;

}  // namespace demucs_ort
