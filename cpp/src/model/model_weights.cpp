#include "model/model_weights.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <optional>
#include <string_view>
#include <system_error>

namespace demucs_ort {
namespace {

// Where ONNX's protobuf messages have what is needed here.
constexpr std::uint64_t graph_of_model = 7;
constexpr std::uint64_t initializer_of_graph = 5;
constexpr std::uint64_t dims_of_tensor = 1;
constexpr std::uint64_t type_of_tensor = 2;

/// One field of a message: a number, or the place of its content.
struct Field {
  std::uint64_t number = 0;
  bool has_content = false;
  std::uint64_t value = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Walks the fields of a message without reading what it passes over.
class Message {
 public:
  Message(const ReadAt& read, std::uint64_t begin, std::uint64_t end) : read_(read), at_(begin), end_(end) {}

  /// Nothing: the message is at its end, or is no protobuf.
  std::optional<Field> next() {
    const auto key = number();
    if (!key) return std::nullopt;
    Field field;
    field.number = *key >> 3U;
    switch (*key & 7U) {
      case 0:
        return with_value(field);
      case 1:
        return passed(field, 8);
      case 2:
        return with_content(field);
      case 5:
        return passed(field, 4);
      default:
        return std::nullopt;
    }
  }

  std::optional<std::uint64_t> number() {
    std::array<char, 10> bytes{};
    const auto there = read_(at_, bytes.data(), static_cast<std::size_t>(std::min<std::uint64_t>(10, end_ - at_)));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < there; ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      value |= std::uint64_t{byte & 0x7FU} << (7 * i);
      if (byte < 0x80) {
        at_ += i + 1;
        return value;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Field> with_value(Field field) {
    const auto value = number();
    if (!value) return std::nullopt;
    field.value = *value;
    return field;
  }

  std::optional<Field> with_content(Field field) {
    const auto size = number();
    if (!size || *size > end_ - at_) return std::nullopt;
    field.has_content = true;
    field.begin = at_;
    field.end = at_ += *size;
    return field;
  }

  std::optional<Field> passed(Field field, std::uint64_t size) {
    if (size > end_ - at_) return std::nullopt;
    at_ += size;
    return field;
  }

  const ReadAt& read_;
  std::uint64_t at_;
  std::uint64_t end_;
};

/// By the numbers of ONNX's TensorProto.DataType.
std::uint64_t element_bytes(std::uint64_t type, bool computes_in_half) {
  switch (type) {
    case 2:  // uint8
    case 3:  // int8
    case 9:  // bool
      return 1;
    case 10:  // float16
      return computes_in_half ? 2 : 4;
    case 7:   // int64
    case 11:  // double
      return 8;
    default:
      return 4;
  }
}

std::uint64_t tensor_bytes(const ReadAt& read, const Field& tensor, bool computes_in_half) {
  std::uint64_t elements = 1;
  std::uint64_t type = 0;
  Message message(read, tensor.begin, tensor.end);
  while (const auto field = message.next()) {
    if (field->number == type_of_tensor && !field->has_content) type = field->value;
    if (field->number != dims_of_tensor) continue;
    if (!field->has_content) {
      elements *= field->value;
      continue;
    }
    Message packed(read, field->begin, field->end);
    while (const auto dim = packed.number()) elements *= *dim;
  }
  return elements * element_bytes(type, computes_in_half);
}

std::uint64_t onnx_bytes(const ReadAt& read, std::uint64_t size, bool computes_in_half) {
  std::uint64_t bytes = 0;
  Message model(read, 0, size);
  while (const auto part = model.next()) {
    if (part->number != graph_of_model || !part->has_content) continue;
    Message graph(read, part->begin, part->end);
    while (const auto field = graph.next()) {
      if (field->number != initializer_of_graph || !field->has_content) continue;
      bytes += tensor_bytes(read, *field, computes_in_half);
    }
  }
  return bytes;
}

}  // namespace

std::uint64_t loaded_weight_bytes(const ReadAt& read, std::uint64_t size, bool computes_in_half) {
  std::array<char, 8> first{};
  const bool is_ort = read(0, first.data(), first.size()) == first.size() &&
                      std::string_view(first.data(), first.size()).substr(4) == "ORTM";
  return is_ort ? size : onnx_bytes(read, size, computes_in_half);
}

std::uint64_t loaded_weight_bytes(const std::filesystem::path& file, bool computes_in_half) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return 0;
  std::ifstream stream(file, std::ios::binary);
  const ReadAt read = [&stream](std::uint64_t offset, char* to, std::size_t count) {
    stream.clear();
    stream.seekg(static_cast<std::streamoff>(offset));
    stream.read(to, static_cast<std::streamsize>(count));
    return static_cast<std::size_t>(stream.gcount());
  };
  return loaded_weight_bytes(read, size, computes_in_half);
}

}  // namespace demucs_ort
