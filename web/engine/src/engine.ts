import { EngineError } from "./error.js";
import type { Audio, CreateOptions, EngineInfo, Estimate, EstimateOptions, SeparateOptions, Stems } from "./types.js";

/** A loaded model in a Worker of its own. One separation at a time. */
export class Engine {
  private constructor(readonly info: EngineInfo) {}

  /** Fetches or reads the model, checks it, loads it and checks the backend's known answer. */
  static create(_options: CreateOptions): Promise<Engine> {
    return Promise.reject(new EngineError("backend", "not built yet"));
  }

  /** How long `separate` will take for a track of `frames` frames. Measured once, by a run of the model. */
  estimate(_frames: number, _options?: EstimateOptions): Promise<Estimate> {
    return Promise.reject(new EngineError("backend", "not built yet"));
  }

  /** Separates a track. Rejects with `EngineError`. */
  separate(_audio: Audio, _options?: SeparateOptions): Promise<Stems> {
    return Promise.reject(new EngineError("backend", "not built yet"));
  }

  /** Frees everything. A running separation rejects with `closed`. */
  close(): void {}
}
