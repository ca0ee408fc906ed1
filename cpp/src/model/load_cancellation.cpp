#include "model/load_cancellation.hpp"

#include <array>
#include <cstdint>
#include <functional>

#include "model/newest_api.hpp"

namespace demucs_ort {
namespace {

/// The version of ONNX Runtime's C interface from which on a session can be given up while it is created: that of 1.22.
constexpr std::uint32_t cancelling_api = 22;

/// The place of that function in ONNX Runtime's table, which headers before 1.22 do not have.
struct CancellingFunctions {
  std::array<void*, 293> before;
  OrtStatus*(ORT_API_CALL* SessionOptionsSetLoadCancellationFlag)(OrtSessionOptions*, bool is_cancel);
};

#if ORT_API_VERSION >= 22
static_assert(offsetof(CancellingFunctions, SessionOptionsSetLoadCancellationFlag) ==
              offsetof(OrtApi, SessionOptionsSetLoadCancellationFlag));
#else
static_assert(sizeof(OrtApi) == 285 * sizeof(void*));
#endif

}  // namespace

std::function<void()> stop_loading(const OrtApiBase& runtime, Ort::SessionOptions& session) {
  const OrtApi* const api = newest_api(runtime) < cancelling_api ? nullptr : runtime.GetApi(cancelling_api);
  if (api == nullptr) return [] {};
  const auto set = reinterpret_cast<const CancellingFunctions*>(api)->SessionOptionsSetLoadCancellationFlag;
  OrtSessionOptions* const options = session;
  return [set, options, release = api->ReleaseStatus] { release(set(options, true)); };  // null, or nothing to be done
}

}  // namespace demucs_ort
