import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildSite, TINY_MIXES, visit, type Visit } from "./engine_site.js";

let here: Visit;

beforeAll(() => buildSite());

/** Makes the page's engine of one of the site's models; returns what it says of itself. */
function load(model: string, threads = 2) {
  const options = { model, threads };
  return here.page.evaluate(async (wanted) => {
    window.engine?.close();
    window.engine = await window.tools.Engine.create(wanted);
    return window.engine.info;
  }, options);
}

describe("without isolation", () => {
  beforeAll(async () => {
    here = await visit({ isolated: false });
  });
  afterAll(() => here.leave());

  test("one thread computes what the C++ core does", async () => {
    const { threads } = await load("tiny.onnx", 2);
    expect(threads).toBe(1);
    const snrs = await here.page.evaluate(() => window.tools.compare(window.engine, "several"));
    for (const snr of Object.values(snrs)) expect(snr).toBeGreaterThan(100);
  });
});

describe("isolated", () => {
  beforeAll(async () => {
    here = await visit();
  });
  afterAll(() => here.leave());

  describe("with the tiny model", () => {
    beforeAll(async () => {
      await load("tiny.onnx");
    });

    test("info says what the file says", async () => {
      const info = await here.page.evaluate(() => window.engine.info);
      expect(info).toMatchObject({
        name: "tiny",
        stems: ["left", "right"],
        sampleRate: 44100,
        channels: 2,
        segment: 22050,
        precision: "fp32",
        trained: false,
        backend: "wasm",
        threads: 2,
        adapter: "",
      });
      expect(info.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(info.knownAnswerSnr).toBeGreaterThan(60);
    });

    test.each(Object.entries(TINY_MIXES))("equals the C++ core: %s", async (name, { overlap = 0.25 }) => {
      const snrs = await here.page.evaluate(
        ([mix, share]) => window.tools.compare(window.engine, mix, { overlap: share }),
        [name, overlap] as const,
      );
      expect(Object.keys(snrs)).toEqual(["left", "right"]);
      for (const snr of Object.values(snrs)) expect(snr).toBeGreaterThan(100);
    });

    test("a single channel stands for both", async () => {
      const same = await here.page.evaluate(async () => {
        const { sampleRate, channels } = await window.tools.mixOf("several");
        const one = await window.engine.separate({ sampleRate, channels: [channels[0]!] });
        const two = await window.engine.separate({ sampleRate, channels: [channels[0]!, channels[0]!] });
        return [...one].every(([stem, audio]) =>
          audio.channels.every((samples, c) => samples.every((x, i) => x === two.get(stem)!.channels[c]![i])),
        );
      });
      expect(same).toBe(true);
    });

    test("stems leave in chunks, in order and without gaps", async () => {
      const result = await here.page.evaluate(async () => {
        const mix = await window.tools.mixOf("several");
        const stems = ["right", "left"];
        const whole = await window.engine.separate(mix, { stems });
        const names = [...whole.keys()];
        let at = 0;
        let pending = 0;
        let most = 0;
        let wrong = 0;
        const nothing = await window.engine.separate(mix, {
          stems,
          async onChunk({ stem, first, channels }) {
            most = Math.max(most, ++pending);
            await new Promise((resolve) => setTimeout(resolve, 20));
            --pending;
            if (first !== at) wrong++;
            channels.forEach((samples, c) => {
              const expected = whole.get(stem)!.channels[c]!;
              samples.forEach((x, i) => (wrong += x === expected[first + i] ? 0 : 1));
            });
            if (stem === "left") at += channels[0]!.length;
          },
        });
        return { names, at, frames: mix.channels[0]!.length, most, wrong, collected: nothing.size };
      });
      expect(result).toEqual({
        names: ["right", "left"],
        at: result.frames,
        frames: 50_003,
        most: 1,
        wrong: 0,
        collected: 0,
      });
    });

    test("progress counts the segments that estimate told", async () => {
      const { told, heard } = await here.page.evaluate(async () => {
        const mix = await window.tools.mixOf("several");
        const estimate = await window.engine.estimate(mix.channels[0]!.length);
        const calls: number[][] = [];
        await window.engine.separate(mix, { onProgress: (...call) => calls.push(call) });
        return { told: estimate, heard: calls };
      });
      expect(told.secondsPerSegment).toBeGreaterThan(0);
      expect(told.seconds).toBeCloseTo(told.segments * told.secondsPerSegment);
      expect(told.segments).toBe(Math.ceil(50_003 / Math.trunc(0.75 * 22050)));
      expect(heard.map(([done]) => done)).toEqual([...Array(told.segments + 1).keys()]);
      expect(heard.every(([, total]) => total === told.segments)).toBe(true);
      expect(heard[0]![2]).toBeGreaterThan(0);
      expect(heard.at(-1)![2]).toBe(0);
    });

    test("what a callback throws reaches the caller, and the engine goes on", async () => {
      const { thrown, snrs } = await here.page.evaluate(async () => {
        const mix = await window.tools.mixOf("several");
        const onChunk = () => {
          throw new Error("the disk is full");
        };
        const error: unknown = await window.engine.separate(mix, { onChunk }).catch((reason: unknown) => reason);
        return { thrown: String(error), snrs: await window.tools.compare(window.engine, "several") };
      });
      expect(thrown).toBe("Error: the disk is full");
      for (const snr of Object.values(snrs)) expect(snr).toBeGreaterThan(100);
    });

    test.each([
      ["bad_audio", "the track is empty; there is nothing to separate", { channels: [0, 0] }, {}],
      [
        "bad_audio",
        "the track has 48000 Hz but the model works at 44100 Hz; decode it at that rate",
        { rate: 48000 },
        {},
      ],
      ["bad_audio", "the track has 3 channels but the model takes 2; mix it down first", { channels: [9, 9, 9] }, {}],
      ["bad_audio", "the channels of the track differ in length", { channels: [9, 8] }, {}],
      [
        "bad_audio",
        "the mix holds a sample that is not a finite number (channel 1, frame 30000); repair the audio first",
        { channels: [50000, 50000], nan: 30000 },
        {},
      ],
      ["bad_option", "overlap must be at least 0 and less than 1", {}, { overlap: 1 }],
      [
        "bad_option",
        "overlap is so close to 1 that segments would not advance; choose less",
        {},
        { overlap: 1 - Number.EPSILON },
      ],
      ["bad_option", "the model has no stem 'vocals'; it has left, right", {}, { stems: ["vocals"] }],
      ["bad_option", "no stem is wanted; name at least one", {}, { stems: [] }],
      ["bad_option", "a stem is wanted twice", {}, { stems: ["left", "left"] }],
    ])("%s: %s", async (code, message, audio: { channels?: number[]; rate?: number; nan?: number }, options) => {
      const failure = await here.page.evaluate(
        async ([wanted, settings]) => {
          const channels = (wanted.channels ?? [9, 9]).map((frames) => new Float32Array(frames));
          if (wanted.nan) channels[1]![wanted.nan] = NaN;
          const mix = { sampleRate: wanted.rate ?? 44100, channels };
          return window.tools.failureOf(() => window.engine.separate(mix, settings));
        },
        [audio, options] as const,
      );
      expect(failure).toEqual({ code, message });
    });

    test("one track at a time", async () => {
      const failure = await here.page.evaluate(async () => {
        const first = window.tools.compare(window.engine, "several");
        const mix = await window.tools.mixOf("several");
        const running = window.engine.separate(mix);
        const refused = await window.tools.failureOf(() => window.engine.separate(mix));
        await Promise.allSettled([first, running]);
        return refused;
      });
      expect(failure).toEqual({
        code: "bad_option",
        message: "the engine is separating another track; wait for it or cancel it",
      });
    });
  });

  test.each([
    ["missing.onnx", /^the server answered 404 for the model at missing.onnx$/],
    ["http://127.0.0.1:1/a.onnx", /^the model could not be fetched from http:.*; check the address and the network$/],
  ])("an address without a model: %s", async (model, sentence) => {
    const failure = await failureToLoad({ model });
    expect(failure.code).toBe("fetch");
    expect(failure.message).toMatch(sentence);
  });

  test.each([
    ["no_weights.onnx", "bad_model", /^the wasm backend could not load the model: .+$/],
    [
      "wrong_answer.onnx",
      "backend",
      /^the wasm backend of this browser computes wrong results \(-6.0 dB from the model's known answer, 20 are needed\); .+$/,
    ],
    ["index.html", "bad_model", /^this file is no complete ONNX model; choose an .onnx file that demucs-export wrote$/],
    ["tiny.ort", "bad_model", /^this is an .ort file, which a browser cannot check; choose the .onnx file$/],
  ])("%s is refused: %s", async (model, code, sentence) => {
    const failure = await failureToLoad({ model });
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(sentence);
  });

  test("a file without a known answer runs on wasm only", async () => {
    expect((await load("no_answer.onnx")).knownAnswerSnr).toBeUndefined();
    const failure = await failureToLoad({ model: "no_answer.onnx", backend: "webgpu" });
    expect(failure.code).toBe("bad_model");
    expect(failure.message).toMatch(/^the model has no known answer to check WebGPU with; /);
  });

  test("without WebGPU the backend webgpu is refused, not replaced", async () => {
    const failure = await failureToLoad({ model: "tiny.onnx", backend: "webgpu" });
    expect(failure.code).toBe("backend");
    expect(failure.message).toMatch(/^this browser .*WebGPU.*; choose the wasm backend$/);
  });

  test("threads have to be a number", async () => {
    expect(await failureToLoad({ model: "tiny.onnx", threads: 0 })).toEqual({
      code: "bad_option",
      message: "threads must be a whole number of at least 1",
    });
  });

  describe("with the demo model", () => {
    beforeAll(async () => {
      await load("demo.onnx");
    });

    test("equals the C++ core: a whole song", async () => {
      const snrs = await here.page.evaluate(() => window.tools.compare(window.engine, "song"));
      expect(Object.keys(snrs)).toEqual(["drums", "bass", "other", "vocals"]);
      for (const snr of Object.values(snrs)) expect(snr).toBeGreaterThan(100);
    });

    test("a cancel takes effect within a segment, and the engine goes on", async () => {
      const { failure, calls, again } = await here.page.evaluate(async () => {
        const mix = await window.tools.mixOf("song");
        const { signal, abort } = cancelLater();
        const done: number[] = [];
        const onProgress = (count: number) => {
          done.push(count);
          // The first segment is being computed by then.
          setTimeout(abort, 50);
        };
        const refused = await window.tools.failureOf(() => window.engine.separate(mix, { signal, onProgress }));
        const short = { sampleRate: 44100, channels: mix.channels.map((samples) => samples.slice(0, 1000)) };
        const stems = await window.engine.separate(short);
        return { failure: refused, calls: done, again: [...stems.keys()] };

        function cancelLater() {
          const controller = new AbortController();
          return { signal: controller.signal, abort: () => controller.abort() };
        }
      });
      expect(failure.code).toBe("cancelled");
      expect(calls).toEqual([0]);
      expect(again).toEqual(["drums", "bass", "other", "vocals"]);
    });

    test("a cancel stops loading", async () => {
      const stages = ["fetching", "loading", "checking"];
      for (const stage of stages) {
        const failure = await here.page.evaluate(
          (last) =>
            window.tools.failureOf(() => {
              const controller = new AbortController();
              const onStage = (now: string) => now === last && controller.abort();
              return window.tools.Engine.create({ model: "demo.onnx", signal: controller.signal, onStage });
            }),
          stage,
        );
        expect(failure.code).toBe("cancelled");
      }
    });

    test("close ends a running separation", async () => {
      const [running, later] = await here.page.evaluate(async () => {
        const mix = await window.tools.mixOf("song");
        const onProgress = () => window.engine.close();
        return [
          await window.tools.failureOf(() => window.engine.separate(mix, { onProgress })),
          await window.tools.failureOf(() => window.engine.separate(mix)),
        ];
      });
      expect(running!.code).toBe("closed");
      expect(later!.code).toBe("closed");
    });
  });
});

function failureToLoad(options: { model: string; backend?: "wasm" | "webgpu"; threads?: number }) {
  return here.page.evaluate((wanted) => window.tools.failureOf(() => window.tools.Engine.create(wanted)), options);
}
