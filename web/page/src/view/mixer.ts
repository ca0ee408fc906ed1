import type { Chunk } from "demucs-ort-web";
import { Peaks } from "../audio/peaks";
import { Player } from "../audio/player";
import type { Track } from "../audio/track";
import { clock, reason } from "../words";
import { button, complain, element, text } from "./elements";
import { Lane } from "./lane";
import { PlayerAsMedia } from "./waveform";

/** -60 dB: nothing quieter is blown up to the full height. */
const SILENCE = 1e-3;

/** The lanes of a song and what plays them. Emits "download" (`DownloadEvent`). */
export class Mixer extends EventTarget {
  private readonly playButton = button("play");
  private readonly seekSlider = element("seek", HTMLInputElement);
  private lanes: Lane[] = [];
  private media: PlayerAsMedia | null = null;
  private player: Player | null = null;
  private redrawing = false;

  constructor() {
    super();
    this.playButton.addEventListener("click", () => this.toggle());
    this.seekSlider.addEventListener("input", () => this.player?.seek(Number(this.seekSlider.value)));
    document.addEventListener("keydown", (event) => this.onKey(event));
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.lanes.forEach((lane) => lane.recolour()));
  }

  /** Shows empty lanes, which `add` fills. */
  begin(stems: string[], frames: number, seconds: number): void {
    this.clear();
    this.media = new PlayerAsMedia(seconds);
    for (const stem of stems) {
      const lane = new Lane(stem, new Peaks(frames));
      lane.addEventListener("change", () => this.applyLevels());
      lane.addEventListener("download", () => this.dispatchEvent(new DownloadEvent(stem)));
      text("lanes").append(lane.root);
      lane.showWaveform(seconds, this.media);
      this.lanes.push(lane);
    }
  }

  add({ stem, first, channels }: Chunk): void {
    this.lanes.find((lane) => lane.stem === stem)?.peaks.add(first, channels);
    if (this.redrawing) return;
    this.redrawing = true;
    requestAnimationFrame(() => {
      this.redrawing = false;
      // One scale for all, so that a quiet stem looks quiet.
      const loudest = Math.max(SILENCE, ...this.lanes.map(({ peaks }) => peaks.largest));
      this.lanes.forEach((lane) => lane.redraw(loudest));
    });
  }

  finish(track: Track): void {
    const player = new Player(track);
    this.player = player;
    this.media!.attach(player);
    for (const type of ["play", "pause"]) player.addEventListener(type, () => this.showPlaying());
    player.addEventListener("timeupdate", () => this.showTime());
    this.seekSlider.max = String(player.duration);
    text("duration").textContent = `/ ${clock(player.duration)}`;
    text("transport").hidden = false;
    this.lanes.forEach((lane) => lane.enable(true));
    this.showPlaying();
    this.showTime();
  }

  clear(): void {
    void this.player?.close();
    this.player = null;
    this.lanes.forEach((lane) => lane.destroy());
    this.lanes = [];
    text("transport").hidden = true;
  }

  enableSaving(enabled: boolean): void {
    this.lanes.forEach((lane) => lane.enableSaving(enabled));
  }

  focus(): void {
    this.playButton.focus();
  }

  private toggle(): void {
    if (!this.player) return;
    if (this.player.playing) this.player.pause();
    else this.player.play().catch((error: unknown) => complain(reason(error)));
  }

  /** Space plays and pauses wherever it has no other meaning. */
  private onKey(event: KeyboardEvent): void {
    if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey || !this.player) return;
    if (event.target instanceof Element && event.target.closest("button, select, input:not([type=range]), dialog"))
      return;
    event.preventDefault();
    this.toggle();
  }

  private applyLevels(): void {
    const anySolo = this.lanes.some((lane) => lane.solo);
    for (const [index, lane] of this.lanes.entries()) {
      const audible = anySolo ? lane.solo : !lane.muted;
      this.player?.setLevel(index, audible ? lane.level : 0);
      lane.showSilent(!audible);
    }
  }

  private showPlaying(): void {
    const playing = this.player?.playing ?? false;
    this.playButton.classList.toggle("playing", playing);
    this.playButton.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  private showTime(): void {
    const { time, duration } = this.player!;
    text("time").textContent = clock(time);
    this.seekSlider.value = String(time);
    this.seekSlider.setAttribute("aria-valuetext", `${clock(time)} of ${clock(duration)}`);
  }
}

export class DownloadEvent extends Event {
  constructor(readonly stem: string) {
    super("download");
  }
}
