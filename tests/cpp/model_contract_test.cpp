#include "model/model_contract.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"

using namespace demucs_ort;

namespace {

struct File {
  std::map<std::string, std::string> metadata{
      {"schema_version", "1"},    {"model_name", "tiny"},     {"sample_rate", "44100"},
      {"channels", "2"},          {"segment_frames", "1000"}, {"sources", "drums,bass,other,vocals"},
      {"precision", "fp32"},      {"trained", "true"},        {"weights_sha256", std::string(64, 'a')},
      {"demucs_version", "4.1.0"}};
  std::vector<TensorSpec> inputs{{"mix", true, {-1, 2, 1000}}};
  std::vector<TensorSpec> outputs{{"stems", true, {-1, 4, 2, 1000}}};

  ModelInfo read() const {
    return read_contract(inputs, outputs, [this](const std::string& key) -> std::optional<std::string> {
      const std::string prefix = "demucs_ort.";
      if (key.rfind(prefix, 0) != 0) return std::nullopt;
      const auto found = metadata.find(key.substr(prefix.size()));
      if (found == metadata.end()) return std::nullopt;
      return found->second;
    });
  }
};

/// The sentence with which the file is refused.
std::string refusal(const File& file) {
  try {
    file.read();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::bad_model);
    return error.what();
  }
  return "(accepted)";
}

}  // namespace

TEST(ModelContract, ReadsAllFields) {
  const ModelInfo info = File().read();
  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.sample_rate, 44100);
  EXPECT_EQ(info.channels, 2U);
  EXPECT_EQ(info.segment_frames, 1000U);
  EXPECT_EQ(info.sources, (std::vector<std::string>{"drums", "bass", "other", "vocals"}));
  EXPECT_TRUE(info.trained);
  EXPECT_EQ(info.weights_sha256, std::string(64, 'a'));
}

TEST(ModelContract, DescriptionMayBeAbsent) {
  File file;
  EXPECT_EQ(file.read().description, "");
  file.metadata["description"] = "for trying";
  EXPECT_EQ(file.read().description, "for trying");
}

TEST(ModelContract, AcceptsAStaticBatchOfOne) {
  File file;
  file.inputs[0].shape[0] = 1;
  file.outputs[0].shape[0] = 1;
  EXPECT_NO_THROW(file.read());
}

TEST(ModelContract, NamesEachMissingField) {
  for (const auto& [key, value] : File().metadata) {
    File file;
    file.metadata.erase(key);
    EXPECT_NE(refusal(file).find("'demucs_ort." + key + "'"), std::string::npos) << refusal(file);
  }
}

TEST(ModelContract, RefusesMalformedFields) {
  const std::pair<const char*, const char*> cases[] = {
      {"sample_rate", "fast"},     {"sample_rate", "0"},      {"sample_rate", "-1"},
      {"channels", "2x"},          {"segment_frames", ""},    {"segment_frames", "1e3"},
      {"sources", "drums,"},       {"sources", "a,a"},        {"sources", "../evil"},
      {"sources", "sub/dir,bass"}, {"sources", ".hidden"},    {"trained", "maybe"},
      {"sources", "a:b"},          {"sources", "a\nb"},       {"model_name", "a\x1b[2Jb"},
      {"schema_version", "2"},     {"schema_version", "one"}, {"segment_frames", "99999999999999999999"}};
  for (const auto& [key, value] : cases) {
    File file;
    file.metadata[key] = value;
    EXPECT_NE(refusal(file), "(accepted)") << key << " = " << value;
  }
}

TEST(ModelContract, RefusesTensorsThatContradictTheMetadata) {
  const auto change = [](const std::function<void(File&)>& edit) {
    File file;
    edit(file);
    return refusal(file);
  };
  EXPECT_NE(change([](File& f) { f.inputs[0].shape = {-1, 2, 999}; }).find("[batch, 2, 999]"), std::string::npos);
  EXPECT_NE(change([](File& f) { f.inputs[0].shape = {-1, 1, 1000}; }), "(accepted)");
  EXPECT_NE(change([](File& f) { f.inputs[0].shape = {2, 2, 1000}; }), "(accepted)");
  EXPECT_NE(change([](File& f) { f.inputs[0].shape = {}; }), "(accepted)");
  EXPECT_NE(change([](File& f) { f.inputs[0].name = "input"; }).find("named 'mix'"), std::string::npos);
  EXPECT_NE(change([](File& f) { f.inputs[0].is_float32 = false; }).find("float32"), std::string::npos);
  EXPECT_NE(change([](File& f) { f.inputs.push_back(f.inputs[0]); }), "(accepted)");
  EXPECT_NE(change([](File& f) { f.outputs.clear(); }), "(accepted)");
  EXPECT_NE(change([](File& f) { f.outputs[0].shape[1] = 6; }), "(accepted)");
}

TEST(ModelContract, LimitsSizes) {
  const auto refused = [](const char* key, const std::string& value) {
    File file;
    file.metadata[key] = value;
    return refusal(file) != "(accepted)";
  };
  EXPECT_TRUE(refused("sample_rate", "7999"));
  EXPECT_FALSE(refused("sample_rate", "8000"));
  EXPECT_FALSE(refused("sample_rate", "768000"));
  EXPECT_TRUE(refused("sample_rate", "768001"));
  EXPECT_TRUE(refused("sources", std::string(101, 'a')));
  EXPECT_TRUE(refused("sources", std::string(100'000'000, ',')));

  const auto with_frames = [](std::int64_t frames) {
    File file;
    file.metadata["segment_frames"] = std::to_string(frames);
    file.inputs[0].shape[2] = frames;
    file.outputs[0].shape[3] = frames;
    return refusal(file);
  };
  EXPECT_EQ(with_frames((1 << 25) / 8), "(accepted)");
  EXPECT_NE(with_frames((1 << 25) / 8 + 1).find("more than this library takes"), std::string::npos);
  EXPECT_NE(with_frames(2147483647).find("more than this library takes"), std::string::npos);
}

TEST(ModelContract, FindsReferencesHoweverTheirLengthIsWritten) {
  const auto refused = [](const std::string& bytes) {
    try {
      check_self_contained(bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::bad_model);
      return true;
    }
    return false;
  };
  using namespace std::string_literals;
  EXPECT_TRUE(refused("j\x10\n\x08location\x12\x01x"s));
  EXPECT_TRUE(refused("\n\x88\x80\x80\x80\x00location"s));
  EXPECT_TRUE(
      refused("\x09\x00\x00\x00"
              "EPContext"s));
  EXPECT_FALSE(refused("/allocation/my location: location\nlocatio\x08locatio"s));
  EXPECT_FALSE(refused(""s));
}

TEST(ModelContract, FindsReferencesAtTheEdgesOfWhatIsReadAtOnce) {
  const auto path = std::filesystem::path(testing::TempDir()) / "reference";
  for (const std::ptrdiff_t offset : {-20, -9, -8, -4, -1, 0, 1, 5}) {
    std::string bytes(2'500'000, 'x');
    bytes.replace(static_cast<std::size_t>((1 << 20) + offset), 9, "\x08location");
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_THROW(check_file_self_contained(path), Error) << offset;
  }
  std::ofstream(path, std::ios::binary) << std::string(2'500'000, 'x');
  EXPECT_NO_THROW(check_file_self_contained(path));
  std::filesystem::remove(path);
}
