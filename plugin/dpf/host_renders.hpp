#pragma once

namespace demucs_ort::plugin {

/// Whether the host has said, for the call of `run` that goes on in this thread, that it renders: DPF does not tell
/// plug-ins. Set by clap_adapter.cpp and vst3_adapter.cpp. In static storage of the thread, so that the first access in
/// an audio thread allocates nothing.
#if defined(__GNUC__) && !defined(_WIN32)
__attribute__((tls_model("initial-exec")))
#endif
extern thread_local bool host_renders;

}  // namespace demucs_ort::plugin
