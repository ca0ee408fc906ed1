#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

/// What lies in the folders of a library and is not taken for a track, counted by the reason.
class LeftOut {
 public:
  void add(const std::string& reason) { ++counts_[reason]; }
  /// A file whose ending (empty: it has none) is not one of audio.
  void add_no_audio(const std::string& ending);

  const std::map<std::string, std::size_t>& counts() const noexcept { return counts_; }
  /// For people; empty if nothing was left out.
  std::string sentence() const;

 private:
  std::map<std::string, std::size_t> counts_;
  std::set<std::string> endings_;
};
