#include "write/wav_header.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "write/finished_file.hpp"

inline namespace demucs_ort_files {

void name_plain_wav_format(const std::filesystem::path& path) {
  constexpr std::size_t chunk_header = 8, extensible_size = 40;
  constexpr std::uint64_t extensible = 0xFFFE, integers = 1;
  FinishedFile file(path);
  std::uint64_t at = 12;  // behind RIFF, size and WAVE
  std::string header = file.read(at, chunk_header);
  while (header.compare(0, 4, "fmt ") != 0) {
    const std::uint64_t size = little_endian(header, 4, 4);
    at += chunk_header + size + size % 2;
    header = file.read(at, chunk_header);
  }
  if (little_endian(header, 4, 4) != extensible_size) return;
  const std::string format = file.read(at + chunk_header, extensible_size);
  if (little_endian(format, 0, 2) != extensible || little_endian(format, 2, 2) > 2) return;
  const std::uint64_t tag = little_endian(format, 24, 2);
  // Floats say that nothing is appended. What is left of the chunk becomes one that everybody skips.
  std::string plain = little_endian_bytes(tag, 2) + format.substr(2, 14);
  if (tag != integers) plain += little_endian_bytes(0, 2);
  const std::size_t rest = extensible_size - plain.size() - chunk_header;
  file.write(at + 4, little_endian_bytes(plain.size(), 4) + plain + "JUNK" + little_endian_bytes(rest, 4) +
                         std::string(rest, '\0'));
  file.close();
}

}  // namespace demucs_ort_files
