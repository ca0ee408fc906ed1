#pragma once

#include <atomic>
#include <mutex>

namespace demucs_ort::plugin {

/// How the host calls the audio thread, which DPF does not tell plug-ins. Each instance has one; clap_adapter.cpp and
/// vst3_adapter.cpp set it. (A variable of the thread would do, but plug-ins get next to no static storage in threads,
/// and with other storage the first access in an audio thread allocates.)
struct HostCalls {
  std::atomic<bool> render{false};               // the host waits as long as it takes
  std::atomic<bool> only_set_parameters{false};  // no audio comes with the call, and none is wanted
};

/// That of the instance that was made last. The adapters look at it when DPF has made one for them.
extern HostCalls* newest_host_calls;
/// Held by an adapter from before that until it has looked.
extern std::mutex newest_host_calls_mutex;

}  // namespace demucs_ort::plugin
