#include "model/model_weights.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

using namespace demucs_ort;

namespace {

/// A protobuf field with content.
std::string field(unsigned number, const std::string& content) {
  std::string size;
  std::size_t left = content.size();
  for (; left >= 0x80; left >>= 7U) size += static_cast<char>(left | 0x80U);
  size += static_cast<char>(left);
  return static_cast<char>(number << 3U | 2U) + size + content;
}

/// One with a small number.
std::string number(unsigned field, unsigned value) {
  return {static_cast<char>(field << 3U), static_cast<char>(value)};
}

/// ONNX's TensorProto of 5 x 7 elements, [dims as single fields], whose bytes are not there: nobody looks at them.
std::string tensor(unsigned type) { return number(1, 5) + number(1, 7) + number(2, type) + field(8, "name"); }

std::string model_of(const std::string& initializers) {
  return number(1, 8) + field(2, "pytorch") + field(7, field(1, "a node") + initializers) + field(14, "metadata");
}

std::uint64_t bytes_of(const std::string& model, bool computes_in_half = false) {
  const ReadAt read = [&](std::uint64_t offset, char* to, std::size_t size) {
    if (offset >= model.size()) return std::size_t{0};
    return model.copy(to, size, static_cast<std::size_t>(offset));
  };
  return loaded_weight_bytes(read, model.size(), computes_in_half);
}

}  // namespace

TEST(ModelWeights, AreTheShapesTimesTheTypes) {
  for (const auto& [type, bytes] : {std::pair{1U, 4U}, {2U, 1U}, {3U, 1U}, {6U, 4U}, {7U, 8U}, {9U, 1U}, {11U, 8U}}) {
    EXPECT_EQ(bytes_of(model_of(field(5, tensor(type)))), 35 * bytes) << type;
  }
  EXPECT_EQ(bytes_of(model_of(field(5, tensor(1)) + field(5, tensor(7)))), 35U * 12);
}

TEST(ModelWeights, InHalfPrecisionAreUnpackedUnlessTheModelComputesInIt) {
  EXPECT_EQ(bytes_of(model_of(field(5, tensor(10)))), 35U * 4);
  EXPECT_EQ(bytes_of(model_of(field(5, tensor(10))), true), 35U * 2);
}

TEST(ModelWeights, MayHavePackedShapes) {
  EXPECT_EQ(bytes_of(model_of(field(5, field(1, "\x90\x01\x03") + number(2, 1)))), 144U * 3 * 4);
}

TEST(ModelWeights, OfAnOrtFileAreItsSize) {
  EXPECT_EQ(bytes_of(std::string("\x08\0\0\0ORTM", 8) + std::string(92, 'x')), 100U);
}

TEST(ModelWeights, OfWhatIsNoModelAreNothing) {
  for (const std::string& bytes : {std::string(), std::string("This is not a model."), std::string(1000, '\xff')}) {
    EXPECT_EQ(bytes_of(bytes), 0U);
  }
  const auto whole = model_of(field(5, tensor(1)));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_LE(bytes_of(whole.substr(0, size)), 35U * 4);
  EXPECT_EQ(loaded_weight_bytes(std::filesystem::path("/nowhere/at/all.onnx"), false), 0U);
}

TEST(ModelWeights, OfAFile) {
  // One number of eight bytes and two of four (make_models.py).
  EXPECT_EQ(loaded_weight_bytes(std::filesystem::path(TEST_MODELS) / "gains.onnx", false), 16U);
}
