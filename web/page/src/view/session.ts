import { EngineError, type Engine } from "demucs-ort-web";
import { separate } from "../audio/separation";
import { readSong, type Song } from "../audio/song";
import type { EngineHost } from "../engine_host";
import { Scratch } from "../files/scratch";
import { clock, duration, megabytes, reason } from "../words";
import { DownloadPanel } from "./download_panel";
import { announce, button, complain, element, notify, text } from "./elements";
import { Mixer } from "./mixer";
import type { SetupPanel } from "./setup_panel";

/** Nearly every model's rate. A song is decoded again for a model of another. */
const USUAL_RATE = 44100;

/** One song at a time: opened, estimated, separated, mixed, saved. */
export class Session {
  private readonly mixer = new Mixer();
  private readonly downloads = new DownloadPanel(this.mixer);
  private scratch: Scratch | null = null;
  private file: File | null = null;
  private song: Song | null = null;
  private engine: Engine | null = null;
  private separating: AbortController | null = null;
  /** Counts songs and models, so that what was meant for an earlier one is dropped. */
  private turn = 0;

  constructor(
    private readonly host: EngineHost,
    private readonly setup: SetupPanel,
  ) {
    button("separate").addEventListener("click", () => void this.separate());
    button("cancel").addEventListener("click", () => this.separating?.abort());
    button("another").addEventListener("click", () => void this.leave());
    setup.addEventListener("change", () => void this.prepare());
    // A closed tab loses what was separated so far.
    addEventListener("beforeunload", (event) => this.separating && event.preventDefault());
  }

  async open(read: () => Promise<File>, name: string): Promise<void> {
    if (this.separating) return complain("A song is being separated. Cancel it first.");
    const turn = ++this.turn;
    complain("");
    this.reset();
    text("start").hidden = true;
    text("session").hidden = false;
    text("song").textContent = name.replace(/\.[^.]+$/, "");
    text("facts").textContent = "Reading the song…";
    text("song").focus();
    try {
      const file = await read();
      const song = await readSong(file, USUAL_RATE);
      if (turn !== this.turn) return;
      this.file = file;
      this.song = song;
      this.showFacts();
      await this.prepare();
    } catch (error) {
      if (turn !== this.turn) return;
      await this.leave();
      complain(reason(error));
    }
  }

  /** Loads the chosen model and tells how long the song will take with it. */
  private async prepare(): Promise<void> {
    const { file } = this;
    if (!file || this.separating) return;
    const turn = ++this.turn;
    this.engine = null;
    // Stems of another model stay until they are replaced.
    text("plan").hidden = false;
    button("separate").disabled = true;
    const status = text("estimate");
    status.textContent = "Loading the model…";
    try {
      const { model, backend } = this.setup;
      const engine = await this.host.get(model, backend, (loaded, total) => {
        if (turn === this.turn && total)
          status.textContent = `Fetching the model: ${megabytes(loaded)} of ${megabytes(total)}`;
      });
      if (turn !== this.turn) return;
      this.setup.show(engine.info);
      const { sampleRate } = engine.info;
      if (this.song?.audio.sampleRate !== sampleRate) this.song = await readSong(file, sampleRate);
      const estimate = await engine.estimate(this.song.frames);
      if (turn !== this.turn) return;
      this.engine = engine;
      status.textContent = `Takes about ${duration(estimate.seconds)} on this machine.`;
      button("separate").disabled = false;
      announce(status.textContent);
    } catch (error) {
      if (turn !== this.turn) return;
      status.textContent = "No model is loaded.";
      if (this.setup.backend === "webgpu") this.useProcessor(reason(error));
      else complain(reason(error));
    }
  }

  /** The graphics card failed: says so, and goes on with the processor. */
  private useProcessor(why: string): void {
    notify(`The graphics card cannot be used, so the processor computes. ${why}`);
    this.setup.chooseProcessor();
    void this.prepare();
  }

  private async separate(): Promise<void> {
    const { song, engine } = this;
    if (!song || !engine || this.separating) return;
    const abort = new AbortController();
    this.separating = abort;
    this.showWorking(true);
    button("cancel").focus();
    announce("Separating.");
    try {
      this.mixer.clear();
      this.downloads.hide();
      this.scratch ??= await Scratch.open();
      await this.scratch.clear();
      const seconds = song.frames / song.audio.sampleRate;
      this.mixer.begin(engine.info.stems, song.frames, seconds);
      const track = await separate(engine, song, this.scratch, {
        onProgress: (done, total, remaining) => this.showProgress(done, total, remaining),
        onChunk: (chunk) => this.mixer.add(chunk),
        signal: abort.signal,
      });
      // Its samples are needed no more; another model reads the file again.
      this.song = null;
      this.showWorking(false);
      text("plan").hidden = true;
      this.mixer.finish(track);
      this.downloads.show(track, this.scratch);
      announce("The stems are ready.");
      this.mixer.focus();
    } catch (error) {
      this.mixer.clear();
      this.showWorking(false);
      button("separate").focus();
      if (error instanceof EngineError && error.code === "cancelled") announce("Cancelled.");
      else complain(reason(error));
    } finally {
      this.separating = null;
    }
  }

  /** Back to the start. */
  private async leave(): Promise<void> {
    this.turn++;
    this.separating?.abort();
    this.reset();
    text("session").hidden = true;
    text("start").hidden = false;
    complain("");
    notify("");
    button("choose").focus();
    if (!this.separating) await this.scratch?.clear();
  }

  private reset(): void {
    this.file = null;
    this.song = null;
    this.engine = null;
    this.mixer.clear();
    this.downloads.hide();
    text("plan").hidden = true;
  }

  private showFacts(): void {
    const { frames, audio } = this.song!;
    text("facts").textContent = `${clock(frames / audio.sampleRate)} · ${this.file!.name}`;
  }

  private showWorking(working: boolean): void {
    text("plan").hidden = working;
    text("working").hidden = !working;
    text("remaining").textContent = "Starting…";
    element("progress", HTMLProgressElement).value = 0;
    button("another").disabled = working;
    this.setup.enable(!working);
  }

  private showProgress(done: number, total: number, remainingSeconds: number): void {
    element("progress", HTMLProgressElement).value = done / total;
    text("remaining").textContent =
      `About ${duration(remainingSeconds)} left · part ${Math.min(done + 1, total)} of ${total}`;
    // A screen reader hears every quarter.
    const quarter = Math.floor((4 * done) / total);
    if (done > 0 && quarter !== Math.floor((4 * (done - 1)) / total) && done < total) {
      announce(`${quarter * 25} percent done, about ${duration(remainingSeconds)} left.`);
    }
  }
}
