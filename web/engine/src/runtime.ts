import type { InferenceSession, Tensor } from "onnxruntime-web";

import { EngineError } from "./error.js";
import type { Backend } from "./types.js";

/** The only module that knows ONNX Runtime. It runs in the Worker. */

type Ort = typeof import("onnxruntime-web");

const WEBGPU_OPTIONS: InferenceSession.SessionOptions = {
  // A node that WebGPU does not compute would go to the processor without a word. One would even without need: it
  // computes with the size of the batch, unless that is known.
  extra: { session: { disable_cpu_ep_fallback: "1" } },
  freeDimensionOverrides: { batch: 1 },
};

/** A loaded model. */
export interface Session {
  /** One segment, `mix` [channel][frame] to stems [stem][channel][frame]. */
  run(mix: Float32Array): Promise<Float32Array>;
  /** The graphics card, or "". */
  adapter: string;
}

export interface SessionOptions {
  backend: Backend;
  threads: number;
  channels: number;
  segment: number;
}

/** Loads a checked model. Throws `EngineError` `backend`, `bad_model` or `out_of_memory`. */
export async function createSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const adapter = options.backend === "webgpu" ? await findAdapter() : "";
  const ort = await startRuntime(options);
  const session = await loadModel(ort, model, options.backend);
  const shape = [1, options.channels, options.segment];
  return {
    adapter,
    async run(mix) {
      const input = new ort.Tensor("float32", mix, shape);
      let results: InferenceSession.ReturnType;
      try {
        results = await session.run({ mix: input });
      } catch (error) {
        throw failure("backend", `the ${options.backend} backend failed while it computed`, error);
      }
      return (results["stems"] as Tensor).data as Float32Array;
    },
  };
}

async function findAdapter(): Promise<string> {
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<{ info?: Record<string, unknown> } | null> } }).gpu;
  const adapter = await gpu?.requestAdapter();
  if (!adapter) {
    throw new EngineError(
      "backend",
      gpu
        ? "this browser finds no graphics card that WebGPU can use; choose the wasm backend"
        : "this browser has no WebGPU; choose the wasm backend",
    );
  }
  const words = ["vendor", "architecture", "device", "description"].map((key) => adapter.info?.[key]);
  return words.filter((word) => typeof word === "string" && word !== "").join(" ");
}

async function startRuntime({ backend, threads }: SessionOptions): Promise<Ort> {
  let ort: Ort;
  try {
    ort = await (backend === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm"));
  } catch (error) {
    throw failure("fetch", "the program files of the engine could not be fetched", error);
  }
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  return ort;
}

async function loadModel(ort: Ort, model: Uint8Array, backend: Backend): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [backend],
      graphOptimizationLevel: "all",
      ...(backend === "webgpu" && WEBGPU_OPTIONS),
    });
  } catch (error) {
    const text = String(error);
    if (/fetch|no available backend|wasm streaming|WebAssembly/i.test(text)) {
      throw failure("backend", `the ${backend} backend could not be started`, error);
    }
    throw failure("bad_model", `the ${backend} backend could not load the model`, error);
  }
}

/** An `EngineError` of that kind, or of the kind `out_of_memory` if that is what it was. */
export function failure(code: "backend" | "bad_model" | "fetch", what: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause;
  const text = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ").trim();
  if (isOutOfMemory(cause, text)) {
    return new EngineError(
      "out_of_memory",
      "the browser has not enough memory; close other pages or use a smaller model",
    );
  }
  return new EngineError(code, `${what}: ${text}`);
}

function isOutOfMemory(cause: unknown, text: string): boolean {
  if (/out of memory|bad_alloc|failed to allocate|allocation failed|enlarge memory|Aborted\(OOM/i.test(text))
    return true;
  return cause instanceof RangeError && /length|allocat|memory/i.test(text);
}
