import { EngineError } from "./error.js";

/** Mean and unbiased deviation of a track's mono mix, by which demucs normalises. Twin of cpp/src/separation's. */
export class TrackLevel {
  frames = 0;
  private average = 0;
  private squares = 0;

  /** Takes the track's next frames. Throws `EngineError` `bad_audio` if a sample is not finite. */
  add(channels: Float32Array[]): void {
    const count = channels[0]!.length;
    if (count === 0) return;
    const mono = new Float64Array(count);
    channels.forEach((samples, c) => {
      for (let i = 0; i < count; ++i) {
        const sample = samples[i]!;
        if (!Number.isFinite(sample)) {
          throw new EngineError(
            "bad_audio",
            "the mix holds a sample that is not a finite number " +
              `(channel ${c}, frame ${this.frames + i}); repair the audio first`,
          );
        }
        mono[i]! += sample;
      }
    });
    let sum = 0;
    for (let i = 0; i < count; ++i) sum += mono[i]! /= channels.length;
    const blockMean = sum / count;
    let blockSquares = 0;
    for (let i = 0; i < count; ++i) blockSquares += (mono[i]! - blockMean) ** 2;
    // Pairwise update of Chan, Golub and LeVeque (1979): stable for any mean.
    const before = this.frames;
    const shift = blockMean - this.average;
    this.average += (shift * count) / (before + count);
    this.squares += blockSquares + (shift * shift * before * count) / (before + count);
    this.frames += count;
  }

  get mean(): number {
    return Math.fround(this.average);
  }

  /** What demucs divides by: the deviation + 1e-8. One single frame has none, so it counts as 0. */
  get scale(): number {
    const variance = this.frames > 1 ? this.squares / (this.frames - 1) : 0;
    return Math.fround(Math.fround(Math.sqrt(variance)) + Math.fround(1e-8));
  }
}
