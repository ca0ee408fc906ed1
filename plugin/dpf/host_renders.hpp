#pragma once

#include <atomic>
#include <mutex>

namespace demucs_ort::plugin {

/// Whether the host has said that it renders: DPF does not tell plug-ins. Each instance has one, which clap_adapter.cpp
/// and vst3_adapter.cpp set. (A variable of the thread would do, but plug-ins get next to no static storage in threads,
/// and with other storage the first access in an audio thread allocates.)
using HostRenders = std::atomic<bool>;

/// That of the instance that was made last. The adapters look at it when DPF has made one for them.
extern HostRenders* newest_host_renders;
/// Held by an adapter from before that until it has looked.
extern std::mutex newest_host_renders_mutex;

}  // namespace demucs_ort::plugin
