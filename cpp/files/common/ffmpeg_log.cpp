#include "common/ffmpeg_log.hpp"

extern "C" {
#include <libavutil/log.h>
}

void silence_ffmpeg() { av_log_set_level(AV_LOG_QUIET); }
