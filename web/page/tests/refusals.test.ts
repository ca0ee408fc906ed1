import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { accessibilityFaults } from "./axe.js";
import { choose, cutSong, ffmpeg, open, visit, WORK, type Visit } from "./page_site.js";

const SHA256 = "94b0f15c8776463f07245cb8563f7e0f0c2e640af4b382dca956e5df75f75a86";

describe("what can go wrong, and models of the user's own", () => {
  let here: Visit;
  let song: string;

  beforeAll(async () => {
    song = cutSong(30);
    here = await visit();
  });
  afterAll(() => here.leave());

  const alert = () => here.page.textContent("#alert");

  test("the start page is accessible, and the keyboard reaches everything in order", async () => {
    const { page } = here;
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await accessibilityFaults(page)).toEqual([]);
    }
    const reached = [];
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement!.id));
    }
    expect(reached).toEqual(["choose", "demo", "model", "add"]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });

  test("a file that is no music is refused in one sentence", async () => {
    const file = `${WORK}notes.txt`;
    writeFileSync(file, "no music");
    await here.page.setInputFiles("#file", file);
    await expect
      .poll(alert)
      .toBe("This browser cannot read notes.txt as music. Convert it to WAV, FLAC, MP3 or M4A and try again.");
    expect(await here.page.isVisible("#choose")).toBe(true);
  });

  test("a song can be dropped; one in surround sound is mixed down", async () => {
    const file = `${WORK}surround.wav`;
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.5", "-ac", "6", file);
    const bytes = readFileSync(file).toString("base64");
    await here.page.evaluate((data) => {
      const transfer = new DataTransfer();
      const content = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([content], "surround.wav"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
    }, bytes);
    await here.page.waitForSelector("#separate:enabled");
    expect(await here.page.textContent("#facts")).toBe("0:00.5 · surround.wav");
  });

  test("cancelling stops inside a segment, leaves no stems, and the song can be separated again", async () => {
    const { page } = here;
    await choose(page, song);
    await page.click("#separate");
    await page.waitForFunction(() => /part 1 of/.test(document.getElementById("remaining")!.textContent!));
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.click("#cancel");
    await page.waitForSelector("#separate:enabled");
    expect(await page.locator(".lane").count()).toBe(0);
    expect(await page.textContent("#live")).toBe("Cancelled.");
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("separate");
    const left = await page.evaluate(async () => {
      const names: string[] = [];
      for await (const [name, handle] of (await navigator.storage.getDirectory()).entries()) {
        for await (const file of (handle as FileSystemDirectoryHandle).keys()) names.push(`${name}/${file}`);
      }
      return names;
    });
    expect(left).toEqual([]);
  });

  test("a file that is no model is refused in one sentence and not kept", async () => {
    const { page, address } = here;
    const file = `${WORK}wrong.onnx`;
    writeFileSync(file, "no model");
    const status = () => page.textContent("#add-status");
    await open(page, address);
    await page.click("#add");
    await page.setInputFiles("#model-file", file);
    await expect
      .poll(status)
      .toBe("This file is no complete ONNX model; choose an .onnx file that demucs-export wrote.");
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.fill("#model-address", `${address}none.onnx`);
    await page.click("#model-fetch");
    await expect.poll(status).toBe(`The server of ${address}none.onnx answered 404. Check the address.`);
    expect(await page.locator("#model option").allTextContents()).toEqual(["Demo model"]);
  });

  test("a model of one's own is kept with its hash until it is removed", async () => {
    const { page, address } = here;
    await open(page, address);
    await page.click("#add");
    await page.fill("#model-address", `${address}demo/htdemucs_demo.onnx`);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#add-dialog:not([open])", { state: "attached" });
    await open(page, address);
    expect(await page.locator("#model option").allTextContents()).toEqual(["Demo model", "htdemucs_demo.onnx"]);
    expect(await page.textContent("#hash")).toBe(`7.5 MB · SHA-256 ${SHA256}`);
    await choose(page, song);
    await page.click("#remove");
    const models = () => page.locator("#model option").allTextContents();
    await expect.poll(models).toEqual(["Demo model"]);
    await open(page, address);
    expect(await models()).toEqual(["Demo model"]);
  });
});

describe("a server that sends no headers", () => {
  test("a service worker isolates the page", async () => {
    const here = await visit({ headers: false });
    expect(await here.page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await here.page.textContent("#threads")).not.toMatch(/One thread/);
    await here.leave();
  });

  test("without service workers the page says that it has one thread; a broken graphics card is told", async () => {
    const here = await visit({ headers: false, context: { serviceWorkers: "block" } });
    expect(await here.page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(await here.page.textContent("#threads")).toMatch(/^One thread: the page is not cross-origin isolated/);
    await here.page.addInitScript(() => {
      const gpu = { requestAdapter: async () => ({ info: { isFallbackAdapter: false } }) };
      Object.defineProperty(navigator, "gpu", { value: gpu });
    });
    await open(here.page, here.address);
    expect(await here.page.inputValue("#backend")).toBe("webgpu");
    await choose(here.page, cutSong(1));
    expect(await here.page.textContent("#notice")).toMatch(
      /^The graphics card cannot be used, so the processor computes/,
    );
    expect(await here.page.inputValue("#backend")).toBe("wasm");
    expect(await here.page.textContent("#threads")).toMatch(/^One thread.* Known answer met to 1\d\d dB\.$/);
    await here.leave();
  });
});
