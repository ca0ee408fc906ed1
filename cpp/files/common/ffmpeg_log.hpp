#pragma once

/// Keeps FFmpeg from printing, in this whole process: failures are reported in our own sentence.
void silence_ffmpeg();
