// What the face is made of: boxes, text, faders and buttons, drawn with Cairo.
#pragma once

#include <cairo.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "Cairo.hpp"

namespace demucs_ort::plugin {

struct Shade {
  double red, green, blue;
};
constexpr Shade shade(unsigned code) {
  return {static_cast<double>(code >> 16 & 255) / 255, static_cast<double>(code >> 8 & 255) / 255,
          static_cast<double>(code & 255) / 255};
}

namespace shades {
inline constexpr Shade background = shade(0x17191d);
inline constexpr Shade panel = shade(0x22252b);
inline constexpr Shade groove = shade(0x0e0f12);
inline constexpr Shade control = shade(0x343943);
inline constexpr Shade hovered = shade(0x434955);
inline constexpr Shade text = shade(0xeceef1);
inline constexpr Shade faint = shade(0xa3aab5);
inline constexpr Shade accent = shade(0xe9c46a);
inline constexpr Shade good = shade(0x4cc38a);
inline constexpr Shade warning = shade(0xff7566);
}  // namespace shades

struct Box {
  double x, y, width, height;
};

void fill(cairo_t* cairo, const Box& box, double radius, const Shade& shade);

enum class Align { left, center, right };
struct Font {
  double size;  // pixels
  bool bold = false;
};

/// One line; `x` is its left end, its center or its right end, `y` its base. Text may be any bytes.
void write(cairo_t* cairo, const std::string& text, double x, double y, Font font, const Shade& shade,
           Align align = Align::left);
double width_of(cairo_t* cairo, const std::string& text, Font font);
/// The text, or its beginning and its end, if it is wider than that.
std::string shortened(cairo_t* cairo, const std::string& text, double width, Font font);
/// The text in lines that are no wider than that; of what `most` lines do not hold, the end is missing.
std::vector<std::string> wrapped(cairo_t* cairo, const std::string& text, double width, Font font, std::size_t most);

/// A level in decibels, up and down. Double click: 0 dB; wheel: half a decibel a step; with Shift a tenth of the way.
class Fader : public DGL_NAMESPACE::CairoSubWidget {
 public:
  Fader(DGL_NAMESPACE::Widget* parent, const Box& box, const Shade& shade, float lowest, float highest);

  std::function<void(bool begins)> on_touch;
  std::function<void(float decibels)> on_move;

  float value() const { return value_; }
  void set_value(float decibels);  // calls nobody
  void set_heard(bool heard);      // whether to draw it in colour

 protected:
  void onCairoDisplay(const DGL_NAMESPACE::CairoGraphicsContext& context) override;
  bool onMouse(const MouseEvent& event) override;
  bool onMotion(const MotionEvent& event) override;
  bool onScroll(const ScrollEvent& event) override;

 private:
  double place_of(float decibels) const;  // in pixels from the top
  float value_at(double place) const;
  void move(float decibels);

  const Shade shade_;
  const float lowest_;
  const float highest_;
  float value_ = 0;
  bool heard_ = true;
  bool dragged_ = false;
  double last_place_ = 0;  // of the pointer
  double handle_ = 0;      // where the handle would be, without the steps of its value
  unsigned last_click_ = 0;
  bool clicked_ = false;
};

class Button : public DGL_NAMESPACE::CairoSubWidget {
 public:
  Button(DGL_NAMESPACE::Widget* parent, const Box& box, std::string label);

  std::function<void()> on_click;

  bool is_on() const { return on_; }
  void set_on(bool on);

 protected:
  void onCairoDisplay(const DGL_NAMESPACE::CairoGraphicsContext& context) override;
  bool onMouse(const MouseEvent& event) override;
  bool onMotion(const MotionEvent& event) override;

 private:
  const std::string label_;
  bool on_ = false;
  bool hovered_ = false;
};

}  // namespace demucs_ort::plugin
