import type { Track } from "../audio/track";
import { Downloads, save, type Download, type OnProgress } from "../files/downloads";
import { FORMATS, type StemFormat } from "../files/formats";
import type { Scratch } from "../files/scratch";
import { isStemFileTrack } from "../files/stem_file";
import { reason } from "../words";
import { button, complain, element, text } from "./elements";
import type { DownloadEvent, Mixer } from "./mixer";

/** Writes the stems in the format that the user chooses, one file at a time. */
export class DownloadPanel {
  private readonly format = element("format", HTMLSelectElement);
  private downloads: Downloads | null = null;

  constructor(private readonly mixer: Mixer) {
    this.format.append(...Object.entries(FORMATS).map(([value, { label }]) => new Option(label, value)));
    const format = () => this.format.value as StemFormat;
    const { mixer: lanes } = this;
    lanes.addEventListener("download", (event) => {
      const { stem } = event as DownloadEvent;
      void this.run(stem, (downloads, onProgress) => downloads.stem(stem, format(), onProgress));
    });
    button("download-all").addEventListener("click", () => {
      void this.run("the stems", (downloads, onProgress) => downloads.zip(format(), onProgress));
    });
    button("download-stem-file").addEventListener("click", () => {
      void this.run("the stem file", (downloads, onProgress) => downloads.stemFile(onProgress));
    });
  }

  show(track: Track, scratch: Scratch): void {
    this.downloads = new Downloads(track, scratch);
    button("download-stem-file").hidden = !isStemFileTrack(track.stems.map(({ name }) => name));
    text("downloads").hidden = false;
    text("saving").textContent = "";
  }

  hide(): void {
    this.downloads = null;
    text("downloads").hidden = true;
  }

  private async run(what: string, make: (downloads: Downloads, onProgress: OnProgress) => Promise<Download>) {
    const { downloads } = this;
    if (!downloads) return;
    const status = text("saving");
    this.enable(false);
    complain("");
    status.textContent = `Writing ${what}…`;
    try {
      const onProgress = (done: number) => (status.textContent = `Writing ${what}: ${Math.round(done * 100)} %`);
      const download = await make(downloads, onProgress);
      if (downloads !== this.downloads) return;
      save(download);
      status.textContent = `${download.fileName} is ready.${clippedSentence(download.clipped)}`;
    } catch (error) {
      if (downloads !== this.downloads) return;
      status.textContent = "";
      complain(reason(error));
    } finally {
      this.enable(true);
    }
  }

  private enable(enabled: boolean): void {
    for (const id of ["download-all", "download-stem-file"]) button(id).disabled = !enabled;
    this.format.disabled = !enabled;
    this.mixer.enableSaving(enabled);
  }
}

function clippedSentence(samples: number): string {
  if (samples === 0) return "";
  return ` ${samples} samples were beyond full scale and cut off; 32-bit float keeps them.`;
}
