import { EngineError } from "./error.js";
import { KNOWN_SAMPLES_A_STEM } from "./known_answer.js";
import { type OnnxHeader, readOnnxHeader, type TensorSpec } from "./onnx_file.js";

const SCHEMA_VERSION = 1;

// The limits of cpp/src/model/model_contract.cpp: far beyond any model, and no file can make the page allocate absurdly.
const MIN_RATE = 8000;
const MAX_RATE = 768000;
const MAX_STEMS = 64;
const MAX_CHANNELS = 64;
const MAX_SEGMENT_SAMPLES = 2 ** 25;

/** What a model file says of itself (docs/models.md, "The contract"). */
export interface ModelFacts {
  name: string;
  /** In the order of the model's output. */
  stems: string[];
  /** Hz. */
  sampleRate: number;
  channels: number;
  /** Frames that the model hears at a time. */
  segment: number;
  /** How the weights are stored: `fp32`, `fp16`, `int8`, ... */
  precision: string;
  /** False for seeded weights, which separate nothing. */
  trained: boolean;
  weightsSha256: string;
  demucsVersion: string;
  /** What a person should know of the model; may be empty. */
  description: string;
  /** PyTorch's samples for the known signal. Empty if the file has none: then no backend can be checked. */
  knownAnswer: number[];
}

/**
 * Reads and checks what an `.onnx` file says of itself, without loading it. Throws `EngineError` `bad_model`, one
 * sentence that names what is missing or wrong.
 */
export function readModelFacts(bytes: Uint8Array): ModelFacts {
  const header = parse(bytes);
  const { metadata } = header;
  const version = positiveNumber(metadata, "schema_version");
  if (version !== SCHEMA_VERSION) {
    throw new EngineError(
      "bad_model",
      `the model file follows contract version ${version} but this page knows version ${SCHEMA_VERSION}; ` +
        "use matching versions of demucs-export and demucs-ort-web",
    );
  }
  const facts: ModelFacts = {
    name: text(metadata, "model_name"),
    sampleRate: positiveNumber(metadata, "sample_rate"),
    channels: positiveNumber(metadata, "channels"),
    segment: positiveNumber(metadata, "segment_frames"),
    stems: stemNames(metadata),
    precision: text(metadata, "precision"),
    trained: truth(metadata, "trained"),
    weightsSha256: text(metadata, "weights_sha256"),
    demucsVersion: text(metadata, "demucs_version"),
    description: optionalText(metadata, "description"),
    knownAnswer: [],
  };
  checkLimits(facts);
  facts.knownAnswer = knownAnswer(metadata, facts.stems.length);
  checkTensor("input", "mix", header.inputs, [-1, facts.channels, facts.segment]);
  checkTensor("output", "stems", header.outputs, [-1, facts.stems.length, facts.channels, facts.segment]);
  return facts;
}

function broken(what: string): never {
  throw new EngineError("bad_model", `${what}; export the model again with demucs-export`);
}

function parse(bytes: Uint8Array): OnnxHeader {
  if (String.fromCharCode(...bytes.subarray(4, 8)) === "ORTM") {
    throw new EngineError("bad_model", "this is an .ort file, which a browser cannot check; choose the .onnx file");
  }
  let header: OnnxHeader | undefined;
  try {
    header = readOnnxHeader(bytes);
  } catch {
    // Told below, as the file that parses by chance.
  }
  if (!header || header.inputs.length === 0) {
    throw new EngineError(
      "bad_model",
      "this file is no complete ONNX model; choose an .onnx file that demucs-export wrote",
    );
  }
  return header;
}

function optionalText(metadata: Map<string, string>, key: string): string {
  const value = metadata.get(`demucs_ort.${key}`) ?? "";
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(value)) broken(`the model's metadata 'demucs_ort.${key}' holds control characters`);
  return value;
}

function text(metadata: Map<string, string>, key: string): string {
  const value = optionalText(metadata, key);
  if (value === "") broken(`the model file has no metadata 'demucs_ort.${key}'`);
  return value;
}

function positiveNumber(metadata: Map<string, string>, key: string): number {
  const value = text(metadata, key);
  const number = Number(value);
  if (!/^[0-9]+$/.test(value) || number < 1 || number > 0x7fffffff) {
    broken(`the model's metadata 'demucs_ort.${key}' is '${value}', not a positive number`);
  }
  return number;
}

function truth(metadata: Map<string, string>, key: string): boolean {
  const value = text(metadata, key);
  if (value !== "true" && value !== "false") {
    broken(`the model's metadata 'demucs_ort.${key}' is '${value}', not true or false`);
  }
  return value === "true";
}

function stemNames(metadata: Map<string, string>): string[] {
  const value = text(metadata, "sources");
  const names = value.split(",");
  const usable = names.every((name) => name.length <= 100 && /^[^./\\:*?"<>|][^/\\:*?"<>|]*$/.test(name));
  if (!usable || new Set(names).size !== names.length) {
    broken(`the model's metadata 'demucs_ort.sources' is '${value}', not a list of distinct stem names`);
  }
  return names;
}

function knownAnswer(metadata: Map<string, string>, stems: number): number[] {
  const value = metadata.get("demucs_ort.known_answer");
  if (value === undefined) return [];
  const numbers = value.split(",");
  if (numbers.length !== KNOWN_SAMPLES_A_STEM * stems || !numbers.every((number) => /^-?[0-9]{1,9}$/.test(number))) {
    broken("the model's metadata 'demucs_ort.known_answer' is damaged");
  }
  return numbers.map((millionths) => Number(millionths) * 1e-6);
}

function checkLimits(facts: ModelFacts): void {
  if (facts.sampleRate < MIN_RATE || facts.sampleRate > MAX_RATE) {
    broken(`the model's sample rate of ${facts.sampleRate} Hz is not one of ${MIN_RATE} to ${MAX_RATE}`);
  }
  const { stems, channels, segment } = facts;
  const few = stems.length <= MAX_STEMS && channels <= MAX_CHANNELS;
  if (!few || stems.length * channels * segment > MAX_SEGMENT_SAMPLES) {
    broken(
      `the model's ${stems.length} sources of ${channels} channels and ${segment} frames are more than this page takes`,
    );
  }
}

function checkTensor(role: string, name: string, tensors: TensorSpec[], expected: number[]): void {
  const tensor = tensors[0];
  if (tensors.length !== 1 || tensor?.name !== name) {
    return broken(`the model should have exactly one ${role} named '${name}'`);
  }
  if (!tensor.isFloat32) broken(`the model's ${role} '${name}' is not float32`);
  const shape = tensor.shape[0] === 1 ? [-1, ...tensor.shape.slice(1)] : tensor.shape;
  const write = (sizes: number[]) => `[${sizes.map((size) => (size < 0 ? "batch" : size)).join(", ")}]`;
  if (write(shape) !== write(expected)) {
    broken(`the model's ${role} '${name}' has shape ${write(tensor.shape)} but its metadata says ${write(expected)}`);
  }
}
