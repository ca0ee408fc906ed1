import { describe, expect, test } from "vitest";

import { Peaks } from "../src/audio/peaks";
import { StemQueue } from "../src/audio/stem_queue";
import { isStemFileTrack, withStemBox } from "../src/files/stem_file";
import { clock, duration, reason } from "../src/words";

describe("what the audio thread plays", () => {
  /** A block of two stems; sample values tell stem, frame and channel. */
  const value = (stem: number, frame: number, channel: number) => 1000 * stem + frame + channel / 2;
  const block = (generation: number, first: number, frames: number) => ({
    generation,
    first,
    stems: [1, 2].map((stem) =>
      Float32Array.from({ length: 2 * frames }, (_, i) => value(stem, first + Math.floor(i / 2), i % 2)),
    ),
  });
  const render = (queue: StemQueue, frames = 4) => {
    const outputs = [0, 1].map(() => [0, 1].map(() => new Float32Array(frames)));
    queue.render(outputs);
    return outputs.map((channels) => channels.map((channel) => Array.from(channel)));
  };
  const frames = (first: number, count = 4) =>
    [1, 2].map((stem) =>
      [0, 1].map((channel) => Array.from({ length: count }, (_, i) => value(stem, first + i, channel))),
    );
  const playing = (total: number, ...blocks: ReturnType<typeof block>[]) => {
    const queue = new StemQueue(total);
    blocks.forEach((each) => queue.push(each));
    queue.playing = true;
    return queue;
  };

  test("fades in, then gives every frame of all stems, across blocks", () => {
    const queue = playing(100, block(0, 0, 6), block(0, 6, 50));
    expect(render(queue)[0]![0]).toEqual([1, 2, 3, 4].map((step, i) => (value(1, i, 0) * step) / 4));
    expect(render(queue)).toEqual(frames(4));
    expect(render(queue)).toEqual(frames(8));
    expect(queue.position).toBe(12);
  });

  test("waits for a block that is late: all stems stay in step", () => {
    const queue = playing(100, block(0, 0, 6));
    render(queue);
    expect(render(queue)[1]![0]).toEqual([value(2, 4, 0), value(2, 5, 0), 0, 0]);
    expect(render(queue)[0]![0]).toEqual([0, 0, 0, 0]);
    expect(queue.position).toBe(6);
    queue.push(block(0, 6, 50));
    render(queue);
    expect(render(queue)).toEqual(frames(10));
  });

  test("a seek drops what was queued and what still arrives for the old place", () => {
    const queue = playing(100, block(0, 0, 50));
    render(queue);
    queue.seek(1, 20);
    queue.push(block(0, 50, 50));
    queue.push(block(1, 20, 50));
    render(queue);
    expect(render(queue)).toEqual(frames(24));
  });

  test("pausing fades out, and the end stops it", () => {
    const queue = playing(12, block(0, 0, 12));
    render(queue);
    queue.playing = false;
    expect(render(queue)[0]![0]![3]).toBe(0);
    expect(render(queue)[0]![0]).toEqual([0, 0, 0, 0]);
    expect(queue.position).toBe(8);
    queue.playing = true;
    render(queue);
    expect([queue.ended, queue.playing, queue.position]).toEqual([true, false, 12]);
  });
});

test("an outline has the largest magnitude of each stretch", () => {
  const peaks = new Peaks(12_000);
  peaks.add(0, [new Float32Array(9_990).fill(0.25), new Float32Array(9_990).fill(-0.5)]);
  peaks.add(9_990, [new Float32Array(2_010).fill(0.125), new Float32Array(2_010)]);
  expect([peaks.values[0], peaks.values[998], peaks.values[1199]]).toEqual([0.5, 0.5, 0.125]);
  expect(peaks.largest).toBe(0.5);
});

test("the stem box goes only into a file that ends with its moov box", async () => {
  const box = (type: string, size: number) => {
    const bytes = new Uint8Array(size);
    new DataView(bytes.buffer).setUint32(0, size);
    bytes.set(new TextEncoder().encode(type), 4);
    return bytes;
  };
  const moov = new Blob([box("ftyp", 16), box("mdat", 40), box("moov", 8)]);
  const made = new DataView(await (await withStemBox(moov)).arrayBuffer());
  expect(made.getUint32(56)).toBe(made.byteLength - 56);
  await expect(withStemBox(new Blob([box("moov", 8), box("mdat", 40)]))).rejects.toThrow("moov");
  expect(isStemFileTrack(["vocals", "drums", "bass", "other"])).toBe(true);
  expect(isStemFileTrack(["drums", "bass", "other", "vocals", "guitar", "piano"])).toBe(false);
});

test("times and errors as a person says them", () => {
  expect([0, 59.96, 65.25, 600].map(clock)).toEqual(["0:00.0", "0:59.9", "1:05.2", "10:00.0"]);
  expect([0.2, 59, 80, 120, 3599].map(duration)).toEqual(["1 s", "59 s", "1 min 20 s", "2 min", "60 min"]);
  expect(reason(new Error("no rate given"))).toBe("No rate given.");
});
