import { readFileSync } from "node:fs";
import Pbf from "pbf";
import { expect, test } from "vitest";

import { readModelFacts } from "../src/contract.js";
import { knownAnswerSnr, knownSignal } from "../src/known_answer.js";

const DEMO_MODEL = new URL("../../../demo_model/htdemucs_demo.onnx", import.meta.url);

interface Wanted {
  metadata?: Record<string, string | undefined>;
  input?: { name?: string; type?: number; shape?: number[] };
  output?: { shape?: number[] };
}

/** A model file without nodes or weights. */
function headerOf({ metadata = {}, input = {}, output = {} }: Wanted): Uint8Array {
  const facts = {
    schema_version: "1",
    model_name: "fake",
    sample_rate: "44100",
    channels: "2",
    segment_frames: "1000",
    sources: "left,right",
    precision: "fp32",
    trained: "true",
    weights_sha256: "ab",
    demucs_version: "4.1.0",
    known_answer: Array(32).fill("-5").join(","),
    ...metadata,
  };
  const tensor = (name: string, type: number, shape: number[]) => (_: unknown, value: Pbf) => {
    value.writeStringField(1, name);
    value.writeMessage(
      2,
      (__, valueType) => {
        valueType.writeMessage(
          1,
          (___, tensorType) => {
            tensorType.writeVarintField(1, type);
            tensorType.writeMessage(
              2,
              (____, sizes) => {
                for (const size of shape) {
                  sizes.writeMessage(
                    1,
                    (_____, dimension) => {
                      if (size < 0) dimension.writeStringField(2, "batch");
                      else dimension.writeVarintField(1, size);
                    },
                    null,
                  );
                }
              },
              null,
            );
          },
          null,
        );
      },
      null,
    );
  };
  const pbf = new Pbf();
  pbf.writeVarintField(1, 10);
  pbf.writeMessage(
    7,
    (_, graph) => {
      graph.writeMessage(11, tensor(input.name ?? "mix", input.type ?? 1, input.shape ?? [-1, 2, 1000]), null);
      graph.writeMessage(12, tensor("stems", 1, output.shape ?? [-1, 2, 2, 1000]), null);
    },
    null,
  );
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    pbf.writeMessage(
      14,
      (_, entry) => {
        entry.writeStringField(1, `demucs_ort.${key}`);
        entry.writeStringField(2, value);
      },
      null,
    );
  }
  return pbf.finish();
}

test("reads the demo model", () => {
  const facts = readModelFacts(readFileSync(DEMO_MODEL));
  expect(facts).toMatchObject({
    name: "htdemucs_demo",
    stems: ["drums", "bass", "other", "vocals"],
    sampleRate: 44100,
    channels: 2,
    segment: 171990,
    trained: true,
  });
  expect(facts.knownAnswer).toHaveLength(64);
});

test("a batch of one is as good as any", () => {
  const facts = readModelFacts(headerOf({ input: { shape: [1, 2, 1000] }, output: { shape: [1, 2, 2, 1000] } }));
  expect(facts.knownAnswer[0]).toBeCloseTo(-5e-6, 12);
});

const AGAIN = "; export the model again with demucs-export";

test.each<[string, Wanted]>([
  ["the model file has no metadata 'demucs_ort.schema_version'" + AGAIN, { metadata: { schema_version: undefined } }],
  [
    "the model file follows contract version 2 but this page knows version 1; " +
      "use matching versions of demucs-export and demucs-ort-web",
    { metadata: { schema_version: "2" } },
  ],
  [
    "the model's metadata 'demucs_ort.sample_rate' is '44.1', not a positive number" + AGAIN,
    { metadata: { sample_rate: "44.1" } },
  ],
  ["the model's sample rate of 100 Hz is not one of 8000 to 768000" + AGAIN, { metadata: { sample_rate: "100" } }],
  [
    "the model's metadata 'demucs_ort.sources' is 'left,left', not a list of distinct stem names" + AGAIN,
    { metadata: { sources: "left,left" } },
  ],
  [
    "the model's metadata 'demucs_ort.sources' is 'a/b,c', not a list of distinct stem names" + AGAIN,
    { metadata: { sources: "a/b,c" } },
  ],
  ["the model's metadata 'demucs_ort.trained' is 'yes', not true or false" + AGAIN, { metadata: { trained: "yes" } }],
  ["the model's metadata 'demucs_ort.known_answer' is damaged" + AGAIN, { metadata: { known_answer: "1,2" } }],
  [
    "the model's metadata 'demucs_ort.description' holds control characters" + AGAIN,
    { metadata: { description: "\u001b" } },
  ],
  [
    "the model's 2 sources of 2 channels and 99999999 frames are more than this page takes" + AGAIN,
    { metadata: { segment_frames: "99999999" } },
  ],
  ["the model should have exactly one input named 'mix'" + AGAIN, { input: { name: "audio" } }],
  ["the model's input 'mix' is not float32" + AGAIN, { input: { type: 10 } }],
  [
    "the model's output 'stems' has shape [batch, 4, 2, 1000] but its metadata says [batch, 2, 2, 1000]" + AGAIN,
    { output: { shape: [-1, 4, 2, 1000] } },
  ],
])("refuses: %s", (message, wanted) => {
  expect(() => readModelFacts(headerOf(wanted))).toThrow(expect.objectContaining({ code: "bad_model", message }));
});

test.each([
  ["nothing", new Uint8Array()],
  ["text", new TextEncoder().encode("<!doctype html><title>404</title>")],
  ["noise", Uint8Array.from({ length: 10_000 }, (_, i) => (i * i * 31 + 7 * i) % 251)],
  ["half a model", new Uint8Array(readFileSync(DEMO_MODEL)).subarray(0, 3_000_000)],
])("refuses %s", (_, bytes) => {
  expect(() => readModelFacts(bytes)).toThrow("this file is no complete ONNX model; choose an .onnx file");
});

test("the known signal is that of the exporter", () => {
  const signal = knownSignal(2, 1000);
  // (1 * 1664525 + 1013904223) >> 8 of 2^24, less a half, times 0.4.
  expect(signal[0]).toBe(Math.fround(Math.fround(3967065 / 16777216 - 0.5) * Math.fround(0.4)));
  expect(Math.max(...signal)).toBeLessThan(0.2);
  expect(Math.min(...signal)).toBeGreaterThanOrEqual(-0.2);
});

test("the known answer is compared where the exporter took it", () => {
  const segment = 1000;
  const stems = Float32Array.from({ length: 2 * 2 * segment }, (_, i) => i);
  const answer = [0, 1].flatMap((stem) =>
    Array.from({ length: 16 }, (_, k) => (stem * 2 + (k % 2)) * segment + Math.floor(((2 * k + 1) * segment) / 32)),
  );
  expect(knownAnswerSnr(2, segment, answer, stems)).toBe(Infinity);
  expect(
    knownAnswerSnr(
      2,
      segment,
      answer.map((x) => x * 1.1),
      stems,
    ),
  ).toBeCloseTo(20 * Math.log10(11), 3);
  expect(knownAnswerSnr(2, segment, answer, stems.fill(NaN))).toBeNaN();
});
