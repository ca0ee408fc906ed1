import type { Block } from "./stem_queue";

/** From the page to the audio thread. */
export type PlayerCommand =
  | { type: "play" }
  | { type: "pause" }
  | { type: "seek"; generation: number; frame: number }
  | { type: "block"; block: Block };

/** From the audio thread to the page. */
export interface PlayerState {
  generation: number;
  position: number;
  ended: boolean;
}

export interface PlayerOptions {
  frames: number;
}
