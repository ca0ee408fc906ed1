export type StemFormat = "wav32" | "wav16" | "flac24";

export const FORMATS: Record<StemFormat, { label: string; ending: string }> = {
  wav32: { label: "WAV, 32-bit float", ending: "wav" },
  wav16: { label: "WAV, 16-bit", ending: "wav" },
  flac24: { label: "FLAC, 24-bit", ending: "flac" },
};

/** One stream of a file that is to be written. */
export interface Part {
  name: string;
  file: Blob;
}

export interface EncodeRequest {
  format: StemFormat | "stem.mp4";
  parts: Part[];
  sampleRate: number;
  frames: number;
  /** Where the file is written, or null to write it into memory. */
  directory: FileSystemDirectoryHandle | null;
  fileName: string;
}

export type EncodeReply =
  | { type: "progress"; done: number }
  /** `clipped`: samples beyond full scale that the format had to cut off. */
  | { type: "done"; file: Blob; clipped: number }
  | { type: "failed"; reason: string };
