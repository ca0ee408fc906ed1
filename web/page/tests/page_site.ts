import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Download, Page } from "playwright-core";

import { launchBrowser, launchProfile } from "../../testing/browser.js";
import { serve } from "../../testing/site.js";
import { HEADERS } from "../security.js";
import { RECORDER } from "./recorder.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const PAGE = path("../dist/");
const PROGRAM = path("../../../build/release/demucs_ort_cli");
const SONG = path("../../../demo_model/song/mixture.ogg");
export const DEMO_MODEL = path("../../../demo_model/htdemucs_demo.onnx");
/** What the tests write. */
export const WORK = path("../../../build/web/page_tests/");

export const RATE = 44100;
export const STEMS = ["drums", "bass", "other", "vocals"];

export interface VisitOptions {
  /** Without them a server that knows nothing of isolation. */
  headers?: boolean;
  context?: BrowserContextOptions;
  /** A folder for the browser's storage, which is in memory without it. */
  profile?: string;
}

/** A browser that has opened the built page. */
export interface Visit {
  page: Page;
  address: string;
  /** What the browser complained of: errors of scripts, and what the Content-Security-Policy has stopped. */
  complaints: string[];
  leave(): Promise<void>;
}

export async function visit({ headers = true, context = {}, profile }: VisitOptions = {}): Promise<Visit> {
  if (!existsSync(`${PAGE}index.html`)) throw new Error("the page is not built; run make web");
  const site = await serve(PAGE, headers ? HEADERS : {}, { "recorder.js": RECORDER });
  const options = { flags: ["--autoplay-policy=no-user-gesture-required"] };
  const browser = profile ? await launchProfile(profile, options) : await launchBrowser(options);
  const page = await ("newContext" in browser ? await browser.newContext(context) : browser).newPage();
  // No test is about speed: what hangs is stopped by the test's own limit.
  page.setDefaultTimeout(0);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await open(page, site.address);
  return {
    page,
    address: site.address,
    complaints,
    async leave() {
      await browser.close();
      await site.close();
    },
  };
}

export async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.waitForSelector("body[data-ready]");
}

/** Opens a song and waits until the page has told how long it will take. */
export async function choose(page: Page, file: string): Promise<void> {
  await page.setInputFiles("#file", file);
  await page.waitForSelector("#separate:enabled");
}

export async function separate(page: Page, file: string): Promise<void> {
  await choose(page, file);
  await page.click("#separate");
  await page.waitForSelector("#transport:visible");
}

/** Clicks and returns where the downloaded file lies. */
export async function download(page: Page, selector: string): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  return keep(file);
}

async function keep(file: Download): Promise<string> {
  const target = `${WORK}downloads/${file.suggestedFilename()}`;
  await file.saveAs(target);
  return target;
}

export const ffmpeg = (...args: string[]): Buffer =>
  execFileSync("ffmpeg", ["-v", "error", "-y", ...args], { maxBuffer: 2 ** 28 });

/** Seconds 6 to 6 + `seconds` of the demo song, as WAV of 32-bit floats, which browser and program read alike. */
export function cutSong(seconds: number): string {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  const file = `${WORK}a song.wav`;
  ffmpeg("-ss", "6", "-t", String(seconds), "-i", SONG, "-c:a", "pcm_f32le", file);
  return file;
}

/** The program's stems of a song, in a folder. */
export function programStems(song: string, bitDepth: "32f" | "16"): string {
  const folder = `${WORK}program ${bitDepth}/`;
  execFileSync(PROGRAM, ["-q", "-m", DEMO_MODEL, "--bit-depth", bitDepth, song, folder]);
  return folder;
}

/** Interleaved stereo samples of any file that FFmpeg reads. */
export function samplesOf(file: string, stream = 0): Float32Array {
  const bytes = ffmpeg("-i", file, "-map", `0:${stream}`, "-f", "f32le", "-");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  let largest = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length && i < b.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Signal-to-noise ratio in dB over the common length, `b` read from sample `offset` on. */
export function snr(reference: Float32Array, other: Float32Array, offset = 0): number {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    signal += reference[i]! ** 2;
    noise += (reference[i]! - (other[i + offset] ?? 0)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

export const readText = (file: string): string => readFileSync(file, "latin1");
