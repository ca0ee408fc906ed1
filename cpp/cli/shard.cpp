#include "shard.hpp"

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

#include "common/exit_error.hpp"
#include "common/short_hash.hpp"

namespace {

constexpr unsigned most_shards = 1'000'000;

/// FNV-1a leaves the low bits of its hash to those of the text alone; this spreads them (the finalizer of MurmurHash3).
std::uint64_t spread(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

/// A whole number that is all of a text; 0 if it is none.
unsigned number_in(const char* begin, const char* end) {
  unsigned number = 0;
  const auto [rest, error] = std::from_chars(begin, end, number);
  return error == std::errc() && rest == end ? number : 0;
}

}  // namespace

bool Shard::has(const std::string& place) const { return spread(fnv1a(place)) % count + 1 == number; }

Shard parse_shard(const std::string& text) {
  const auto slash = text.find('/');
  Shard shard{0, 0};
  if (slash != std::string::npos) {
    const char* begin = text.data();
    shard = {number_in(begin, begin + slash), number_in(begin + slash + 1, begin + text.size())};
  }
  if (shard.number < 1 || shard.number > shard.count || shard.count > most_shards) {
    throw ExitError(exit_usage, "--shard takes NUMBER/COUNT such as 3/16, from 1/16 to 16/16, not '" + text + "'");
  }
  return shard;
}

std::string to_text(const Shard& shard) { return std::to_string(shard.number) + "/" + std::to_string(shard.count); }
