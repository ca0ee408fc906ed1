#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// A figure: one value, or one for each deck. Its unit is in its name; null: it did not happen.
struct Row {
  std::string name;
  std::vector<std::optional<double>> values;
};

inline std::string text_of(const std::optional<double>& value) {
  std::ostringstream text;
  text.precision(12);
  if (value) text << std::round(1000 * *value) / 1000;
  return value ? text.str() : "null";
}

inline void print_table(const std::vector<Row>& rows) {
  std::printf("%-26s%11s%11s%11s%11s\n", "", "deck 1", "deck 2", "deck 3", "deck 4");
  for (const Row& row : rows) {
    std::printf("%-26s", row.name.c_str());
    for (const auto& value : row.values) std::printf("%11s", text_of(value).c_str());
    std::puts("");
  }
}

/// The same as a JSON object of numbers and, for the decks, arrays.
inline void write_json(const std::vector<Row>& rows, const std::string& file) {
  std::ofstream out(file);
  const char* before = "{\n";
  for (const Row& row : rows) {
    out << std::exchange(before, ",\n") << "  \"" << row.name << (row.values.size() > 1 ? "\": [" : "\": ");
    for (std::size_t v = 0; v < row.values.size(); ++v) out << (v > 0 ? ", " : "") << text_of(row.values[v]);
    if (row.values.size() > 1) out << "]";
  }
  if (!(out << "\n}\n" << std::flush)) throw std::runtime_error("cannot write '" + file + "'");
}
