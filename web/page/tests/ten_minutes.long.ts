import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";

import { MemoryWatch } from "../../testing/memory_watch.js";
import { choose, download, ffmpeg, RATE, STEMS, visit, WORK } from "./page_site.js";

const SECONDS = 600;
/**
 * What one process of the browser may hold at its peak. The song alone is 202 MB as samples and 101 MB as a file, both
 * there while it is decoded, and the model with its runtime 400 MB. All stems together would be 807 MB more.
 */
const LIMIT = 900;

test("a song of ten minutes, in bounded memory", { timeout: 0 }, async () => {
  mkdirSync(WORK, { recursive: true });
  const song = `${WORK}ten minutes.wav`;
  const demo = new URL("../../../demo_model/song/mixture.ogg", import.meta.url).pathname;
  // Repeated Ogg files leave gaps in their times; the filter closes them.
  const repeated = ["-stream_loop", "-1", "-i", demo, "-af", "asetpts=N/SR/TB"];
  ffmpeg(...repeated, "-t", String(SECONDS), "-c:a", "pcm_s16le", song);
  const profile = mkdtempSync(`${tmpdir()}/demucs_ort_page_`);
  const { page, leave } = await visit({ profile });
  const memory = new MemoryWatch(profile);
  await choose(page, song);
  console.log(await page.textContent("#estimate"), memory.peaks);
  await page.click("#separate");
  await page.waitForSelector("#transport:visible");
  console.log("separated", memory.peaks);

  await page.locator("#seek").fill(String(SECONDS - 2));
  await page.click("#play");
  await page.waitForFunction(() => document.getElementById("time")!.textContent === "10:00.0");
  console.log("played", memory.peaks);

  await page.selectOption("#format", "flac24");
  const zip = await download(page, "#download-all");
  memory.stop();
  console.log("saved", memory.peaks);
  execFileSync("unzip", ["-o", "-q", zip, "-d", `${WORK}ten minutes`]);
  expect(readdirSync(`${WORK}ten minutes`)).toHaveLength(STEMS.length);
  const frames = execFileSync("ffprobe", [
    ...["-v", "error", "-show_entries", "stream=duration_ts", "-of", "csv=p=0"],
    `${WORK}ten minutes/ten minutes - vocals.flac`,
  ]);
  expect(Number(String(frames))).toBe(SECONDS * RATE);
  expect(Object.keys(memory.peaks).length).toBeGreaterThan(2);
  for (const megabytes of Object.values(memory.peaks)) expect(megabytes).toBeLessThan(LIMIT);
  await leave();
  rmSync(profile, { recursive: true });
});
