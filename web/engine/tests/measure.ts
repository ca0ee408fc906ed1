import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import { beforeAll, test } from "vitest";

import { MemoryWatch } from "../../testing/memory_watch.js";
import { buildSite, SITE, visit } from "./engine_site.js";

// npm changes into the package's folder, and tells where it was called.
const { MODEL: named, INIT_CWD: called = "" } = process.env;
const MODEL = named ? resolve(called, named) : `${SITE}demo.onnx`;
/** Segments of the song that is separated. */
const SEGMENTS = 6;

beforeAll(async () => {
  await buildSite();
  copyFileSync(MODEL, `${SITE}measured.onnx`);
});

// Each number of threads in a browser of its own, so that the memory is its own, too.
test.for([1, 2, 4, 8].filter((threads) => threads <= cpus().length))("%d threads", async (threads) => {
  const profile = mkdtempSync(`${tmpdir()}/demucs_ort_measure_`);
  const { page, leave } = await visit({ profile });
  const memory = new MemoryWatch(profile);
  const { seconds, frames, rate, bytes } = await page.evaluate(measure, { threads, segments: SEGMENTS });
  memory.stop();
  await leave();
  rmSync(profile, { recursive: true });
  const peak = Math.max(...Object.values(memory.peaks));
  const size = (bytes / 1e6).toFixed(1);
  const share = ((seconds * rate) / frames).toFixed(2);
  console.log(
    `| ${basename(MODEL)} (${size} MB) | ${threads} | ${(seconds / SEGMENTS).toFixed(2)} s a segment | ` +
      `${share} times the song's length | ${peak} MB at most in a process | ${cpus()[0]!.model} |`,
  );
});

/** In the page: separates noise of so many segments, and tells how long that took, without loading the model. */
async function measure({ threads, segments }: { threads: number; segments: number }) {
  const engine = await window.tools.Engine.create({ model: "measured.onnx", threads });
  const { segment, sampleRate, bytes } = engine.info;
  const frames = segments * Math.trunc(0.75 * segment);
  const channels = [0, 1].map(() => Float32Array.from({ length: frames }, () => Math.random() - 0.5));
  const start = performance.now();
  await engine.separate({ sampleRate, channels }, { onChunk: () => {} });
  return { seconds: (performance.now() - start) / 1000, frames, rate: sampleRate, bytes };
}
