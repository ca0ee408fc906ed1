import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { accessibilityFaults } from "./axe.js";
import {
  cutSong,
  download,
  largestDifference,
  programStems,
  RATE,
  readText,
  samplesOf,
  separate,
  snr,
  STEMS,
  visit,
  WORK,
  type Visit,
} from "./page_site.js";
import { gains, recordStems, wireRecorder } from "./recorder.js";

/** A second more than the demo model hears at a time: two segments. */
const SECONDS = 4.9;

describe("from a song to its stems", () => {
  let here: Visit;
  const theirs: Record<string, Float32Array> = {};

  beforeAll(async () => {
    const song = cutSong(SECONDS);
    const folder = programStems(song, "32f");
    for (const stem of STEMS) theirs[stem] = samplesOf(`${folder}${stem}.wav`);
    here = await visit();
    await wireRecorder(here.page);
    await here.page.reload();
    await here.page.waitForSelector("body[data-ready]");
    await separate(here.page, song);
  });
  afterAll(() => here.leave());

  test("all stems in a zip equal the program's", async () => {
    await here.page.selectOption("#format", "wav32");
    const zip = await download(here.page, "#download-all");
    expect(zip).toMatch(/a song stems\.zip$/);
    execFileSync("unzip", ["-o", "-q", zip, "-d", `${WORK}zip`]);
    for (const stem of STEMS) {
      const ours = samplesOf(`${WORK}zip/a song - ${stem}.wav`);
      expect(ours.length).toBe(theirs[stem]!.length);
      expect(snr(theirs[stem]!, ours)).toBeGreaterThan(100);
    }
  });

  test("16-bit WAV and 24-bit FLAC differ from it by their rounding alone", async () => {
    await here.page.selectOption("#format", "wav16");
    const wav = await download(here.page, "[aria-label='Download bass']");
    expect(wav).toMatch(/a song - bass\.wav$/);
    // Half a step, and what the stems differ by before rounding.
    expect(largestDifference(samplesOf(wav), theirs["bass"]!)).toBeLessThan(0.51 / 2 ** 15);
    await here.page.selectOption("#format", "flac24");
    const flac = await download(here.page, "[aria-label='Download bass']");
    expect(readText(flac).slice(0, 4)).toBe("fLaC");
    expect(largestDifference(samplesOf(flac), theirs["bass"]!)).toBeLessThan(8 / 2 ** 23);
  });

  test("the stem file has five aligned streams, the mix alone enabled, and the box that names them", async () => {
    const file = await download(here.page, "#download-stem-file");
    expect(file).toMatch(/a song\.stem\.mp4$/);
    const entries = "stream=codec_name,channels:stream_disposition=default";
    const streams = execFileSync("ffprobe", ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", file], {
      encoding: "utf8",
    });
    expect(streams.trim().split("\n")).toEqual(["aac,2,1", "aac,2,0", "aac,2,0", "aac,2,0", "aac,2,0"]);
    const [, manifest] = /udta....stem(\{.*\})/s.exec(readText(file))!;
    expect(JSON.parse(manifest!).stems.map(({ name }: { name: string }) => name)).toEqual([
      "Drums",
      "Bass",
      "Other",
      "Vocals",
    ]);
    const song = samplesOf(`${WORK}a song.wav`);
    for (const [stream, original] of [song, ...STEMS.map((stem) => theirs[stem]!)].entries()) {
      const decoded = samplesOf(file, stream);
      const aligned = snr(original, decoded);
      expect(aligned).toBeGreaterThan(12);
      for (const frames of [-1, 1]) expect(snr(original, decoded, 2 * frames)).toBeLessThan(aligned);
    }
  });

  test("all stems play from the frame that was sought, in step to the frame", async () => {
    const { page } = here;
    await page.click("#play");
    await page.waitForFunction(() => document.getElementById("time")!.textContent! > "0:00.2");
    await page.click("#play");
    await page.locator("#seek").fill("2");
    const recorded = await recordStems(page, RATE, () => page.keyboard.press("Space"));
    await page.click("#play");
    const start = recorded[0]!.findIndex((_, i) => recorded.some((channel) => channel[i] !== 0));
    // The first 128 frames fade in.
    const fade = 128;
    for (const [index, stem] of STEMS.entries()) {
      for (const channel of [0, 1]) {
        const played = recorded[2 * index + channel]!.subarray(start + fade, start + RATE / 2);
        const original = played.map((_, i) => theirs[stem]![2 * (2 * RATE + fade + i) + channel]!);
        expect(largestDifference(played, original)).toBeLessThan(1e-5);
      }
    }
  });

  test("mute, solo and level reach the gain of their stem", async () => {
    const { page } = here;
    await page.click("[aria-label='Mute drums']");
    await expect.poll(() => gains(page)).toEqual([0, 1, 1, 1]);
    await page.click("[aria-label='Solo bass']");
    await expect.poll(() => gains(page)).toEqual([0, 1, 0, 0]);
    await page.click("[aria-label='Solo bass']");
    await page.click("[aria-label='Mute drums']");
    await page.locator("[aria-label='Level of vocals']").fill("-20");
    await expect.poll(() => gains(page)).toEqual([1, 1, 1, 0.1]);
  });

  test("a click into a waveform seeks, and keys do", async () => {
    const { page } = here;
    const wave = (await page.locator(".wave").first().boundingBox())!;
    await page.mouse.click(wave.x + wave.width / 2, wave.y + wave.height / 2);
    const position = async () => Number(await page.inputValue("#seek"));
    await expect.poll(position).toBeCloseTo(SECONDS / 2, 1);
    await page.focus("#seek");
    await page.keyboard.press("End");
    expect(await position()).toBeCloseTo(SECONDS, 1);
    await page.keyboard.press("Home");
    expect(await position()).toBe(0);
  });

  test("accessible in light and dark, and nothing that the policy forbids was tried", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await here.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const under of ["#song", "#download-all", "#play"]) {
        await here.page.hover(under);
        expect(await accessibilityFaults(here.page), `the pointer on ${under}`).toEqual([]);
      }
    }
    expect(here.complaints).toEqual([]);
  });

  test("fits a phone", async () => {
    await here.page.setViewportSize({ width: 360, height: 740 });
    expect(await here.page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });

  test("the repository's files are the demo's", async () => {
    const served = await here.page.evaluate(async () => {
      const bytes = await (await fetch("demo/song.ogg")).arrayBuffer();
      return bytes.byteLength;
    });
    expect(served).toBe(readFileSync(new URL("../../../demo_model/song/mixture.ogg", import.meta.url)).length);
  });
});
