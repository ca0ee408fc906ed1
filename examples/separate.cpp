// Separates five seconds of two tones in memory and prints the level of every stem.
// usage: separate MODEL.onnx
#include <cmath>
#include <cstdio>
#include <demucs_ort/demucs_ort.hpp>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    demucs_ort::Separator separator(demucs_ort::Model::load(argv[1]));
    const std::size_t frames = 5 * 44100;
    std::vector<float> left(frames);
    std::vector<float> right(frames);
    for (std::size_t i = 0; i < frames; ++i) {
      left[i] = 0.3F * std::sin(static_cast<float>(i) * 0.01F);
      right[i] = 0.3F * std::sin(static_cast<float>(i) * 0.08F);
    }
    const float* mix[] = {left.data(), right.data()};

    const auto& names = separator.stems();
    std::vector<std::vector<float>> samples(2 * names.size(), std::vector<float>(frames));
    std::vector<float*> rows;
    for (auto& row : samples) rows.push_back(row.data());
    std::vector<float* const*> stems;
    for (std::size_t s = 0; s < names.size(); ++s) stems.push_back(rows.data() + 2 * s);

    separator.separate(mix, frames, stems.data());
    for (std::size_t s = 0; s < names.size(); ++s) {
      double power = 0;
      for (const float sample : samples[2 * s]) power += static_cast<double>(sample) * static_cast<double>(sample);
      std::printf("%-8s %.4f\n", names[s].c_str(), std::sqrt(power / static_cast<double>(frames)));
    }
  } catch (const demucs_ort::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
