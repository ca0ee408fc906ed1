// What a host does first: load a model, separate, catch the error of a file that is no model. usage: consumer_cpp MODEL
#include <cstdio>
#include <demucs_ort/demucs_ort.hpp>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  demucs_ort::Separator separator(demucs_ort::Model::load(argv[1]));
  std::vector<float> mix(1500, 0.0F);
  mix[700] = 0.5F;
  mix[701] = -0.5F;
  std::vector<float> out(separator.stems().size() * 2 * mix.size());
  const float* channels[] = {mix.data(), mix.data()};
  std::vector<float*> rows;
  for (std::size_t row = 0; row < separator.stems().size() * 2; ++row) rows.push_back(out.data() + row * mix.size());
  std::vector<float* const*> stems;
  for (std::size_t s = 0; s < separator.stems().size(); ++s) stems.push_back(rows.data() + 2 * s);
  separator.separate(channels, mix.size(), stems.data());
  for (std::size_t s = 0; s < stems.size(); ++s) {
    std::printf("%s %.3f\n", separator.stems()[s].c_str(), static_cast<double>(stems[s][1][700]));
  }
  try {
    demucs_ort::SeparatorOptions options;
    options.sample_rate = 48000;
    demucs_ort::Separator(demucs_ort::Model::load(argv[1]), options);
    std::puts("any rate");
  } catch (const demucs_ort::Error& error) {
    std::puts(error.what());
  }
  try {
    demucs_ort::Model::load(argv[0]);
  } catch (const demucs_ort::Error& error) {
    std::printf("status %d\n", static_cast<int>(error.status()));
  }
}
