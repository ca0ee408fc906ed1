// The JSON of a bag of models, as a file; two members lie beside it.
#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>

#include "demucs_ort/error.hpp"
#include "input.hpp"
#include "model/bag.hpp"

using namespace demucs_ort;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("demucs_ort_fuzz-" + std::to_string(getpid()))) {
    fs::create_directories(path_);
    for (const char* name : {"gains.onnx", "other.ort"}) std::ofstream(path_ / name) << "a model";
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  const auto manifest = folder.path() / "bag.json";
  std::ofstream(manifest, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    const Bag bag = read_bag(manifest);
    expect(!bag.members.empty() && bag.info.members.size() == bag.members.size(), "a bag of nothing");
    for (const auto& member : bag.members) {
      expect(member.file.parent_path() == folder.path(), "a member outside of the bag's folder");
      expect(member.shares.size() == bag.info.sources.size(), "shares for other sources than there are");
      for (const float share : member.shares) expect(std::isfinite(share), "a share that is no number");
    }
  } catch (const Error& error) {
    expect(error.status() == Status::bad_model, "a status that does not blame the model");
  }
  return 0;
}
