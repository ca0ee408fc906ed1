import type { Page } from "playwright-core";

declare global {
  interface Window {
    /** The last node of every stem before the loudspeakers. */
    stemGains: GainNode[];
  }
}

/** Records on the audio thread, so that nothing is lost however busy the page is. */
export const RECORDER = `
registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([input]) {
    this.port.postMessage(input.map((channel) => channel.slice()));
    return true;
  }
});`;

/** Makes the page tell its stems' last nodes. Takes effect when the page is loaded the next time. */
export async function wireRecorder(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.stemGains = [];
    const connect = AudioNode.prototype.connect as (...args: unknown[]) => AudioNode;
    AudioNode.prototype.connect = function (this: AudioNode, ...args: unknown[]) {
      if (this instanceof GainNode && args[0] === this.context.destination) window.stemGains.push(this);
      return connect.apply(this, args);
    } as typeof AudioNode.prototype.connect;
  });
}

/** The gains of the stems, to three digits. */
export const gains = (page: Page): Promise<number[]> =>
  page.evaluate(() => window.stemGains.map(({ gain }) => Math.round(gain.value * 1000) / 1000));

/** What the stems play while `start` starts them: left and right of each, at least `frames` from the first sound on. */
export async function recordStems(page: Page, frames: number, start: () => Promise<void>): Promise<Float32Array[]> {
  await page.evaluate(async () => {
    const { context } = window.stemGains[0]!;
    await context.audioWorklet.addModule("recorder.js");
    const channels = 2 * window.stemGains.length;
    const merger = new ChannelMergerNode(context, { numberOfInputs: channels });
    const recorder = new AudioWorkletNode(context, "recorder", {
      channelCount: channels,
      channelCountMode: "explicit",
    });
    window.stemGains.forEach((gain, stem) => {
      const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
      gain.connect(splitter);
      splitter.connect(merger, 0, 2 * stem);
      splitter.connect(merger, 1, 2 * stem + 1);
    });
    merger.connect(recorder);
    const blocks: Float32Array[][] = [];
    recorder.port.onmessage = ({ data }) => blocks.push(data);
    Object.assign(window, { blocks });
  });
  await start();
  const recorded = await page.evaluate(async (wanted) => {
    const { blocks } = window as unknown as { blocks: Float32Array[][] };
    const isSilent = (block: Float32Array[]) => block.every((channel) => channel.every((sample) => sample === 0));
    const sounding = () => {
      const first = blocks.findIndex((block) => !isSilent(block));
      return first < 0 ? [] : blocks.slice(first);
    };
    while (sounding().length * 128 < wanted + 128) await new Promise((resolve) => setTimeout(resolve, 50));
    const kept = sounding();
    return kept[0]!.map((_, channel) => kept.flatMap((block) => Array.from(block[channel]!)));
  }, frames);
  return recorded.map((channel) => Float32Array.from(channel));
}
