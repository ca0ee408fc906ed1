#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// Fills interleaved[frame][channel], on the device's own thread, until the device is destroyed.
using FillAudio = std::function<void(float* interleaved, std::size_t frames)>;

/// An open audio output.
class AudioDevice {
 public:
  virtual ~AudioDevice() = default;
};

/// The names that open_device takes: the outputs that PortAudio finds, and "null".
std::vector<std::string> device_names();

/// Starts a device: "" is the system's default, "null" one that plays to nobody, in real time. Throws ExitError
/// exit_output if there is none of that name, or it cannot play so.
std::unique_ptr<AudioDevice> open_device(const std::string& name, int rate, std::size_t channels, FillAudio fill);
