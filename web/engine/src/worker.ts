/** The engine's Worker: loads one model, then separates one track after the other. */

import { type ModelFacts, readModelFacts } from "./contract.js";
import { EngineError } from "./error.js";
import { knownAnswerSnr, knownSignal, MIN_KNOWN_ANSWER_SNR } from "./known_answer.js";
import type { FromWorker, LoadRequest, SeparateRequest, ToWorker } from "./protocol.js";
import { createSession, failure, type Session } from "./runtime.js";
import { separate } from "./separation.js";
import type { EngineInfo } from "./types.js";

interface Loaded {
  facts: ModelFacts;
  session: Session;
}

let loaded: Loaded | undefined;
/** Who waits for the engine's answer to `read` or `stems`. */
let answered: ((message: ToWorker) => void) | undefined;

// ONNX Runtime's own threads may run this module, too, where a bundler puts both into one file.
if (!self.name.startsWith("em-pthread")) self.onmessage = (event: MessageEvent<ToWorker>) => receive(event.data);

function receive(message: ToWorker): void {
  if (message.type === "load") void report(load(message));
  else if (message.type === "separate") void report(run(message));
  else answered?.(message);
}

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

function ask(message: FromWorker, transfer: Transferable[] = []): Promise<ToWorker> {
  const answer = new Promise<ToWorker>((resolve) => (answered = resolve));
  tell(message, transfer);
  return answer;
}

async function report(conversation: Promise<FromWorker>): Promise<void> {
  try {
    tell(await conversation);
  } catch (error) {
    const { code, message } = failure("backend", "the engine failed", error);
    tell({ type: "failed", code, message });
  }
}

async function load(request: LoadRequest): Promise<FromWorker> {
  const { model, backend, threads, prove } = request;
  const { digest, ...opened } = await open(request);
  const { facts, session } = (loaded = opened);
  const proof = prove ? await proveBackend(loaded, backend) : { snr: undefined, seconds: 0 };
  const info: EngineInfo = {
    name: facts.name,
    stems: facts.stems,
    sampleRate: facts.sampleRate,
    channels: facts.channels,
    segment: facts.segment,
    precision: facts.precision,
    trained: facts.trained,
    description: facts.description,
    backend,
    threads,
    sha256: digest,
    bytes: model.size,
    adapter: session.adapter,
    knownAnswerSnr: proof.snr,
  };
  return { type: "loaded", info, secondsPerSegment: proof.seconds };
}

/** Leaves nothing of the file's bytes behind. */
async function open({ model, backend, threads, prove }: LoadRequest): Promise<Loaded & { digest: string }> {
  const bytes = await readBytes(model);
  const facts = readModelFacts(bytes);
  if (backend === "webgpu" && facts.knownAnswer.length === 0) {
    throw new EngineError(
      "bad_model",
      "the model has no known answer to check WebGPU with; export it again with demucs-export, or choose the wasm backend",
    );
  }
  tell({ type: "stage", stage: "loading" });
  const digest = prove ? await sha256(bytes) : "";
  return { facts, digest, session: await createSession(bytes, { backend, threads, ...facts }) };
}

async function readBytes(model: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await model.arrayBuffer());
  } catch (error) {
    throw failure("bad_model", "the model file could not be read", error);
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  if (!isSecureContext) return "";
  const digest = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Runs the model on the known signal, and compares if there is an answer; tells how long a run takes. */
async function proveBackend({ facts, session }: Loaded, backend: string) {
  tell({ type: "stage", stage: "checking" });
  const signal = knownSignal(facts.channels, facts.segment);
  let start = performance.now();
  const stems = await session.run(signal);
  let snr: number | undefined;
  if (facts.knownAnswer.length > 0) {
    snr = knownAnswerSnr(facts.channels, facts.segment, facts.knownAnswer, stems);
    if (!(snr >= MIN_KNOWN_ANSWER_SNR)) {
      throw new EngineError(
        "backend",
        `the ${backend} backend of this browser computes wrong results (${snr.toFixed(1)} dB from the model's known ` +
          `answer, ${MIN_KNOWN_ANSWER_SNR} are needed); choose the other backend or update browser and drivers`,
      );
    }
  }
  if (backend === "webgpu") {
    // The first run compiled the shaders.
    start = performance.now();
    await session.run(signal);
  }
  return { snr, seconds: (performance.now() - start) / 1000 };
}

async function run({ frames, stems, overlap }: SeparateRequest): Promise<FromWorker> {
  if (!loaded) throw new EngineError("backend", "the model is not loaded");
  const { facts, session } = loaded;
  let seconds = 0;
  await separate(
    facts,
    { frames, stems, overlap },
    {
      async read(first, count) {
        const answer = await ask({ type: "read", first, count });
        return (answer as { channels: Float32Array[] }).channels;
      },
      async infer(mix) {
        const start = performance.now();
        const result = await session.run(mix);
        seconds += (performance.now() - start) / 1000;
        return result;
      },
      async write(first, finished) {
        const transfer = finished.flat().map((samples) => samples.buffer);
        await ask({ type: "stems", first, stems: finished }, transfer as ArrayBuffer[]);
      },
      progress(done, total) {
        tell({ type: "progress", done, total, secondsPerSegment: done > 0 ? seconds / done : 0 });
      },
    },
  );
  return { type: "done" };
}
