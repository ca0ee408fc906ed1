import type { PlayerCommand, PlayerOptions, PlayerState } from "./player_messages";
import { StemQueue } from "./stem_queue";

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: unknown): void;

/** Calls of process() between two reports: 23 ms at 44.1 kHz. */
const REPORT_EVERY = 8;

class StemPlayer extends AudioWorkletProcessor {
  private readonly queue: StemQueue;
  private generation = 0;
  private calls = 0;

  constructor(options: { processorOptions: PlayerOptions }) {
    super();
    this.queue = new StemQueue(options.processorOptions.frames);
    this.port.onmessage = ({ data }: MessageEvent<PlayerCommand>) => this.obey(data);
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const wasPlaying = this.queue.playing;
    this.queue.render(outputs);
    const ended = wasPlaying && this.queue.ended;
    if (ended || (wasPlaying && ++this.calls % REPORT_EVERY === 0)) this.report(ended);
    return true;
  }

  private obey(command: PlayerCommand): void {
    if (command.type === "block") this.queue.push(command.block);
    else if (command.type === "seek") {
      this.generation = command.generation;
      this.queue.seek(command.generation, command.frame);
    } else this.queue.playing = command.type === "play";
  }

  private report(ended: boolean): void {
    const state: PlayerState = { generation: this.generation, position: this.queue.position, ended };
    this.port.postMessage(state);
  }
}

registerProcessor("stem-player", StemPlayer);
