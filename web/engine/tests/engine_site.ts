import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";

import { launchBrowser } from "../../testing/browser.js";
import { ISOLATION, serve } from "../../testing/site.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const ROOT = path("../../../");
const FOLDER = path("../../../build/web/engine_tests/");
const MODEL = path("../../../demo_model/htdemucs_demo.onnx");

/** Frames that the demo model hears at a time. */
export const SEGMENT = 171990;

/** Names of mixes, and how long they are; 0 is the whole song. */
export const LENGTHS = {
  one_frame: 1,
  short: 50_000,
  less_than_a_segment: SEGMENT - 1,
  a_segment: SEGMENT,
  one_frame_more: SEGMENT + 1,
  song: 0,
};

/** Builds the page that the tests call, with the model and the stems of the C++ core beside it. */
export async function buildSite(lengths: Partial<typeof LENGTHS> = LENGTHS): Promise<void> {
  await build({
    configFile: false,
    logLevel: "error",
    root: path("./fixture"),
    base: "./",
    build: { outDir: FOLDER, emptyOutDir: true, target: "es2022" },
    worker: { format: "es" },
  });
  copyFileSync(MODEL, `${FOLDER}demo.onnx`);
  const wanted = Object.entries(lengths).map(([name, frames]) => `${name}=${frames}`);
  execFileSync(`${ROOT}.venv/bin/python`, [path("../../testing/make_references.py"), MODEL, FOLDER, ...wanted]);
}

export interface Visit {
  page: Page;
  leave(): Promise<void>;
}

/** Opens that page in a browser of its own. */
export async function visit(options: { isolated?: boolean; webgpu?: boolean } = {}): Promise<Visit> {
  const site = await serve(FOLDER, options.isolated === false ? {} : ISOLATION);
  const browser = await launchBrowser({ webgpu: options.webgpu ?? false });
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(site.address);
  await page.waitForFunction(() => "tools" in window);
  return {
    page,
    async leave() {
      await browser.close();
      await site.close();
    },
  };
}
