import { EngineError } from "./error.js";
import { OverlapAdd } from "./overlap_add.js";
import { SegmentPlan, strideFor } from "./segment_plan.js";
import { TrackLevel } from "./track_level.js";

/** What a separation needs to know of its model. */
export interface Shape {
  stems: string[];
  channels: number;
  /** Frames. */
  segment: number;
}

/** What a separation asks of the world around it. Knows nothing of ONNX Runtime, Workers or the page. */
export interface Surroundings {
  /** Frames [first, first + count) of the track, one array a channel. Called twice for each stretch, front to back. */
  read(first: number, count: number): Promise<Float32Array[]>;
  /** Runs the model: `mix` [channel][frame] to stems [stem][channel][frame]. */
  infer(mix: Float32Array): Promise<Float32Array>;
  /** Takes finished frames: for every wanted stem one array a channel. */
  write(first: number, stems: Float32Array[][]): Promise<void>;
  progress(done: number, total: number): void;
}

export interface Wanted {
  /** Frames of the track. */
  frames: number;
  stems: string[];
  overlap: number;
}

/**
 * Measures a track, cuts it into segments, has them computed, blends and delivers them: `Separation` of
 * cpp/src/separation for a single pass, to the frame. Memory grows with the segment, never with the track.
 * Throws `EngineError` `bad_option` or `bad_audio`, and what the surroundings throw.
 */
export async function separate(shape: Shape, wanted: Wanted, around: Surroundings): Promise<void> {
  const sources = wanted.stems.map((stem) => shape.stems.indexOf(stem));
  const { channels, segment: length } = shape;
  const plan = planFor(wanted.frames, length, wanted.overlap);
  const level = await measure(wanted.frames, length, around);
  const sums = new OverlapAdd(sources.length * channels, length);
  const weights = new Float32Array(length);
  around.progress(0, plan.count);
  for (let index = 0; index < plan.count; ++index) {
    const segment = plan.segment(index);
    const mix = await hear(segment.window, channels, length, wanted.frames, level, around);
    const stems = await around.infer(mix);
    plan.blendWeights(segment, weights);
    sources.forEach((source, place) => {
      for (let c = 0; c < channels; ++c) {
        const at = (source * channels + c) * length + segment.start - segment.window;
        sums.add(place * channels + c, segment.start, weights, stems.subarray(at, at + segment.frames));
      }
    });
    const first = sums.position;
    const rows = sums.pop(plan.completeAfter(index));
    for (const row of rows) restoreLevel(row, level, first);
    await around.write(
      first,
      sources.map((_, place) => rows.slice(place * channels, (place + 1) * channels)),
    );
    around.progress(index + 1, plan.count);
  }
}

/** The plan of a track, or why there is none. */
export function planFor(frames: number, segment: number, overlap: number): SegmentPlan {
  if (frames < 1) throw new EngineError("bad_audio", "the track is empty; there is nothing to separate");
  return new SegmentPlan(frames, segment, strideFor(segment, overlap));
}

async function measure(frames: number, step: number, around: Surroundings): Promise<TrackLevel> {
  const level = new TrackLevel();
  while (level.frames < frames) level.add(await around.read(level.frames, Math.min(step, frames - level.frames)));
  return level;
}

/** The model's input: frames from `window` on, normalised, zero outside the track. */
async function hear(
  window: number,
  channels: number,
  length: number,
  trackFrames: number,
  level: TrackLevel,
  around: Surroundings,
): Promise<Float32Array> {
  const from = Math.max(window, 0);
  const to = Math.min(window + length, trackFrames);
  const heard = await around.read(from, to - from);
  const { mean, scale } = level;
  const mix = new Float32Array(channels * length);
  for (let c = 0; c < channels; ++c) {
    const samples = heard[c]!;
    const at = c * length + from - window;
    for (let i = 0; i < samples.length; ++i) mix[at + i] = Math.fround(samples[i]! - mean) / scale;
  }
  return mix;
}

/** Gives complete frames, the first of which is frame `first` of the track, the track's level back, in place. */
function restoreLevel(row: Float32Array, level: TrackLevel, first: number): void {
  const { mean, scale } = level;
  for (let i = 0; i < row.length; ++i) {
    const sample = Math.fround(Math.fround(row[i]! * scale) + mean);
    if (!Number.isFinite(sample)) {
      throw new EngineError(
        "backend",
        `the model computed a sample that is not a finite number near frame ${first + i}; ` +
          "try the other backend or export the model again",
      );
    }
    row[i] = sample;
  }
}
