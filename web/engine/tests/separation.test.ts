import { describe, expect, test } from "vitest";

import { SegmentPlan, strideFor } from "../src/segment_plan.js";
import { separate, type Shape } from "../src/separation.js";
import { TrackLevel } from "../src/track_level.js";

const SHAPE: Shape = { stems: ["same", "half"], channels: 2, segment: 1000 };

/** A model whose first stem is the mix, and whose second is half of it. */
function echo(mix: Float32Array): Promise<Float32Array> {
  return Promise.resolve(Float32Array.of(...mix, ...mix.map((sample) => sample / 2)));
}

function noise(frames: number): Float32Array[] {
  let state = 7;
  const next = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) * 0.8 + 0.1;
  return [0, 1].map(() => Float32Array.from({ length: frames }, next));
}

describe("separate", () => {
  test.each([1, 2, 999, 1000, 1001, 1500, 12345])("puts a track of %i frames together again", async (frames) => {
    const track = noise(frames);
    const reads: number[] = [];
    const result = track.map(() => new Float32Array(frames));
    let end = 0;
    await separate(
      SHAPE,
      { frames, stems: ["same"], overlap: 0.25 },
      {
        read: (first, count) => {
          reads.push(count);
          return Promise.resolve(track.map((samples) => samples.slice(first, first + count)));
        },
        infer: echo,
        write: (first, stems) => {
          expect(first).toBe(end);
          stems[0]!.forEach((samples, c) => result[c]!.set(samples, first));
          end += stems[0]![0]!.length;
          return Promise.resolve();
        },
        progress: () => undefined,
      },
    );
    expect(end).toBe(frames);
    // Never more of the track at a time than a segment.
    expect(Math.max(...reads)).toBeLessThanOrEqual(SHAPE.segment);
    track.forEach((samples, c) => {
      samples.forEach((sample, i) => expect(result[c]![i]).toBeCloseTo(sample, 5));
    });
  });

  test("the mean is in every stem, as in demucs", async () => {
    const track = noise(3000);
    const level = new TrackLevel();
    level.add(track);
    const halves: number[] = [];
    await separate(
      SHAPE,
      { frames: 3000, stems: ["half"], overlap: 0.5 },
      {
        read: (first, count) => Promise.resolve(track.map((samples) => samples.slice(first, first + count))),
        infer: echo,
        write: (_, stems) => {
          halves.push(...stems[0]![0]!);
          return Promise.resolve();
        },
        progress: () => undefined,
      },
    );
    halves.forEach((sample, i) => expect(sample).toBeCloseTo((track[0]![i]! - level.mean) / 2 + level.mean, 5));
  });

  test("refuses what a model makes that is no number", async () => {
    const run = separate(
      SHAPE,
      { frames: 10, stems: ["same"], overlap: 0.25 },
      {
        read: (_, count) => Promise.resolve(noise(count)),
        infer: (mix) => Promise.resolve(new Float32Array(2 * mix.length).fill(Infinity)),
        write: () => Promise.reject(new Error("never written")),
        progress: () => undefined,
      },
    );
    await expect(run).rejects.toMatchObject({
      code: "backend",
      message: expect.stringMatching(/^the model computed a/),
    });
  });
});

describe("the segment plan", () => {
  test.each([
    [1, 0.25],
    [1000, 0.25],
    [1001, 0.25],
    [5432, 0],
    [5432, 0.25],
    [5432, 0.9],
  ])("weights of a track of %i frames with overlap %f sum to one", (frames, overlap) => {
    const plan = new SegmentPlan(frames, 1000, strideFor(1000, overlap));
    const sums = new Float64Array(frames);
    const weights = new Float32Array(1000);
    for (let index = 0; index < plan.count; ++index) {
      const segment = plan.segment(index);
      plan.blendWeights(segment, weights);
      for (let i = 0; i < segment.frames; ++i) sums[segment.start + i]! += weights[i]!;
    }
    sums.forEach((sum) => expect(sum).toBeCloseTo(1, 5));
  });

  test("hears short segments with the audio around them", () => {
    const plan = new SegmentPlan(1600, 1000, 750);
    expect(plan.segment(2)).toEqual({ start: 1500, frames: 100, window: 1050, index: 2 });
  });
});

describe("the level", () => {
  test("is that of the whole track, however it is cut", () => {
    const track = noise(5000);
    const whole = new TrackLevel();
    whole.add(track);
    const pieces = new TrackLevel();
    for (const [from, to] of [
      [0, 1],
      [1, 777],
      [777, 5000],
    ])
      pieces.add(track.map((row) => row.slice(from, to)));
    expect(pieces.mean).toBeCloseTo(whole.mean, 7);
    expect(pieces.scale).toBeCloseTo(whole.scale, 7);
    const mono = track[0]!.map((sample, i) => (sample + track[1]![i]!) / 2);
    const mean = mono.reduce((sum, sample) => sum + sample, 0) / 5000;
    const variance = mono.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / 4999;
    expect(whole.mean).toBeCloseTo(mean, 6);
    expect(whole.scale).toBeCloseTo(Math.sqrt(variance), 6);
  });

  test("a single frame has no deviation", () => {
    const level = new TrackLevel();
    level.add([Float32Array.of(0.5), Float32Array.of(0.25)]);
    expect(level.mean).toBe(0.375);
    expect(level.scale).toBe(Math.fround(1e-8));
  });
});
