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
  const memory = new MemoryWatch(browser);
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
  await memory.stop();
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
});

/** How often the browser's processes are looked at. The browser itself resets the peaks that the system keeps. */
const WATCH_MILLISECONDS = 250;

/** The largest resident size in MB that each process of a browser has had. */
class MemoryWatch {
  readonly peaks: Record<string, number> = {};
  private stopping = false;
  private readonly watching: Promise<void>;

  constructor(private readonly browser: Browser) {
    this.watching = this.watch();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.watching;
  }

  private async watch(): Promise<void> {
    const session = await this.browser.newBrowserCDPSession();
    while (!this.stopping) {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      for (const { type, id } of processInfo) this.look(`${type} ${id}`, `/proc/${id}/status`);
      await new Promise((resolve) => setTimeout(resolve, WATCH_MILLISECONDS));
    }
    await session.detach();
  }

  private look(name: string, file: string): void {
    let status: string;
    try {
      status = readFileSync(file, "utf8");
    } catch {
      return; // It has ended meanwhile.
    }
    const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
    this.peaks[name] = Math.max(this.peaks[name] ?? 0, Math.round((kilobytes * 1024) / MEGABYTE));
  }
}
