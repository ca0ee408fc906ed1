import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where distributions and Google put them; `DEMUCS_ORT_BROWSER` names another. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser"];

const BASE_FLAGS = [
  // Fetches nothing by itself: no updates, no lists, no translation.
  "--disable-background-networking",
  "--disable-component-update",
];
/** WebGPU on the processor, for machines without a graphics card. */
const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-webgpu-adapter=swiftshader"];

/** A real Chromium without a window. */
export function launchBrowser(options: { webgpu?: boolean; flags?: string[] } = {}): Promise<Browser> {
  const executablePath = process.env["DEMUCS_ORT_BROWSER"] ?? PLACES.find((place) => existsSync(place));
  if (!executablePath) {
    throw new Error(`no browser for the tests; install chromium, or name one in DEMUCS_ORT_BROWSER`);
  }
  const flags = [...BASE_FLAGS, ...(options.webgpu ? SOFTWARE_WEBGPU : []), ...(options.flags ?? [])];
  // Root may not use the sandbox, and containers often cannot.
  return chromium.launch({ executablePath, args: flags, chromiumSandbox: false });
}
