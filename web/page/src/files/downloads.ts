import { makeZip } from "client-zip";
import type { Track } from "../audio/track";
import { FORMATS, type EncodeReply, type EncodeRequest, type Part, type StemFormat } from "./formats";
import type { Scratch } from "./scratch";
import { STEM_FILE_STEMS, stemTitle } from "./stem_file";

export interface Download {
  file: Blob;
  fileName: string;
  /** Samples beyond full scale that the format had to cut off. */
  clipped: number;
  /** Deletes what lies on disk. */
  discard: () => Promise<void>;
}

/** How long a saved file stays readable for the browser, which copies it in the background. */
const KEPT_MILLISECONDS = 10 * 60_000;

export type OnProgress = (done: number) => void;

/** Makes files of a track's stems, one stem after the other. */
export class Downloads {
  private count = 0;

  constructor(
    private readonly track: Track,
    private readonly scratch: Scratch,
  ) {}

  async stem(name: string, format: StemFormat, onProgress: OnProgress): Promise<Download> {
    const fileName = `${this.track.name} - ${name}.${FORMATS[format].ending}`;
    const part = { name: stemTitle(name), file: this.fileOf(name) };
    return { fileName, ...(await this.encode(format, [part], onProgress)) };
  }

  /** Never holds more than one encoded stem besides the zip itself, which goes straight to the disk. */
  async zip(format: StemFormat, onProgress: OnProgress): Promise<Download> {
    const { stems } = this.track;
    let clipped = 0;
    const encoded = async function* (this: Downloads) {
      for (const [index, { name }] of stems.entries()) {
        const stem = await this.stem(name, format, (done) => onProgress((index + done) / stems.length));
        clipped += stem.clipped;
        yield { name: stem.fileName, input: stem.file, lastModified: new Date() };
        await stem.discard();
      }
    }.call(this);
    const scratchName = this.nextName();
    const zip = await this.scratch.create(scratchName);
    const reader = makeZip(encoded).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await zip.append(value as Uint8Array<ArrayBuffer>);
    }
    const discard = () => this.scratch.remove(scratchName);
    return { file: await zip.finish(), fileName: `${this.track.name} stems.zip`, clipped, discard };
  }

  /** One file with the song and its four stems, for Traktor and Mixxx. */
  async stemFile(onProgress: OnProgress): Promise<Download> {
    const stems = STEM_FILE_STEMS.map((name) => ({ name: stemTitle(name), file: this.fileOf(name) }));
    const parts = [{ name: "Mix", file: this.track.mix }, ...stems];
    return { fileName: `${this.track.name}.stem.mp4`, ...(await this.encode("stem.mp4", parts, onProgress)) };
  }

  private fileOf(stem: string): Blob {
    return this.track.stems.find(({ name }) => name === stem)!.file;
  }

  /** A file that is being saved must not be written again. */
  private nextName(): string {
    return `download-${this.count++}`;
  }

  private encode(
    format: EncodeRequest["format"],
    parts: Part[],
    onProgress: OnProgress,
  ): Promise<Omit<Download, "fileName">> {
    const { sampleRate, frames } = this.track;
    const fileName = this.nextName();
    const discard = () => this.scratch.remove(fileName);
    const request: EncodeRequest = { format, parts, sampleRate, frames, directory: this.scratch.directory, fileName };
    const worker = new Worker(new URL("./encode.worker.ts", import.meta.url), { type: "module" });
    return new Promise<Omit<Download, "fileName">>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<EncodeReply>) => {
        if (data.type === "progress") onProgress(data.done);
        else if (data.type === "done") resolve({ file: data.file, clipped: data.clipped, discard });
        else reject(new Error(`The file could not be written: ${data.reason}`));
      };
      worker.onerror = (event) => reject(new Error(`The file could not be written: ${event.message}`));
      worker.postMessage(request);
    }).finally(() => worker.terminate());
  }
}

/** Hands a file to the browser, which saves it where the user keeps downloads. */
export function save({ file, fileName, discard }: Download): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = fileName;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
    void discard();
  }, KEPT_MILLISECONDS);
}
