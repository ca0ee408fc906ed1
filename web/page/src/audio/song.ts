import type { Audio } from "demucs-ort-web";

/** A decoded song. */
export interface Song {
  /** The file's name without its ending. */
  name: string;
  frames: number;
  audio: Audio;
}

/** A song that cannot be used; `message` is one sentence for a person. */
export class SongError extends Error {}

/** Decodes anything that the browser can, to one or two channels at `sampleRate`. */
export async function readSong(file: File, sampleRate: number): Promise<Song> {
  const context = new OfflineAudioContext(2, 1, sampleRate);
  let buffer: AudioBuffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new SongError(
      `This browser cannot read ${file.name} as music. Convert it to WAV, FLAC, MP3 or M4A and try again.`,
    );
  }
  if (buffer.length === 0) throw new SongError(`${file.name} holds no sound. Choose another file.`);
  if (buffer.numberOfChannels > 2) buffer = await toStereo(buffer);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index));
  return { name: file.name.replace(/\.[^.]+$/, ""), frames: buffer.length, audio: { sampleRate, channels } };
}

/** Mixes surround sound down as browsers do when they play it. */
function toStereo(buffer: AudioBuffer): Promise<AudioBuffer> {
  const context = new OfflineAudioContext(2, buffer.length, buffer.sampleRate);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return context.startRendering();
}
