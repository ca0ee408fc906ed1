/** Sums weighted pieces of several rows that arrive in order of their start, and hands out what is complete. */
export class OverlapAdd {
  /** First frame of the track that is still being summed. */
  position = 0;
  private readonly sums: Float32Array[];

  /** `capacity`: frames of the longest piece. */
  constructor(rows: number, capacity: number) {
    this.sums = Array.from({ length: rows }, () => new Float32Array(capacity));
  }

  /** Adds `weights * piece` at frame `start` of the track, which is not before `position`. */
  add(row: number, start: number, weights: Float32Array, piece: Float32Array): void {
    const sum = this.sums[row]!;
    const at = start - this.position;
    // Rounded to float32 after every step, as the C++ core computes.
    for (let i = 0; i < piece.length; ++i) {
      sum[at + i] = Math.fround(sum[at + i]! + Math.fround(weights[i]! * piece[i]!));
    }
  }

  /** Takes the frames before frame `end` of the track out, a new array for every row. */
  pop(end: number): Float32Array[] {
    const frames = end - this.position;
    this.position = end;
    return this.sums.map((sum) => {
      const finished = sum.slice(0, frames);
      sum.copyWithin(0, frames);
      sum.fill(0, sum.length - frames);
      return finished;
    });
  }
}
