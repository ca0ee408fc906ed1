#include "left_out.hpp"

#include <cstddef>
#include <string>

namespace {

const std::string no_audio = "no audio";

}  // namespace

void LeftOut::add_no_audio(const std::string& ending) {
  add(no_audio);
  endings_.insert(ending.empty() ? "without ending" : ending);
}

std::string LeftOut::sentence() const {
  constexpr std::size_t shown = 8;
  std::string text;
  for (const auto& [reason, count] : counts_) {
    text += (text.empty() ? "left out of the folders: " : "; ") + std::to_string(count) + " " + reason;
    if (reason != no_audio) continue;
    std::size_t number = 0;
    for (const auto& ending : endings_) {
      if (++number <= shown) text += (number == 1 ? " (" : ", ") + ending;
    }
    text += number > shown ? ", ...)" : ")";
  }
  return text;
}
