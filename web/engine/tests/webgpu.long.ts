import { afterAll, beforeAll, expect, test } from "vitest";

import { buildSite, visit, type Visit } from "./engine_site.js";

let here: Visit;

beforeAll(async () => {
  await buildSite();
  here = await visit({ webgpu: true });
});
afterAll(() => here.leave());

// Without a graphics card the processor computes the shaders, and needs minutes to compile them. Every node is on
// WebGPU: the session would not load otherwise.
test("WebGPU gives the known answer and equals the C++ core", async () => {
  const { info, snrs } = await here.page.evaluate(async () => {
    window.engine = await window.tools.Engine.create({ model: "tiny.onnx", backend: "webgpu" });
    return { info: window.engine.info, snrs: await window.tools.compare(window.engine, "short") };
  });
  console.log(info.adapter, info.knownAnswerSnr, snrs, await here.page.evaluate(() => window.engine.estimate(22050)));
  expect(info.backend).toBe("webgpu");
  expect(info.adapter).not.toBe("");
  expect(info.knownAnswerSnr).toBeGreaterThan(60);
  for (const snr of Object.values(snrs)) expect(snr).toBeGreaterThan(90);
});
