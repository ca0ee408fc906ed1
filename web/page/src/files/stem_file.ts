/** Native Instruments' stem format (docs/files.md, "Stem files"): five AAC streams and one box more than an MP4 file. */

export const STEM_FILE_BITRATE = 256_000;
/** The four stems of the format, in its order. */
export const STEM_FILE_STEMS = ["drums", "bass", "other", "vocals"];
const COLOURS = ["#009E73", "#D55E00", "#CC79A7", "#56B4E9"];
const BOX_HEADER = 8;

export const isStemFileTrack = (stems: string[]): boolean =>
  stems.length === STEM_FILE_STEMS.length && STEM_FILE_STEMS.every((name) => stems.includes(name));

export const stemTitle = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** Compressor and limiter are off, with the values of Native Instruments' own files. */
const manifest = {
  version: 1,
  mastering_dsp: {
    compressor: {
      enabled: false,
      ratio: 3,
      output_gain: 0.5,
      release: 0.3,
      attack: 0.003,
      input_gain: 0.5,
      threshold: 0,
      hp_cutoff: 300,
      dry_wet: 50,
    },
    limiter: { enabled: false, release: 0.05, threshold: 0, ceiling: -0.35 },
  },
  stems: STEM_FILE_STEMS.map((name, index) => ({ name: stemTitle(name), color: COLOURS[index] })),
};

/** Adds moov/udta/stem to an MP4 file that ends with its moov box, so that nothing else moves. */
export async function withStemBox(file: Blob): Promise<Blob> {
  const start = await findLastBox(file);
  const moov = new Uint8Array(await file.slice(start).arrayBuffer());
  if (boxType(moov) !== "moov") throw new Error("The MP4 file does not end with its moov box.");
  const added = box("udta", box("stem", new TextEncoder().encode(JSON.stringify(manifest))));
  new DataView(moov.buffer).setUint32(0, moov.length + added.length);
  return new Blob([file.slice(0, start), moov, added], { type: "audio/mp4" });
}

async function findLastBox(file: Blob): Promise<number> {
  let start = 0;
  for (;;) {
    const header = new DataView(await file.slice(start, start + 2 * BOX_HEADER).arrayBuffer());
    const short = header.getUint32(0);
    const size = short === 1 ? Number(header.getBigUint64(BOX_HEADER)) : short;
    if (size < BOX_HEADER || start + size >= file.size) return start;
    start += size;
  }
}

const boxType = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(4, BOX_HEADER));

function box(type: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BOX_HEADER + content.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(content, BOX_HEADER);
  return bytes;
}
