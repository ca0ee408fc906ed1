#include "common/ffmpeg_setup.hpp"

extern "C" {
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

inline namespace demucs_ort_files {

void set_up_ffmpeg() {
  av_log_set_level(AV_LOG_QUIET);
  av_max_alloc(256 << 20);
}

}  // namespace demucs_ort_files
