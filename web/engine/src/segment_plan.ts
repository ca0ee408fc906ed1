import { EngineError } from "./error.js";

/** One run of the model. Positions are frames of the track; `window` can lie before it, where the track is silent. */
export interface Segment {
  /** First frame that the model hears. */
  window: number;
  /** First frame that it contributes to. */
  start: number;
  /** How many frames it contributes to. */
  frames: number;
  /** Its place in the plan. */
  index: number;
}

/** demucs' `int((1 - overlap) * segment)`. Throws `EngineError` `bad_option`. */
export function strideFor(segmentFrames: number, overlap: number): number {
  if (!(overlap >= 0 && overlap < 1)) throw new EngineError("bad_option", "overlap must be at least 0 and less than 1");
  const stride = Math.trunc((1 - overlap) * segmentFrames);
  if (stride === 0) {
    throw new EngineError("bad_option", "overlap is so close to 1 that segments would not advance; choose less");
  }
  return stride;
}

/**
 * How demucs' `apply_model(split=True)` walks a track: segments of `segmentFrames` every `stride` frames; the last,
 * shorter ones are heard with the real audio around them. Twin of `SegmentPlan` in cpp/src/separation, for one pass.
 */
export class SegmentPlan {
  readonly count: number;
  private readonly triangle: Float64Array;

  /** Needs trackFrames >= 1 and 1 <= stride <= segmentFrames. */
  constructor(
    private readonly trackFrames: number,
    private readonly segmentFrames: number,
    private readonly stride: number,
  ) {
    this.count = Math.ceil(trackFrames / stride);
    this.triangle = makeTriangle(segmentFrames);
  }

  segment(index: number): Segment {
    const start = index * this.stride;
    const frames = Math.min(this.segmentFrames, this.trackFrames - start);
    const before = Math.floor((this.segmentFrames - frames) / 2);
    return { window: start - before, start, frames, index };
  }

  /** The frame up to which the stems are complete once segment `index` has been added. */
  completeAfter(index: number): number {
    return Math.min((index + 1) * this.stride, this.trackFrames);
  }

  /** Weights of the segment's frames in the stems: demucs' triangle, divided by the sum of triangles there. */
  blendWeights(segment: Segment, weights: Float32Array): void {
    const { triangle, stride, segmentFrames, count } = this;
    for (let i = 0; i < segment.frames; ++i) {
      // The same frame is i + k * stride frames into the segment k places earlier, i - k * stride into a later one.
      let sum = triangle[i]!;
      for (let k = segment.index, at = i + stride; k > 0 && at < segmentFrames; --k, at += stride) sum += triangle[at]!;
      for (let k = segment.index, at = i - stride; k < count - 1 && at >= 0; ++k, at -= stride) sum += triangle[at]!;
      weights[i] = triangle[i]! / sum;
    }
  }
}

function makeTriangle(frames: number): Float64Array {
  const rise = Math.floor(frames / 2);
  const peak = frames - rise;
  return Float64Array.from({ length: frames }, (_, i) => (i < rise ? i + 1 : frames - i) / peak);
}
