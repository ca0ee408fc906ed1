/** The same stretch of every stem, interleaved stereo. */
export interface Block {
  /** Which seek it belongs to. */
  generation: number;
  first: number;
  stems: Float32Array[];
}

const CHANNELS = 2;

/**
 * What the audio thread plays: one position for all stems, so that they cannot drift apart. Where blocks are late it
 * plays silence and waits.
 */
export class StemQueue {
  playing = false;
  position = 0;
  private generation = 0;
  private blocks: Block[] = [];
  /** Volume of the last rendered frame: playback fades in and out over one call of `render`. */
  private volume = 0;

  constructor(private readonly frames: number) {}

  get ended(): boolean {
    return this.position >= this.frames;
  }

  seek(generation: number, frame: number): void {
    this.generation = generation;
    this.position = frame;
    this.blocks = [];
    this.volume = 0;
  }

  push(block: Block): void {
    if (block.generation === this.generation) this.blocks.push(block);
  }

  /** Fills `outputs[stem][channel]`, which arrive silent. */
  render(outputs: Float32Array[][]): void {
    const wanted = this.playing ? 1 : 0;
    if (wanted === 0 && this.volume === 0) return;
    const length = outputs[0]![0]!.length;
    const step = (wanted - this.volume) / length;
    let done = 0;
    while (done < length && !this.ended) {
      const block = this.blocks[0];
      if (!block) break;
      const offset = this.position - block.first;
      const inBlock = block.stems[0]!.length / CHANNELS - offset;
      if (inBlock <= 0) {
        this.blocks.shift();
        continue;
      }
      const count = Math.min(length - done, inBlock);
      for (let stem = 0; stem < outputs.length; stem++) {
        for (let channel = 0; channel < CHANNELS; channel++) {
          const output = outputs[stem]![channel]!;
          const samples = block.stems[stem]!;
          for (let i = 0; i < count; i++) {
            output[done + i] = samples[(offset + i) * CHANNELS + channel]! * (this.volume + step * (done + i + 1));
          }
        }
      }
      done += count;
      this.position += count;
    }
    // After a gap the sound fades in again.
    this.volume = done < length ? 0 : wanted;
    if (this.ended) this.playing = false;
  }
}
