import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";

import { launchBrowser, launchProfile } from "../../testing/browser.js";
import { ISOLATION, serve } from "../../testing/site.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const PYTHON = path("../../../.venv/bin/python");
const MODELS = path("../../../build/web/models/");
export const SITE = path("../../../build/web/engine_tests/");
const DEMO_MODEL = path("../../../demo_model/htdemucs_demo.onnx");

/** Frames that the tiny model hears at a time. */
const TINY_SEGMENT = 22050;

export interface Mix {
  frames: number;
  overlap?: number;
}

/** What the tiny model separates: every kind of edge. */
export const TINY_MIXES: Record<string, Mix> = {
  one_frame: { frames: 1 },
  two_frames: { frames: 2 },
  short: { frames: 6001 },
  one_frame_less: { frames: TINY_SEGMENT - 1 },
  a_segment: { frames: TINY_SEGMENT },
  one_frame_more: { frames: TINY_SEGMENT + 1 },
  two_strides: { frames: 2 * Math.trunc(0.75 * TINY_SEGMENT) },
  several: { frames: 50_003 },
  no_overlap: { frames: 50_003, overlap: 0 },
  much_overlap: { frames: 40_000, overlap: 0.6 },
};

/** Builds the page that the tests call, with models and the stems of the C++ core beside it. */
export async function buildSite(): Promise<void> {
  await build({
    configFile: false,
    logLevel: "error",
    root: path("./fixture"),
    base: "./",
    build: { outDir: SITE, emptyOutDir: true, target: "es2022" },
    worker: { format: "es" },
  });
  mkdirSync(MODELS, { recursive: true });
  if (!existsSync(`${MODELS}no_weights.onnx`)) execFileSync(PYTHON, [path("../../testing/make_models.py"), MODELS]);
  for (const file of readdirSync(MODELS)) copyFileSync(MODELS + file, SITE + file);
  copyFileSync(DEMO_MODEL, `${SITE}demo.onnx`);
  makeReferences(`${MODELS}tiny.onnx`, TINY_MIXES);
  makeReferences(DEMO_MODEL, { song: { frames: 0 } });
}

function makeReferences(model: string, mixes: Record<string, Mix>): void {
  const wanted = Object.entries(mixes).map(([name, { frames, overlap = 0.25 }]) => `${name}=${frames}@${overlap}`);
  execFileSync(PYTHON, [path("../../testing/make_references.py"), model, SITE, ...wanted]);
}

export interface Visit {
  page: Page;
  leave(): Promise<void>;
}

export interface VisitOptions {
  isolated?: boolean;
  webgpu?: boolean;
  /** A folder for the browser's storage, which is in memory without it. */
  profile?: string;
}

/** Opens that page in a browser of its own. */
export async function visit(options: VisitOptions = {}): Promise<Visit> {
  const site = await serve(SITE, options.isolated === false ? {} : ISOLATION);
  const { profile, webgpu = false } = options;
  const browser = profile ? await launchProfile(profile, { webgpu }) : await launchBrowser({ webgpu });
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
