/** What the caller of the engine sees. Frames and samples as in the project's glossary. */

import type { ModelFacts } from "./contract.js";

/** Where the model computes: on the processor, or on the graphics card through WebGPU. */
export type Backend = "wasm" | "webgpu";

/** Planar float32 audio, full scale 1.0, all channels of the same length. */
export interface Audio {
  /** Hz. Must be the model's (`Engine.info.sampleRate`); decode at that rate. */
  sampleRate: number;
  /** One array a channel. A single channel stands for both of a stereo model. */
  channels: Float32Array[];
}

/** What the model file says of itself, and how it is run. */
export interface EngineInfo extends Omit<ModelFacts, "weightsSha256" | "demucsVersion" | "knownAnswer"> {
  backend: Backend;
  /** Threads that compute. 1 where the page is not cross-origin isolated. */
  threads: number;
  /** Of the model file, in lower-case hexadecimal; empty where the page is in no secure context (plain http). */
  sha256: string;
  /** Size of the model file. */
  bytes: number;
  /** The graphics card as the browser names it; empty for `wasm`. */
  adapter: string;
  /** dB by which the backend met the model's known answer; undefined if the file has none. */
  knownAnswerSnr: number | undefined;
}

/** What `Engine.create` does at the moment: fetching or reading the file, loading it, checking the backend with it. */
export type LoadStage = "fetching" | "loading" | "checking";

/** Called while a model given by address is fetched. `total` is 0 if the server does not tell. */
export type OnLoad = (loadedBytes: number, total: number) => void;

export interface CreateOptions {
  /** The `.onnx` file: its bytes (kept as they are), a Blob or File, or its address. */
  model: ArrayBuffer | Blob | string;
  /** Default `wasm`. The engine never changes it on its own: one that does not work is an error. */
  backend?: Backend;
  /** Default: the number of cores, at most 8. Without cross-origin isolation always 1. */
  threads?: number;
  onProgress?: OnLoad;
  onStage?: (stage: LoadStage) => void;
  /** `create` then rejects with `EngineError` `cancelled`. */
  signal?: AbortSignal;
}

/** How long a separation will take: measured when the model was loaded, and again with every separation. */
export interface Estimate {
  secondsPerSegment: number;
  segments: number;
  /** The product of both. */
  seconds: number;
}

export interface EstimateOptions {
  /** As in `SeparateOptions`. */
  overlap?: number;
}

/** Finished frames [first, first + channels[0].length) of one stem. The arrays are the receiver's. */
export interface Chunk {
  stem: string;
  /** Frame of the track at which it begins. */
  first: number;
  channels: Float32Array[];
}

export interface SeparateOptions {
  /** The stems to deliver, in this order. Default: all of the model's. */
  stems?: string[];
  /** The share of a segment that the next one covers again, in [0, 1). Default 0.25. */
  overlap?: number;
  /** Called before the first segment and after every one. `remainingSeconds` is estimated from those that are done. */
  onProgress?: (done: number, total: number, remainingSeconds: number) => void;
  /**
   * Takes the stems as they are finished: chunks of all stems for the same frames after each other, in order and
   * without gaps. With it nothing is collected, and `separate` resolves to an empty map. If it returns promises, the
   * engine delivers no more before they are fulfilled, so that a slow receiver does not fill the memory.
   */
  onChunk?: (chunk: Chunk) => void | Promise<void>;
  /** Stops within a segment. `separate` then rejects with `EngineError` `cancelled`; the engine stays usable. */
  signal?: AbortSignal;
}

/** The stems by name, in the order asked for. */
export type Stems = Map<string, Audio>;
