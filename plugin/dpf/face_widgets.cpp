#include "face_widgets.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace demucs_ort::plugin {
namespace {

void set(cairo_t* cairo, const Shade& shade) { cairo_set_source_rgb(cairo, shade.red, shade.green, shade.blue); }

void set(cairo_t* cairo, Font font) {
  cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         font.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, font.size);
}

bool continues(char letter) { return (static_cast<unsigned char>(letter) & 0xC0) == 0x80; }

/// Bytes of the UTF-8 letter that begins here; 0: none does.
std::size_t letter_at(const std::string& text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t size = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : 0;
  if (size == 0 || at + size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(text[at + i])) return 0;
  }
  const auto second = static_cast<unsigned char>(size == 3 ? text[at + 1] : 0);
  const bool is_surrogate_or_too_long =
      size == 3 && ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F));
  return is_surrogate_or_too_long ? 0 : size;
}

/// Cairo refuses to go on after text that is no UTF-8, which names of files need not be.
std::string readable(const std::string& text) {
  std::string good;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = letter_at(text, at);
    good += size == 0 ? "?" : text.substr(at, size);
    at += std::max<std::size_t>(size, 1);
  }
  return good;
}

constexpr double handle_height = 18;

}  // namespace

void fill(cairo_t* cairo, const Box& box, double radius, const Shade& shade) {
  constexpr double quarter = 1.5707963267948966;
  const double right = box.x + box.width - radius;
  const double bottom = box.y + box.height - radius;
  cairo_new_sub_path(cairo);
  cairo_arc(cairo, right, box.y + radius, radius, -quarter, 0);
  cairo_arc(cairo, right, bottom, radius, 0, quarter);
  cairo_arc(cairo, box.x + radius, bottom, radius, quarter, 2 * quarter);
  cairo_arc(cairo, box.x + radius, box.y + radius, radius, 2 * quarter, 3 * quarter);
  cairo_close_path(cairo);
  set(cairo, shade);
  cairo_fill(cairo);
}

double width_of(cairo_t* cairo, const std::string& text, Font font) {
  cairo_text_extents_t extents;
  set(cairo, font);
  cairo_text_extents(cairo, readable(text).c_str(), &extents);
  return extents.x_advance;
}

void write(cairo_t* cairo, const std::string& text, double x, double y, Font font, const Shade& shade, Align align) {
  const double width = align == Align::left ? 0 : width_of(cairo, text, font);
  set(cairo, font);
  set(cairo, shade);
  cairo_move_to(cairo, align == Align::center ? x - width / 2 : x - width, y);
  cairo_show_text(cairo, readable(text).c_str());
}

std::string shortened(cairo_t* cairo, const std::string& text, double width, Font font) {
  std::string head = readable(text);
  if (width_of(cairo, head, font) <= width) return head;
  std::string tail = head.substr(head.size() / 2);
  head.resize(head.size() / 2);
  const auto is_too_wide = [&] { return width_of(cairo, head + "…" + tail, font) > width; };
  while (!head.empty() && (continues(tail[0]) || is_too_wide())) {
    while (!head.empty() && continues(head.back())) head.pop_back();
    if (!head.empty()) head.pop_back();
    if (!tail.empty()) tail.erase(0, 1);
    while (!tail.empty() && continues(tail[0])) tail.erase(0, 1);
  }
  return head + "…" + tail;
}

std::vector<std::string> wrapped(cairo_t* cairo, const std::string& text, double width, Font font, std::size_t most) {
  std::vector<std::string> lines{""};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    const std::string longer = lines.back().empty() ? word : lines.back() + " " + word;
    if (width_of(cairo, longer, font) <= width || lines.back().empty()) {
      lines.back() = shortened(cairo, longer, width, font);
    } else if (lines.size() == most) {
      lines.back() += " …";
      break;
    } else {
      lines.push_back(shortened(cairo, word, width, font));
    }
    at = end + 1;
  }
  return lines;
}

// ----------------------------------------------------------------------------------------------------------------
// Fader

Fader::Fader(DGL_NAMESPACE::Widget* parent, const Box& box, const Shade& shade, float lowest, float highest)
    : DGL_NAMESPACE::CairoSubWidget(parent), shade_(shade), lowest_(lowest), highest_(highest) {
  setAbsolutePos(static_cast<int>(box.x), static_cast<int>(box.y));
  setSize(static_cast<unsigned>(box.width), static_cast<unsigned>(box.height));
}

// The louder, the more room for a decibel.
double Fader::place_of(float decibels) const {
  const double share = (decibels - lowest_) / (highest_ - lowest_);
  return handle_height / 2 + (getHeight() - handle_height) * (1 - share * share);
}

float Fader::value_at(double place) const {
  const double share = 1 - (place - handle_height / 2) / (getHeight() - handle_height);
  const double decibels = lowest_ + (highest_ - lowest_) * std::sqrt(std::clamp(share, 0.0, 1.0));
  return static_cast<float>(std::round(decibels * 10) / 10);
}

void Fader::set_value(float decibels) {
  value_ = std::clamp(decibels, lowest_, highest_);
  repaint();
}

void Fader::set_heard(bool heard) {
  if (heard == heard_) return;
  heard_ = heard;
  repaint();
}

void Fader::move(float decibels) {
  const float before = value_;
  set_value(decibels);
  if (value_ != before && on_move) on_move(value_);
}

void Fader::onCairoDisplay(const DGL_NAMESPACE::CairoGraphicsContext& context) {
  cairo_t* const cairo = context.handle;
  const double center = getWidth() / 2.0;
  const double bottom = getHeight() - handle_height / 2;
  const double place = place_of(value_);
  const Shade lit = heard_ ? shade_ : shades::hovered;
  for (const float mark : {6.0F, 0.0F, -6.0F, -12.0F, -24.0F, -60.0F}) {
    const double y = std::round(place_of(mark));
    fill(cairo, {center + 16, y, mark == 0 ? 10.0 : 6.0, 1}, 0, mark == 0 ? shades::text : shades::faint);
    const std::string sign = mark > 0 ? "+" : mark < 0 ? "−" : "";
    const std::string number = mark == lowest_ ? "∞" : std::to_string(static_cast<int>(std::abs(mark)));
    write(cairo, sign + number, center - 16, y + 4, {11}, shades::faint, Align::right);
  }
  fill(cairo, {center - 3, handle_height / 2, 6, bottom - handle_height / 2}, 3, shades::groove);
  if (bottom - place > 6) fill(cairo, {center - 3, place, 6, bottom - place}, 3, lit);
  fill(cairo, {center - 13, place - handle_height / 2 + 1, 26, handle_height - 2}, 4, shades::text);
  fill(cairo, {center - 13, place - 1, 26, 2}, 0, heard_ ? shade_ : shades::control);
}

bool Fader::onMouse(const MouseEvent& event) {
  if (event.button != DGL_NAMESPACE::kMouseButtonLeft) return false;
  if (!event.press) {
    if (!dragged_) return false;
    dragged_ = false;
    if (on_touch) on_touch(false);
    return true;
  }
  if (!contains(event.pos)) return false;
  const bool is_double = clicked_ && event.time - last_click_ < 300;
  clicked_ = !is_double;
  last_click_ = event.time;
  if (on_touch) on_touch(true);
  if (is_double) {
    move(0);
    if (on_touch) on_touch(false);
    return true;
  }
  dragged_ = true;
  last_place_ = event.pos.getY();
  handle_ = place_of(value_);
  if (std::abs(last_place_ - handle_) > handle_height / 2) {
    handle_ = last_place_;
    move(value_at(handle_));
  }
  return true;
}

bool Fader::onMotion(const MotionEvent& event) {
  if (!dragged_) return false;
  const double way = event.pos.getY() - last_place_;
  last_place_ = event.pos.getY();
  clicked_ = false;
  handle_ += (event.mod & DGL_NAMESPACE::kModifierShift) != 0 ? way / 10 : way;
  move(value_at(handle_));
  return true;
}

bool Fader::onScroll(const ScrollEvent& event) {
  if (!contains(event.pos) || dragged_) return false;
  const double steps = event.direction == DGL_NAMESPACE::kScrollUp     ? 1
                       : event.direction == DGL_NAMESPACE::kScrollDown ? -1
                                                                       : event.delta.getY();
  if (on_touch) on_touch(true);
  move(value_ + static_cast<float>(steps / 2));
  if (on_touch) on_touch(false);
  return true;
}

// ---------------------------------------------------------------------------------------------------------------
// Button

Button::Button(DGL_NAMESPACE::Widget* parent, const Box& box, std::string label)
    : DGL_NAMESPACE::CairoSubWidget(parent), label_(std::move(label)) {
  setAbsolutePos(static_cast<int>(box.x), static_cast<int>(box.y));
  setSize(static_cast<unsigned>(box.width), static_cast<unsigned>(box.height));
}

void Button::set_on(bool on) {
  on_ = on;
  repaint();
}

void Button::onCairoDisplay(const DGL_NAMESPACE::CairoGraphicsContext& context) {
  const Shade body = on_ ? shades::accent : hovered_ ? shades::hovered : shades::control;
  const Shade letters = on_ ? shades::groove : shades::text;
  const double height = getHeight();
  fill(context.handle, {0, 0, static_cast<double>(getWidth()), height}, 5, body);
  write(context.handle, label_, getWidth() / 2.0, height / 2 + 4.5, {12, on_}, letters, Align::center);
}

bool Button::onMouse(const MouseEvent& event) {
  if (event.button != DGL_NAMESPACE::kMouseButtonLeft || !event.press || !contains(event.pos)) return false;
  if (on_click) on_click();
  return true;
}

bool Button::onMotion(const MotionEvent& event) {
  const bool inside = contains(event.pos);
  if (inside != hovered_) {
    hovered_ = inside;
    repaint();
  }
  return false;  // another one may have been left
}

}  // namespace demucs_ort::plugin
