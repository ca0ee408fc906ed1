#pragma once

#include <iomanip>
#include <ios>
#include <locale>
#include <sstream>
#include <string>

namespace demucs_ort {

/// The number with so many decimals, behind a point in every locale of the host.
inline std::string decimal(double number, int decimals) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << std::fixed << std::setprecision(decimals) << number;
  return text.str();
}

}  // namespace demucs_ort
