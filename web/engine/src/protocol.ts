/** What the engine and its Worker say to each other. One conversation at a time: it ends with `loaded`, `done` or `failed`. */

import type { ErrorCode } from "./error.js";
import type { Backend, EngineInfo, LoadStage } from "./types.js";

export interface LoadRequest {
  type: "load";
  model: Blob;
  backend: Backend;
  threads: number;
  /** Whether to have the backend give the known answer: the first time. */
  prove: boolean;
}

export interface SeparateRequest {
  type: "separate";
  frames: number;
  stems: string[];
  overlap: number;
}

export type ToWorker =
  | LoadRequest
  | SeparateRequest
  /** Answers `read`. */
  | { type: "frames"; channels: Float32Array[] }
  /** Answers `stems`. */
  | { type: "taken" };

export type FromWorker =
  | { type: "stage"; stage: LoadStage }
  | { type: "loaded"; info: EngineInfo; secondsPerSegment: number }
  | { type: "read"; first: number; count: number }
  /** Finished frames: for every wanted stem one array a channel. */
  | { type: "stems"; first: number; stems: Float32Array[][] }
  /** `secondsPerSegment`: the mean of this separation so far; 0 before its first segment. */
  | { type: "progress"; done: number; total: number; secondsPerSegment: number }
  | { type: "done" }
  | { type: "failed"; code: ErrorCode; message: string };
