import type { PlayerCommand, PlayerOptions, PlayerState } from "./player_messages";
import workletAddress from "./player.worklet?worker&url";
import { CHANNELS, readFrames, type Track } from "./track";

const BLOCK_SECONDS = 0.5;
/** How far the audio thread is fed ahead: 3 s of four stems are 4 MB. */
const AHEAD_SECONDS = 3;
/** How fast a level follows its slider. */
const LEVEL_SECONDS = 0.015;

/**
 * Plays the stems of a track in step: one AudioWorklet reads all of them at one position, and each passes a gain of its
 * own. Emits "play", "pause", "timeupdate", "seeking" and "ended".
 */
export class Player extends EventTarget {
  private node: AudioWorkletNode | null = null;
  private context: AudioContext | null = null;
  private starting: Promise<void> | null = null;
  private gains: GainNode[] = [];
  private readonly levels: number[];
  private generation = 0;
  private reached = 0;
  private fed = 0;
  private feeding = false;
  private isPlaying = false;

  constructor(private readonly track: Track) {
    super();
    this.levels = track.stems.map(() => 1);
  }

  get playing(): boolean {
    return this.isPlaying;
  }

  /** Seconds. */
  get duration(): number {
    return this.track.frames / this.track.sampleRate;
  }

  /** Seconds. */
  get time(): number {
    return this.reached / this.track.sampleRate;
  }

  /** The browser lets a page make sound only after a click or a key, so the audio starts here. */
  async play(): Promise<void> {
    this.starting ??= this.start();
    await this.starting;
    await this.context!.resume();
    if (this.reached >= this.track.frames) this.seek(0);
    this.send({ type: "play" });
    this.isPlaying = true;
    this.emit("play");
  }

  pause(): void {
    if (!this.isPlaying) return;
    this.send({ type: "pause" });
    this.isPlaying = false;
    this.emit("pause");
  }

  seek(seconds: number): void {
    const frame = Math.round(seconds * this.track.sampleRate);
    this.reached = Math.max(0, Math.min(this.track.frames, frame));
    this.restart();
    this.emit("seeking");
    this.emit("timeupdate");
  }

  /** Sets the gain of a stem: 1 leaves it as it is. */
  setLevel(stem: number, level: number): void {
    this.levels[stem] = level;
    if (this.context) this.gains[stem]!.gain.setTargetAtTime(level, this.context.currentTime, LEVEL_SECONDS);
  }

  async close(): Promise<void> {
    this.pause();
    this.generation++;
    await this.starting;
    await this.context?.close();
  }

  private async start(): Promise<void> {
    const { frames, sampleRate, stems } = this.track;
    const context = new AudioContext({ sampleRate, latencyHint: "playback" });
    if (!context.audioWorklet) throw new Error("This browser plays stems only on pages that are fetched by https.");
    await context.audioWorklet.addModule(workletAddress);
    const processorOptions: PlayerOptions = { frames };
    const node = new AudioWorkletNode(context, "stem-player", {
      numberOfInputs: 0,
      numberOfOutputs: stems.length,
      outputChannelCount: stems.map(() => CHANNELS),
      processorOptions,
    });
    node.port.onmessage = ({ data }: MessageEvent<PlayerState>) => this.follow(data);
    this.gains = stems.map((_, index) => {
      const gain = new GainNode(context, { gain: this.levels[index]! });
      node.connect(gain, index).connect(context.destination);
      return gain;
    });
    this.context = context;
    this.node = node;
    this.restart();
  }

  /** Empties the audio thread's queue and fills it from `reached` on. */
  private restart(): void {
    this.fed = this.reached;
    this.send({ type: "seek", generation: ++this.generation, frame: this.reached });
    void this.feed();
  }

  private follow(state: PlayerState): void {
    if (state.generation !== this.generation) return;
    this.reached = state.position;
    this.emit("timeupdate");
    if (state.ended) {
      this.isPlaying = false;
      this.emit("pause");
      this.emit("ended");
    } else void this.feed();
  }

  private async feed(): Promise<void> {
    if (this.feeding || !this.node) return;
    this.feeding = true;
    try {
      await this.fill();
    } finally {
      this.feeding = false;
    }
  }

  private async fill(): Promise<void> {
    const { frames, sampleRate, stems } = this.track;
    while (this.fed < Math.min(frames, this.reached + AHEAD_SECONDS * sampleRate)) {
      const { generation, fed: first } = this;
      const count = Math.min(frames - first, BLOCK_SECONDS * sampleRate);
      const samples = await Promise.all(stems.map((stem) => readFrames(stem.file, first, count)));
      // A seek meanwhile makes this block useless.
      if (generation !== this.generation) continue;
      this.fed = first + count;
      const block = { generation, first, stems: samples };
      this.send(
        { type: "block", block },
        samples.map((array) => array.buffer),
      );
    }
    this.feeding = false;
  }

  private send(command: PlayerCommand, transfer: Transferable[] = []): void {
    this.node?.port.postMessage(command, transfer);
  }

  private emit(type: string): void {
    this.dispatchEvent(new Event(type));
  }
}
