import WaveSurfer from "wavesurfer.js";
import type { Player } from "../audio/player";

/** The style sheet inside a waveform holds this number, and the Content-Security-Policy its hash. */
export const WAVEFORM_HEIGHT = 64;

export interface WaveformColours {
  ahead: string;
  played: string;
  cursor: string;
}

/** The outline of one stem. Grows while the song is separated; then follows a player and seeks in it. */
export class Waveform {
  private readonly surfer: WaveSurfer;

  constructor(
    container: HTMLElement,
    private readonly peaks: Float32Array,
    private readonly duration: number,
    colours: WaveformColours,
    media: PlayerAsMedia,
  ) {
    this.surfer = WaveSurfer.create({
      container,
      height: WAVEFORM_HEIGHT,
      barWidth: 2,
      barGap: 1,
      barRadius: 1,
      barMinHeight: 1,
      cursorWidth: 2,
      hideScrollbar: true,
      maxPeak: 1,
      dragToSeek: { debounceTime: 0 },
      media: media as unknown as HTMLMediaElement,
      ...toOptions(colours),
    });
    this.draw(1);
  }

  /** `loudest` fills the height. The square root lets quiet stems be seen. */
  draw(loudest: number): void {
    const outline = this.peaks.map((peak) => Math.sqrt(peak / loudest));
    // A newer call may overtake this one.
    this.surfer.load("", [outline], this.duration).catch(() => undefined);
  }

  setColours(colours: WaveformColours): void {
    this.surfer.setOptions(toOptions(colours));
  }

  destroy(): void {
    this.surfer.destroy();
  }
}

const toOptions = ({ ahead, played, cursor }: WaveformColours) => ({
  waveColor: ahead,
  progressColor: played,
  cursorColor: cursor,
});

/** As much of a media element as wavesurfer.js looks at, in front of the one player that all waveforms share. */
export class PlayerAsMedia extends EventTarget {
  src = "";
  currentSrc = "";
  volume = 1;
  muted = false;
  playbackRate = 1;
  seeking = false;
  readonly readyState = 4;
  private player: Player | null = null;

  constructor(readonly duration: number) {
    super();
  }

  attach(player: Player): void {
    this.player = player;
    for (const type of ["play", "pause", "timeupdate", "seeking", "ended"]) {
      player.addEventListener(type, () => this.dispatchEvent(new Event(type)));
    }
  }

  get paused(): boolean {
    return !this.player?.playing;
  }

  get ended(): boolean {
    return this.currentTime >= this.duration;
  }

  get currentTime(): number {
    return this.player?.time ?? 0;
  }

  set currentTime(seconds: number) {
    this.player?.seek(seconds);
  }

  async play(): Promise<void> {
    await this.player?.play();
  }

  pause(): void {
    this.player?.pause();
  }

  load(): void {}
  remove(): void {}
  removeAttribute(): void {}
  canPlayType(): string {
    return "";
  }
}
