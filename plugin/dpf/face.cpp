// The face: what the plug-in shows and lets one set, where the host has a window for it.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "DistrhoUI.hpp"
#include "core/stem_source.hpp"
#include "face_widgets.hpp"
#include "parameters.hpp"

START_NAMESPACE_DISTRHO
namespace {

using namespace demucs_ort::plugin;

// As stem files have them by default.
constexpr std::array<Shade, stem_count> stem_shades{shade(0x009e73), shade(0xd55e00), shade(0xcc79a7), shade(0x56b4e9)};
// Of `SourceState`: what is said as long as nothing is wrong, or where the face cannot ask the plug-in.
constexpr std::array<const char*, 8> state_sentences{
    "Nothing is heard before the program starts the plug-in.",
    "Until it is loaded the mix is heard, as late as the stems will be.",
    "The stems come as late as chosen above. Programs that compensate for latency line them up with other tracks.",
    "The mix is heard instead. Choose a model file.",
    "The mix is heard instead. Choose a model that separates drums, bass, other and vocals.",
    "The mix is heard instead. Install ONNX Runtime, and load the plug-in again.",
    "The mix is heard instead. Choose a sample rate from 8 to 192 kHz.",
    "The mix is heard instead. Choose another model."};
// What to do about much load, with the live and with the safe latency.
constexpr std::array<const char*, latency_titles.size()> too_slow{
    "The computer is hardly fast enough for this model. Choose the safe latency, or a smaller model.",
    "The computer is hardly fast enough for this model. Choose a smaller one."};
constexpr int much_load = 90;   // percent
constexpr int most_told = 999;  // of percents and underruns

// Where things are, in pixels of a face that is not scaled.
constexpr double width = 480;
constexpr double margin = 16;
constexpr double inner = width - 2 * margin;
constexpr double strips_top = 60;
constexpr double strips_height = is_multi_out ? 62 : 262;
constexpr double model_top = strips_top + strips_height + 12;
constexpr double model_height = 46;
constexpr double state_top = model_top + model_height + 12;
constexpr double state_height = 92;
constexpr double height = state_top + state_height + margin;

constexpr double strip_gap = 12;
constexpr double strip_width = (inner - (stem_count - 1) * strip_gap) / stem_count;
constexpr double strip_left(std::uint32_t stem) { return margin + stem * (strip_width + strip_gap); }

std::string name_of(const std::string& model) {
  return model.empty() ? "htdemucs_demo.onnx" : model.substr(model.find_last_of("/\\") + 1);
}

std::string as_sentence(std::string text) {
  if (text.empty()) return text;
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text.back() == '.' ? text : text + ".";
}

[[maybe_unused]] std::string decibels(float value) {  // the variant with four outputs writes none
  if (value <= quietest) return "−∞ dB";
  char number[16];
  std::snprintf(number, sizeof number, "%.1f", std::abs(value));
  return (value > 0.05F ? "+" : value < -0.05F ? "−" : "") + std::string(number) + " dB";
}

class Face : public UI {
 public:
  Face() : UI(static_cast<uint>(width), static_cast<uint>(height), true) {
    if constexpr (!is_multi_out) {
      for (std::uint32_t stem = 0; stem < stem_count; ++stem) add_strip(stem);
    }
    for (std::uint32_t i = 0; i < latencies_.size(); ++i) {
      latencies_[i] = std::make_unique<Button>(this, Box{width - margin - 192 + i * 98, 18, 94, 28}, latency_titles[i]);
      latencies_[i]->on_click = [this, i] { choose(parameter::latency, static_cast<float>(i)); };
    }
    choose_model_ = std::make_unique<Button>(this, Box{width - 107, model_top + 9, 82, 28}, "Choose…");
    choose_model_->on_click = [this] { browse(); };
    demo_model_ = std::make_unique<Button>(this, Box{width - 209, model_top + 9, 94, 28}, "Demo model");
    demo_model_->on_click = [this] { set_model(""); };
    show_latency(0);
    show_model("");
  }

 protected:
  // ---------------------------------------------------------------------------------------------- from the plug-in

  void parameterChanged(std::uint32_t index, float value) override {
    if (index < parameter::latency) {
      show_fader(index, value);
    } else if (index == parameter::latency) {
      show_latency(value > 0.5F ? 1 : 0);
    } else if (index == parameter::state) {
      update(state_, static_cast<int>(std::lround(std::clamp(value, 0.0F, 7.0F))));
    } else if (index == parameter::underruns) {
      update(underruns_, static_cast<int>(std::lround(value)));
    } else if (index == parameter::load) {
      update(load_, static_cast<int>(std::lround(std::clamp(value, 0.0F, static_cast<float>(most_told)))));
    }
  }

  void stateChanged(const char* key, const char* value) override {
    if (std::string(key) == model_state) show_model(value);
  }

  void uiIdle() override {
#if DISTRHO_PLUGIN_WANT_DIRECT_ACCESS
    if (getPluginInstancePointer() == nullptr || ++idle_calls_ % 8 != 0) return;
    update(problem_, problem_of(getPluginInstancePointer()));
#endif
  }

  void uiFileBrowserSelected(const char* file) override {
    if (file != nullptr) set_model(file);
  }

  // ------------------------------------------------------------------------------------------------------- drawing

  void onCairoDisplay(const CairoGraphicsContext& context) override {
    cairo_t* const cairo = context.handle;
    cairo_set_source_rgb(cairo, shades::background.red, shades::background.green, shades::background.blue);
    cairo_paint(cairo);
    write(cairo, DISTRHO_PLUGIN_NAME, margin, 39, {is_multi_out ? 17.0 : 19.0, true}, shades::text);
    if (!is_multi_out) write(cairo, "Latency", width - margin - 202, 37, {12}, shades::faint, Align::right);
    for (std::uint32_t stem = 0; stem < stem_count; ++stem) draw_strip(cairo, stem);
    draw_model(cairo);
    draw_state(cairo);
  }

 private:
  void add_strip(std::uint32_t stem) {
    const double left = strip_left(stem);
    auto& fader = faders_[stem];
    fader = std::make_unique<Fader>(this, Box{left + 8, strips_top + 42, strip_width - 16, 152}, stem_shades[stem],
                                    quietest, loudest);
    fader->on_touch = [this, stem](bool begins) { editParameter(parameter::level + stem, begins); };
    fader->on_move = [this, stem](float value) {
      setParameterValue(parameter::level + stem, value);
      repaint();
    };
    const double button_width = (strip_width - 26) / 2;
    const double top = strips_top + strips_height - 36;
    mutes_[stem] = std::make_unique<Button>(this, Box{left + 10, top, button_width, 26}, "Mute");
    mutes_[stem]->on_click = [this, stem] { choose(parameter::mute + stem, mutes_[stem]->is_on() ? 0.0F : 1.0F); };
    solos_[stem] = std::make_unique<Button>(this, Box{left + 16 + button_width, top, button_width, 26}, "Solo");
    solos_[stem]->on_click = [this, stem] { choose(parameter::solo + stem, solos_[stem]->is_on() ? 0.0F : 1.0F); };
  }

  /// Sets a parameter as a whole gesture, here and in the plug-in.
  void choose(std::uint32_t index, float value) {
    editParameter(index, true);
    setParameterValue(index, value);
    editParameter(index, false);
    parameterChanged(index, value);
  }

  void show_fader(std::uint32_t index, float value) {
    const std::uint32_t stem = index % stem_count;
    if (index < parameter::mute) {
      faders_[stem]->set_value(value);
    } else {
      (index < parameter::solo ? mutes_ : solos_)[stem]->set_on(value > 0.5F);
    }
    const bool any_solo = std::any_of(solos_.begin(), solos_.end(), [](const auto& solo) { return solo->is_on(); });
    for (std::uint32_t s = 0; s < stem_count; ++s) {
      faders_[s]->set_heard(!mutes_[s]->is_on() && (!any_solo || solos_[s]->is_on()));
    }
    repaint();
  }

  void show_latency(std::size_t chosen) {
    for (std::size_t i = 0; i < latencies_.size(); ++i) latencies_[i]->set_on(i == chosen);
  }

  void show_model(const std::string& model) {
    model_ = model;
    demo_model_->setVisible(!model.empty());
    repaint();
  }

  template <typename Value>
  void update(Value& shown, const Value& value) {
    if (shown == value) return;
    shown = value;
    repaint();
  }

  void set_model(const std::string& model) {
    setState(model_state, model.c_str());
    show_model(model);
  }

  void browse() {
    const char* const home = std::getenv("HOME");
    const bool has_folder = !model_.empty() && model_[0] == '/';
    const std::string folder = has_folder ? model_.substr(0, model_.rfind('/') + 1) : home == nullptr ? "" : home;
    FileBrowserOptions options;
    options.title = DISTRHO_PLUGIN_NAME ": choose a model";
    options.startDir = folder.empty() ? nullptr : folder.c_str();
    openFileBrowser(options);
  }

  void draw_strip(cairo_t* cairo, std::uint32_t stem) const {
    const double left = strip_left(stem);
    const double center = left + strip_width / 2;
    fill(cairo, {left, strips_top, strip_width, strips_height}, 6, shades::panel);
    fill(cairo, {left + 10, strips_top + 8, strip_width - 20, 4}, 2, stem_shades[stem]);
    write(cairo, stem_titles[stem], center, strips_top + 33, {15, true}, shades::text, Align::center);
    if constexpr (is_multi_out) {
      const std::string outputs = std::to_string(2 * stem + 1) + " and " + std::to_string(2 * stem + 2);
      write(cairo, "Outputs " + outputs, center, strips_top + 51, {11}, shades::faint, Align::center);
    } else {
      write(cairo, decibels(faders_[stem]->value()), center, strips_top + 213, {13}, shades::text, Align::center);
    }
  }

  void draw_model(cairo_t* cairo) const {
    fill(cairo, {margin, model_top, inner, model_height}, 6, shades::panel);
    const double base = model_top + 28;
    write(cairo, "Model", margin + 12, base, {12}, shades::faint);
    const Font font{13, true};
    write(cairo, shortened(cairo, name_of(model_), width - 299, font), margin + 58, base, font, shades::text);
  }

  void draw_state(cairo_t* cairo) const {
    fill(cairo, {margin, state_top, inner, state_height}, 6, shades::panel);
    const auto state = static_cast<SourceState>(state_);
    const Shade light = state == SourceState::separating ? shades::good
                        : state == SourceState::loading  ? shades::accent
                        : state == SourceState::inactive ? shades::faint
                                                         : shades::warning;
    const double base = state_top + 25;
    fill(cairo, {margin + 12, base - 10, 10, 10}, 5, light);
    write(cairo, state_titles[static_cast<std::size_t>(state_)], margin + 30, base, {14, true}, shades::text);
    const bool is_slow = state == SourceState::separating && load_ > much_load;
    if (state == SourceState::separating) draw_load(cairo, base, is_slow ? shades::warning : shades::accent);
    const std::string sentence = !problem_.empty() ? as_sentence(problem_)
                                 : is_slow         ? too_slow[latencies_[1]->is_on() ? 1 : 0]
                                                   : state_sentences[static_cast<std::size_t>(state_)];
    double y = base + 22;
    for (const auto& line : wrapped(cairo, sentence, inner - 24, {12}, 3)) {
      write(cairo, line, margin + 12, y, {12}, shades::faint);
      y += 17;
    }
  }

  void draw_load(cairo_t* cairo, double base, const Shade& shade) const {
    const double right = width - margin - 12;
    const Font font{12};
    const std::string count = underruns_ > most_told ? std::to_string(most_told) + "+" : std::to_string(underruns_);
    write(cairo, count, right, base, font, underruns_ > 0 ? shades::warning : shades::text, Align::right);
    write(cairo, "Underruns", right - 38, base, font, shades::faint, Align::right);
    constexpr double bar = 60;
    const Box box{right - 222, base - 9, bar, 8};
    write(cairo, "Load", box.x - 8, base, font, shades::faint, Align::right);
    fill(cairo, box, 4, shades::groove);
    const double share = std::clamp(load_ / 100.0, 0.0, 1.0);
    if (share * bar >= 8) fill(cairo, {box.x, box.y, share * bar, 8}, 4, shade);
    write(cairo, std::to_string(load_) + " %", box.x + bar + 50, base, font, load_ > much_load ? shade : shades::text,
          Align::right);
  }

  std::array<std::unique_ptr<Fader>, stem_count> faders_;
  std::array<std::unique_ptr<Button>, stem_count> mutes_;
  std::array<std::unique_ptr<Button>, stem_count> solos_;
  std::array<std::unique_ptr<Button>, latency_titles.size()> latencies_;
  std::unique_ptr<Button> choose_model_;
  std::unique_ptr<Button> demo_model_;
  std::string model_;
  std::string problem_;
  int state_ = 0;
  int underruns_ = 0;
  int load_ = 0;  // percent
#if DISTRHO_PLUGIN_WANT_DIRECT_ACCESS
  unsigned idle_calls_ = 0;
#endif
};

}  // namespace

UI* createUI() { return new Face; }

END_NAMESPACE_DISTRHO
