import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium } from "playwright-core";

/** Where distributions and Google put them; `DEMUCS_ORT_BROWSER` names another. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser"];

const BASE_FLAGS = [
  // Fetches nothing by itself: no updates, no lists, no translation.
  "--disable-background-networking",
  "--disable-component-update",
];
/** WebGPU on the processor, for machines without a graphics card. */
const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-webgpu-adapter=swiftshader"];

export interface BrowserOptions {
  webgpu?: boolean;
  flags?: string[];
}

/** A real Chromium without a window. Its storage is in memory, as in a private window. */
export const launchBrowser = (options: BrowserOptions = {}): Promise<Browser> =>
  chromium.launch(launchOptions(options));

/** The same with storage on disk, in a folder. */
export const launchProfile = (folder: string, options: BrowserOptions = {}): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, launchOptions(options));

function launchOptions(options: BrowserOptions) {
  const executablePath = process.env["DEMUCS_ORT_BROWSER"] ?? PLACES.find((place) => existsSync(place));
  if (!executablePath) {
    throw new Error(`no browser for the tests; install chromium, or name one in DEMUCS_ORT_BROWSER`);
  }
  const args = [...BASE_FLAGS, ...(options.webgpu ? SOFTWARE_WEBGPU : []), ...(options.flags ?? [])];
  // Root may not use the sandbox, and containers often cannot.
  return { executablePath, args, chromiumSandbox: false };
}
