import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { expect, test } from "vitest";

import { choose, download, ffmpeg, RATE, STEMS, visit, WORK } from "./page_site.js";

const SECONDS = 600;
const MEGABYTE = 2 ** 20;
/**
 * What one process of the browser may hold at its peak. The song alone is 202 MB as samples and 101 MB as a file, both
 * there while it is decoded, and the model with its runtime 400 MB. All stems together would be 807 MB more.
 */
const LIMIT = 900;

test("a song of ten minutes, in bounded memory", { timeout: 0 }, async () => {
  mkdirSync(WORK, { recursive: true });
  const song = `${WORK}ten minutes.wav`;
  const demo = new URL("../../../demo_model/song/mixture.ogg", import.meta.url).pathname;
  ffmpeg("-stream_loop", "-1", "-i", demo, "-t", String(SECONDS), "-c:a", "pcm_s16le", song);
  const { page, browser, leave } = await visit();
  await choose(page, song);
  console.log(await page.textContent("#estimate"), await peaks(browser));
  await page.click("#separate");
  await page.waitForSelector("#transport:visible");
  console.log("separated", await peaks(browser));

  await page.locator("#seek").fill(String(SECONDS - 2));
  await page.click("#play");
  await page.waitForFunction(() => document.getElementById("time")!.textContent === "10:00.0");
  console.log("played", await peaks(browser));

  await page.selectOption("#format", "flac24");
  const zip = await download(page, "#download-all");
  const measured = await peaks(browser);
  console.log("saved", measured);
  execFileSync("unzip", ["-o", "-q", zip, "-d", `${WORK}ten minutes`]);
  expect(readdirSync(`${WORK}ten minutes`)).toHaveLength(STEMS.length);
  const frames = execFileSync("ffprobe", [
    ...["-v", "error", "-show_entries", "stream=duration_ts", "-of", "csv=p=0"],
    `${WORK}ten minutes/ten minutes - vocals.flac`,
  ]);
  expect(Number(String(frames))).toBe(SECONDS * RATE);
  for (const { megabytes } of measured) expect(megabytes).toBeLessThan(LIMIT);
  await leave();
});

/** The largest resident size that each process of the browser has had so far. */
async function peaks(browser: Browser): Promise<{ type: string; megabytes: number }[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.map(({ type, id }) => {
    const status = readFileSync(`/proc/${id}/status`, "utf8");
    const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(status)![1]);
    return { type, megabytes: Math.round((kilobytes * 1024) / MEGABYTE) };
  });
}
