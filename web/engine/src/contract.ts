import { EngineError } from "./error.js";

/** What a model file says of itself (docs/models.md, "The contract"). */
export interface ModelFacts {
  name: string;
  stems: string[];
  sampleRate: number;
  channels: number;
  /** Frames. */
  segment: number;
  precision: string;
  trained: boolean;
  description: string;
}

/** Reads and checks the metadata of an `.onnx` file without loading it. Throws `EngineError` `bad_model`. */
export function readModelFacts(_bytes: Uint8Array): ModelFacts {
  throw new EngineError("bad_model", "not built yet");
}
