#include "audio_device.hpp"

#include <portaudio.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/joining_thread.hpp"
#include "common/exit_error.hpp"

namespace {

[[noreturn]] void fail(const std::string& what, PaError error) {
  throw ExitError(exit_output, what + ": " + Pa_GetErrorText(error) + "; choose another one with --device");
}

/// PortAudio, while it lives.
class PortAudio {
 public:
  PortAudio() {
    if (const PaError error = Pa_Initialize(); error != paNoError) fail("the audio system does not start", error);
  }
  PortAudio(const PortAudio&) = delete;
  PortAudio& operator=(const PortAudio&) = delete;
  ~PortAudio() { Pa_Terminate(); }
};

bool plays(PaDeviceIndex index) { return Pa_GetDeviceInfo(index)->maxOutputChannels > 0; }

class PortAudioDevice : public AudioDevice {
 public:
  PortAudioDevice(const std::string& name, int rate, std::size_t channels, FillAudio fill) : fill_(std::move(fill)) {
    const PaDeviceIndex index = find(name);
    const PaDeviceInfo* info = Pa_GetDeviceInfo(index);
    PaStreamParameters output{};
    output.device = index;
    output.channelCount = static_cast<int>(channels);
    output.sampleFormat = paFloat32;
    output.suggestedLatency = info->defaultLowOutputLatency;
    PaError error = Pa_OpenStream(&stream_, nullptr, &output, rate, paFramesPerBufferUnspecified, paNoFlag, call, this);
    if (error != paNoError) fail("the audio device '" + std::string(info->name) + "' cannot be opened", error);
    error = Pa_StartStream(stream_);
    if (error != paNoError) {
      Pa_CloseStream(stream_);
      fail("the audio device '" + std::string(info->name) + "' does not start", error);
    }
  }
  ~PortAudioDevice() override { Pa_CloseStream(stream_); }

 private:
  static PaDeviceIndex find(const std::string& name) {
    if (name.empty()) {
      const PaDeviceIndex index = Pa_GetDefaultOutputDevice();
      if (index == paNoDevice) throw ExitError(exit_output, "there is no audio device; --device null plays to nobody");
      return index;
    }
    for (PaDeviceIndex index = 0; index < Pa_GetDeviceCount(); ++index) {
      if (plays(index) && Pa_GetDeviceInfo(index)->name == name) return index;
    }
    throw ExitError(exit_output, "there is no audio device '" + name + "'; --list-devices names them");
  }

  static int call(const void*, void* output, unsigned long frames, const PaStreamCallbackTimeInfo*,
                  PaStreamCallbackFlags, void* self) {
    static_cast<PortAudioDevice*>(self)->fill_(static_cast<float*>(output), frames);
    return paContinue;
  }

  PortAudio system_;
  FillAudio fill_;
  PaStream* stream_ = nullptr;
};

class NullDevice : public AudioDevice {
 public:
  NullDevice(int rate, std::size_t channels, FillAudio fill)
      : thread_([this, rate, samples = std::vector<float>(frames * channels), fill = std::move(fill)]() mutable {
          auto next = std::chrono::steady_clock::now();
          while (!stop_.load()) {
            fill(samples.data(), frames);
            next += std::chrono::nanoseconds(1'000'000'000LL * frames / static_cast<unsigned>(rate));
            std::this_thread::sleep_until(next);
          }
        }) {}
  ~NullDevice() override { stop_ = true; }

 private:
  static constexpr std::size_t frames = 512;

  std::atomic<bool> stop_{false};
  demucs_ort::JoiningThread thread_;  // last: the first to go
};

}  // namespace

std::vector<std::string> device_names() {
  const PortAudio system;
  std::vector<std::string> names;
  for (PaDeviceIndex index = 0; index < Pa_GetDeviceCount(); ++index) {
    if (plays(index)) names.emplace_back(Pa_GetDeviceInfo(index)->name);
  }
  names.emplace_back("null");
  return names;
}

std::unique_ptr<AudioDevice> open_device(const std::string& name, int rate, std::size_t channels, FillAudio fill) {
  if (name == "null") return std::make_unique<NullDevice>(rate, channels, std::move(fill));
  return std::make_unique<PortAudioDevice>(name, rate, channels, std::move(fill));
}
