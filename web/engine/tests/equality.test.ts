import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildSite, LENGTHS, visit, type Visit } from "./engine_site.js";

beforeAll(() => buildSite());

describe.each([
  { isolated: true, threads: 2 },
  { isolated: false, threads: 1 },
])("wasm, isolated: $isolated", ({ isolated, threads }) => {
  let here: Visit;

  beforeAll(async () => {
    here = await visit({ isolated });
    const info = await here.page.evaluate(async () => {
      window.engine = await window.tools.Engine.create({ model: "demo.onnx", threads: 2 });
      return window.engine.info;
    });
    expect(info).toMatchObject({ name: "htdemucs_demo", backend: "wasm", threads });
    expect(info.knownAnswerSnr).toBeGreaterThan(90);
  });
  afterAll(() => here.leave());

  // Without threads only what they could change.
  const names = isolated ? Object.keys(LENGTHS) : ["one_frame_more"];
  test.each(names)("equals the C++ core: %s", async (name) => {
    const snrs = await here.page.evaluate((mix) => window.tools.compare(window.engine, mix), name);
    console.log(name, snrs);
    expect(Object.keys(snrs)).toEqual(["drums", "bass", "other", "vocals"]);
    for (const snr of Object.values(snrs)) expect(snr).toBeGreaterThan(100);
  });
});
