#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

inline namespace demucs_ort_files {

/// One step on the way of a track's finished frames into its files. A stage takes the frames of all streams at once,
/// and passes on what it makes of them to the stage that follows it in its StageList.
class Stage {
 public:
  Stage() = default;
  Stage(const Stage&) = delete;  // the stage before points to it
  Stage& operator=(const Stage&) = delete;
  virtual ~Stage() = default;

  /// Takes the next frames: streams[stream][channel][frame].
  virtual void write(std::size_t frames, const float* const* const* streams) = 0;
  /// Called once after the last frames: passes on what the stage still holds.
  virtual void finish() {}

 protected:
  void pass_on(std::size_t frames, const float* const* const* streams) { next_->write(frames, streams); }

 private:
  friend class StageList;
  Stage* next_ = nullptr;
};

/// Stages, in the order in which the frames go through them.
class StageList {
 public:
  StageList() = default;
  StageList(const StageList&) = delete;
  StageList& operator=(const StageList&) = delete;
  /// From front to back: a stage may still pass on frames until it goes.
  ~StageList() {
    for (auto& stage : stages_) stage.reset();
  }

  template <typename Added, typename... Arguments>
  Added& add(Arguments&&... arguments) {
    auto stage = std::make_unique<Added>(std::forward<Arguments>(arguments)...);
    Added& added = *stage;
    if (!stages_.empty()) stages_.back()->next_ = &added;
    stages_.push_back(std::move(stage));
    return added;
  }

  void write(std::size_t frames, const float* const* const* streams) { stages_.front()->write(frames, streams); }
  void finish() {
    for (const auto& stage : stages_) stage->finish();
  }

 private:
  std::vector<std::unique_ptr<Stage>> stages_;
};

}  // namespace demucs_ort_files
