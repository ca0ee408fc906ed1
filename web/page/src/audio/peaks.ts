const BUCKETS = 1200;

/** The outline of a track that arrives in pieces: the largest magnitude in each of 1200 equal stretches. */
export class Peaks {
  readonly values: Float32Array;

  constructor(private readonly frames: number) {
    this.values = new Float32Array(Math.min(BUCKETS, frames));
  }

  get largest(): number {
    return this.values.reduce((largest, value) => Math.max(largest, value), 0);
  }

  add(first: number, channels: Float32Array[]): void {
    const perFrame = this.values.length / this.frames;
    for (const channel of channels) {
      for (let frame = 0; frame < channel.length; frame++) {
        const bucket = Math.min(this.values.length - 1, Math.floor((first + frame) * perFrame));
        const magnitude = Math.abs(channel[frame]!);
        if (magnitude > this.values[bucket]!) this.values[bucket] = magnitude;
      }
    }
  }
}
