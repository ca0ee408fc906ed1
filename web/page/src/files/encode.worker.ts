import { registerAacEncoder } from "@mediabunny/aac-encoder";
import { registerFlacEncoder } from "@mediabunny/flac-encoder";
import {
  AudioSample,
  AudioSampleSource,
  BufferTarget,
  FlacOutputFormat,
  Mp4OutputFormat,
  Output,
  Quality,
  StreamTarget,
  WavOutputFormat,
  type AudioEncodingConfig,
} from "mediabunny";
import { CHANNELS, readFrames } from "../audio/track";
import type { EncodeReply, EncodeRequest } from "./formats";
import { STEM_FILE_BITRATE, withStemBox } from "./stem_file";

declare const self: DedicatedWorkerGlobalScope;

// The same encoder in every browser, so that the files do not depend on it.
registerFlacEncoder();
registerAacEncoder();

self.onmessage = async ({ data }: MessageEvent<EncodeRequest>) => {
  try {
    reply({ type: "done", ...(await encode(data)) });
  } catch (error) {
    reply({ type: "failed", reason: error instanceof Error ? error.message : String(error) });
  }
};

const reply = (message: EncodeReply) => self.postMessage(message);

async function encode(request: EncodeRequest): Promise<{ file: Blob; clipped: number }> {
  const { format, parts, sampleRate, frames } = request;
  const target = await openTarget(request);
  const output = new Output({ format: containers[format](), target: target.target });
  const sources = parts.map((part, index) => {
    const source = new AudioSampleSource(codecs[format]);
    // Players that do not know stem files play only the mix, which comes first.
    output.addAudioTrack(source, { name: part.name, disposition: { default: index === 0 } });
    return source;
  });
  await output.start();
  const delay = format === "stem.mp4" ? AAC_DELAY : 0;
  let clipped = 0;
  for (let first = 0; first < frames; first += sampleRate) {
    const count = Math.min(sampleRate, frames - first);
    for (const [index, part] of parts.entries()) {
      const samples = await readFrames(part.file, first, count);
      const converted = convert[format](samples);
      clipped += converted.clipped;
      const sample = new AudioSample({
        data: converted.data,
        format: converted.format,
        numberOfChannels: CHANNELS,
        sampleRate,
        timestamp: (first - delay) / sampleRate,
      });
      await sources[index]!.add(sample);
      sample.close();
    }
    reply({ type: "progress", done: (first + count) / frames });
  }
  await output.finalize();
  const file = await target.finish();
  return { file: format === "stem.mp4" ? await withStemBox(file) : file, clipped };
}

/** The encoder puts as many frames before the song. A time below zero makes the file say so, and players skip them. */
const AAC_DELAY = 1024;

const containers = {
  wav32: () => new WavOutputFormat(),
  wav16: () => new WavOutputFormat(),
  flac24: () => new FlacOutputFormat(),
  // The box that is added later may only follow everything else.
  "stem.mp4": () => new Mp4OutputFormat({ fastStart: false }),
};

const codecs: Record<EncodeRequest["format"], AudioEncodingConfig> = {
  wav32: { codec: "pcm-f32" },
  wav16: { codec: "pcm-s16" },
  flac24: { codec: "flac" },
  "stem.mp4": { codec: "aac", quality: new Quality({ bitrate: STEM_FILE_BITRATE }) },
};

interface Converted {
  data: Float32Array<ArrayBuffer> | Int16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
  format: "f32" | "s16" | "s32";
  clipped: number;
}

const convert: Record<EncodeRequest["format"], (samples: Float32Array<ArrayBuffer>) => Converted> = {
  wav32: (data) => ({ data, format: "f32", clipped: 0 }),
  wav16: (samples) => ({ ...toWhole(samples, new Int16Array(samples.length), 2 ** 15, 1), format: "s16" }),
  // The encoder takes the upper 24 of 32 bits.
  flac24: (samples) => ({ ...toWhole(samples, new Int32Array(samples.length), 2 ** 23, 2 ** 8), format: "s32" }),
  "stem.mp4": (data) => ({ data, format: "f32", clipped: 0 }),
};

/** Rounds to whole numbers in [-fullScale, fullScale), cuts off what is beyond, and multiplies by `step`. */
function toWhole<T extends Int16Array | Int32Array>(samples: Float32Array, data: T, fullScale: number, step: number) {
  let clipped = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = Math.round(samples[i]! * fullScale);
    const inside = Math.max(-fullScale, Math.min(fullScale - 1, value));
    if (inside !== value) clipped++;
    data[i] = inside * step;
  }
  return { data, clipped };
}

/** A file on disk where there is a directory, else memory. */
async function openTarget({ directory, fileName }: EncodeRequest) {
  if (!directory) {
    const target = new BufferTarget();
    return { target, finish: async () => new Blob([target.buffer!]) };
  }
  const handle = await directory.getFileHandle(fileName, { create: true });
  const target = new StreamTarget(await handle.createWritable(), { chunked: true });
  return { target, finish: (): Promise<Blob> => handle.getFile() };
}
