// Separates ten seconds of two tones as they arrive, block after block in real time. Prints the latency, the level of
// every stem, and how often stems were late.
// usage: stream MODEL.onnx    A model that hears less at a time has less latency: demucs-export htdemucs --segment 2.6
#include <chrono>
#include <cmath>
#include <cstdio>
#include <demucs_ort/demucs_ort.hpp>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t seconds = 10;

/// What the audio thread of a host does: nothing here waits, allocates or calls the system.
struct AudioThread {
  explicit AudioThread(demucs_ort::Stream& stream_in)
      : stream(stream_in), samples(2 * stream.stems().size() * block), power(stream.stems().size()) {
    for (std::size_t row = 0; row < 2 * power.size(); ++row) rows.push_back(samples.data() + row * block);
    for (std::size_t s = 0; s < power.size(); ++s) stems.push_back(rows.data() + 2 * s);
  }

  void callback() {
    float left[block];
    float right[block];
    const float* mix[] = {left, right};
    for (std::size_t i = 0; i < block; ++i, ++frame) {
      left[i] = 0.3F * std::sin(static_cast<float>(frame) * 0.01F);
      right[i] = 0.3F * std::sin(static_cast<float>(frame) * 0.08F);
    }
    stream.process(mix, stems.data(), block);
    for (std::size_t s = 0; s < power.size(); ++s) {
      for (std::size_t i = 0; i < block; ++i) power[s] += std::pow(static_cast<double>(stems[s][0][i]), 2);
    }
  }

  demucs_ort::Stream& stream;
  std::vector<float> samples;
  std::vector<double> power;
  std::vector<float*> rows;
  std::vector<float* const*> stems;
  std::size_t frame = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto model = demucs_ort::Model::load(argv[1]);
    demucs_ort::Stream stream(model, demucs_ort::Stream::recommend(model));
    const auto rate = static_cast<std::size_t>(model->info().sample_rate);
    std::printf("latency  %.3f s\n", static_cast<double>(stream.latency_frames()) / static_cast<double>(rate));

    AudioThread audio(stream);
    auto next = std::chrono::steady_clock::now();
    while (audio.frame < seconds * rate) {
      audio.callback();
      next += std::chrono::microseconds(1000000 * block / rate);
      std::this_thread::sleep_until(next);
    }
    for (std::size_t s = 0; s < stream.stems().size(); ++s) {
      std::printf("%-8s %.4f\n", stream.stems()[s].c_str(),
                  std::sqrt(audio.power[s] / static_cast<double>(audio.frame - stream.latency_frames())));
    }
    std::printf("late     %llu\n", static_cast<unsigned long long>(stream.underruns()));
  } catch (const demucs_ort::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
