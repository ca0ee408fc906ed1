import { cancelled, EngineError, type ErrorCode } from "./error.js";
import { toBlob } from "./model_blob.js";
import type { FromWorker, ToWorker } from "./protocol.js";
import { planFor } from "./separation.js";
import type {
  Audio,
  Backend,
  CreateOptions,
  EngineInfo,
  Estimate,
  EstimateOptions,
  LoadStage,
  SeparateOptions,
  Stems,
} from "./types.js";

const DEFAULT_OVERLAP = 0.25;
const MAX_DEFAULT_THREADS = 8;

/** Gets what the Worker says. The conversation ends when it calls `end`; what it throws ends it, too. */
type Listener<T> = (message: FromWorker, end: (result: T) => void, answer: (message: ToWorker) => void) => unknown;

/** A loaded model in a Worker of its own. One separation at a time. */
export class Engine {
  private worker: Worker | undefined;
  private closed = false;
  private busy = false;
  private stop: ((error: EngineError) => void) | undefined;

  private constructor(
    /** What the model file says of itself, and how it is run. */
    readonly info: EngineInfo,
    private readonly model: Blob,
    private secondsPerSegment: number,
  ) {}

  /**
   * Fetches or reads the model, checks it, loads it in a new Worker and has the backend give the model's known answer,
   * which takes as long as one segment. Rejects with `EngineError`: `bad_model`, `bad_option`, `fetch`, `backend`,
   * `out_of_memory`, `cancelled`.
   */
  static async create(options: CreateOptions): Promise<Engine> {
    const { backend = "wasm", signal } = options;
    const threads = chooseThreads(options.threads);
    checkBackend(backend);
    if (signal?.aborted) throw cancelled();
    options.onStage?.("fetching");
    const model = await toBlob(options.model, options.onProgress, signal);
    const worker = startWorker();
    try {
      const request = { type: "load", model, backend, threads, prove: true } as const;
      const loaded = await converse<Extract<FromWorker, { type: "loaded" }>>(
        worker,
        request,
        signal,
        (message, end) => {
          if (message.type === "stage") options.onStage?.(message.stage satisfies LoadStage);
          if (message.type === "loaded") end(message);
        },
      ).ended;
      const engine = new Engine(loaded.info, model, loaded.secondsPerSegment);
      engine.worker = worker;
      return engine;
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /**
   * How long `separate` will take for a track of so many frames. Rejects with `EngineError` `bad_audio` or `bad_option`
   * as `separate` would.
   */
  // eslint-disable-next-line @typescript-eslint/require-await
  async estimate(frames: number, options: EstimateOptions = {}): Promise<Estimate> {
    const segments = planFor(frames, this.info.segment, options.overlap ?? DEFAULT_OVERLAP).count;
    const { secondsPerSegment } = this;
    return { secondsPerSegment, segments, seconds: segments * secondsPerSegment };
  }

  /**
   * Separates a track, as the C++ core does. Reads `audio` until it is done, a segment at a time; the arrays stay the
   * caller's. Rejects with `EngineError`: `bad_audio`, `bad_option`, `backend`, `out_of_memory`, `cancelled`, `closed`;
   * and with what a callback throws. Afterwards the engine is usable, save after `closed`.
   */
  async separate(audio: Audio, options: SeparateOptions = {}): Promise<Stems> {
    const { overlap = DEFAULT_OVERLAP, stems = this.info.stems, onChunk, signal } = options;
    this.refuseIfUnusable();
    checkStems(stems, this.info);
    const mix = checkAudio(audio, this.info);
    const frames = mix[0]!.length;
    planFor(frames, this.info.segment, overlap);
    if (signal?.aborted) throw cancelled();

    this.busy = true;
    const collected = onChunk ? undefined : allocateStems(stems, frames, this.info);
    try {
      const worker = await this.reload(signal);
      const request = { type: "separate", frames, stems, overlap } as const;
      await this.converse<void>(worker, request, signal, async (message, end, answer) => {
        if (message.type === "read") {
          const { first, count } = message;
          answer({ type: "frames", channels: mix.map((samples) => samples.slice(first, first + count)) });
        } else if (message.type === "stems") {
          for (const [i, channels] of message.stems.entries()) {
            if (onChunk) await onChunk({ stem: stems[i]!, first: message.first, channels });
            else channels.forEach((samples, c) => collected!.get(stems[i]!)!.channels[c]!.set(samples, message.first));
          }
          answer({ type: "taken" });
        } else if (message.type === "progress") {
          if (message.done > 0) this.secondsPerSegment = message.secondsPerSegment;
          const left = message.total - message.done;
          options.onProgress?.(message.done, message.total, left * this.secondsPerSegment);
        } else if (message.type === "done") {
          end();
        }
      });
      return collected ?? new Map();
    } catch (error) {
      if (!isHarmless(error)) this.dropWorker();
      throw error;
    } finally {
      this.busy = false;
    }
  }

  /** Frees everything. A running separation rejects with `closed`. */
  close(): void {
    this.closed = true;
    this.stop?.(closedError());
    this.dropWorker();
  }

  private refuseIfUnusable(): void {
    if (this.closed) throw closedError();
    if (this.busy)
      throw new EngineError("bad_option", "the engine is separating another track; wait for it or cancel it");
  }

  private async converse<T>(worker: Worker, request: ToWorker, signal: AbortSignal | undefined, listen: Listener<T>) {
    const conversation = converse(worker, request, signal, listen);
    this.stop = conversation.stop;
    try {
      return await conversation.ended;
    } finally {
      this.stop = undefined;
    }
  }

  /** The Worker; after a cancel or a failure a new one, which loads the model again. */
  private async reload(signal: AbortSignal | undefined): Promise<Worker> {
    if (this.worker) return this.worker;
    const worker = (this.worker = startWorker());
    const { backend, threads } = this.info;
    const request = { type: "load", model: this.model, backend, threads, prove: false } as const;
    await this.converse<void>(worker, request, signal, (message, end) => {
      if (message.type === "loaded") end();
    });
    return worker;
  }

  private dropWorker(): void {
    this.worker?.terminate();
    this.worker = undefined;
  }
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "demucs-ort" });
}

/** Sends a request and listens until the end, a failure, a cancel or `stop`. The Worker goes on computing after those. */
function converse<T>(worker: Worker, request: ToWorker, signal: AbortSignal | undefined, listen: Listener<T>) {
  let stop!: (error: unknown) => void;
  const ended = new Promise<T>((resolve, reject) => {
    stop = reject;
    if (signal?.aborted) return reject(cancelled());
    signal?.addEventListener("abort", () => reject(cancelled()), { once: true });
    const answer = (message: ToWorker) => {
      const transfer =
        message.type === "frames" ? message.channels.map((samples) => samples.buffer as ArrayBuffer) : [];
      worker.postMessage(message, transfer);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const cause = event.message ? `: ${event.message}` : "";
      reject(new EngineError("backend", `the engine's Worker failed${cause}; reload the page`));
    };
    worker.onmessage = async ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "failed") return reject(new EngineError(data.code, data.message));
      try {
        await listen(data, resolve, answer);
      } catch (error) {
        reject(error);
      }
    };
    worker.postMessage(request);
  });
  const silence = () => {
    worker.onmessage = null;
    worker.onerror = null;
  };
  ended.then(silence, silence);
  return { ended, stop };
}

function chooseThreads(wanted: number | undefined): number {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1)) {
    throw new EngineError("bad_option", "threads must be a whole number of at least 1");
  }
  // Threads need shared memory, which a browser gives only to pages that are isolated from others.
  if (!globalThis.crossOriginIsolated) return 1;
  return wanted ?? Math.min(navigator.hardwareConcurrency, MAX_DEFAULT_THREADS);
}

function checkBackend(backend: Backend): void {
  if (backend !== "wasm" && backend !== "webgpu") {
    throw new EngineError("bad_option", `there is no backend '${String(backend)}'; choose wasm or webgpu`);
  }
}

function checkStems(stems: string[], info: EngineInfo): void {
  if (stems.length === 0) throw new EngineError("bad_option", "no stem is wanted; name at least one");
  for (const stem of stems) {
    if (!info.stems.includes(stem)) {
      throw new EngineError("bad_option", `the model has no stem '${stem}'; it has ${info.stems.join(", ")}`);
    }
  }
  if (new Set(stems).size !== stems.length) throw new EngineError("bad_option", "a stem is wanted twice");
}

/** The track's channels as the model needs them: a single one stands for all. */
function checkAudio({ sampleRate, channels }: Audio, info: EngineInfo): Float32Array[] {
  const frames = channels[0]?.length ?? 0;
  if (frames === 0) throw new EngineError("bad_audio", "the track is empty; there is nothing to separate");
  if (sampleRate !== info.sampleRate) {
    throw new EngineError(
      "bad_audio",
      `the track has ${sampleRate} Hz but the model works at ${info.sampleRate} Hz; decode it at that rate`,
    );
  }
  if (channels.some((samples) => samples.length !== frames)) {
    throw new EngineError("bad_audio", "the channels of the track differ in length");
  }
  if (channels.length === 1) return Array.from({ length: info.channels }, () => channels[0]!);
  if (channels.length !== info.channels) {
    throw new EngineError(
      "bad_audio",
      `the track has ${channels.length} channels but the model takes ${info.channels}; mix it down first`,
    );
  }
  return channels;
}

function allocateStems(stems: string[], frames: number, { sampleRate, channels }: EngineInfo): Stems {
  try {
    const silence = () => ({ sampleRate, channels: Array.from({ length: channels }, () => new Float32Array(frames)) });
    return new Map(stems.map((stem) => [stem, silence()]));
  } catch {
    throw new EngineError(
      "out_of_memory",
      "the browser has not enough memory for all stems at once; take them in chunks (onChunk)",
    );
  }
}

/** Whether the Worker waits for the next request, as before. */
function isHarmless(error: unknown): boolean {
  const harmless: ErrorCode[] = ["bad_audio", "bad_option"];
  return error instanceof EngineError && harmless.includes(error.code);
}

function closedError(): EngineError {
  return new EngineError("closed", "the engine was closed; create a new one");
}
