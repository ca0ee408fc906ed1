import type { Chunk, Engine } from "demucs-ort-web";
import type { Scratch, ScratchFile } from "../files/scratch";
import type { Song } from "./song";
import { interleave, type Track } from "./track";
import { reason } from "../words";

/** Frames of the mix that are written at a time: 2 MB. */
const MIX_BLOCK = 1 << 18;

export interface SeparationEvents {
  onProgress: (done: number, total: number, remainingSeconds: number) => void;
  onChunk: (chunk: Chunk) => void;
  signal: AbortSignal;
}

/** Separates a song into files of `scratch`. Leaves none if it fails or is cancelled. */
export async function separate(engine: Engine, song: Song, scratch: Scratch, events: SeparationEvents): Promise<Track> {
  const files = new Map<string, ScratchFile>();
  try {
    for (const stem of engine.info.stems) files.set(stem, await scratch.create(`${stem}.f32`));
    const mix = await writeMix(song, scratch);
    await engine.separate(song.audio, {
      onProgress: events.onProgress,
      onChunk: async (chunk) => {
        events.onChunk(chunk);
        await keep(files.get(chunk.stem)!, interleave(chunk.channels));
      },
      signal: events.signal,
    });
    const stems = [];
    for (const [name, file] of files) stems.push({ name, file: await file.finish() });
    return { name: song.name, sampleRate: song.audio.sampleRate, frames: song.frames, stems, mix };
  } catch (error) {
    await Promise.allSettled([...files.values()].map((file) => file.discard()));
    await scratch.clear();
    throw error;
  }
}

async function keep(file: ScratchFile, samples: Float32Array<ArrayBuffer>): Promise<void> {
  try {
    await file.append(new Uint8Array(samples.buffer));
  } catch (error) {
    throw new Error(`The browser cannot keep the stems (${reason(error)}). Free some disk space and try again.`);
  }
}

async function writeMix(song: Song, scratch: Scratch): Promise<Blob> {
  const file = await scratch.create("mix.f32");
  for (let first = 0; first < song.frames; first += MIX_BLOCK) {
    await keep(file, interleave(song.audio.channels, first, Math.min(MIX_BLOCK, song.frames - first)));
  }
  return file.finish();
}
