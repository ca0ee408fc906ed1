#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// Several models that separate as one: each stem is the weighted mean of theirs, as in demucs' `BagOfModels`.
struct Bag {
  struct Member {
    std::filesystem::path file;
    std::string weights_sha256;  ///< of the model that the file must hold
    std::vector<float> shares;   ///< by source; over all members a source's shares add up to one
  };

  ModelInfo info;
  std::vector<Member> members;
};

/// Reads the NAME.json that demucs-export wrote for a bag; its members lie beside it, of each the .onnx file if it is
/// there, else the .ort file. Throws Error bad_model, with one sentence that names what is wrong.
Bag read_bag(const std::filesystem::path& manifest);

/// Throws Error bad_model unless the loaded `member` is what the bag expects at that place.
void check_member(const Bag& bag, const Bag::Member& member, const ModelInfo& info);

}  // namespace demucs_ort
