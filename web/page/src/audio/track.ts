/** Stereo float32 samples of one stem, interleaved, in a file of their own. */
export interface StemFile {
  name: string;
  file: Blob;
}

/** A separated song. */
export interface Track {
  name: string;
  sampleRate: number;
  frames: number;
  stems: StemFile[];
  mix: Blob;
}

export const CHANNELS = 2;
export const BYTES_PER_FRAME = CHANNELS * Float32Array.BYTES_PER_ELEMENT;

export function interleave(
  channels: Float32Array[],
  first = 0,
  frames = channels[0]!.length,
): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(frames * CHANNELS);
  const [left, right] = [channels[0]!, channels[1] ?? channels[0]!];
  for (let frame = 0; frame < frames; frame++) {
    samples[2 * frame] = left[first + frame]!;
    samples[2 * frame + 1] = right[first + frame]!;
  }
  return samples;
}

/** Interleaved frames [first, first + frames) of a file. */
export async function readFrames(file: Blob, first: number, frames: number): Promise<Float32Array<ArrayBuffer>> {
  const bytes = await file.slice(first * BYTES_PER_FRAME, (first + frames) * BYTES_PER_FRAME).arrayBuffer();
  return new Float32Array(bytes);
}
