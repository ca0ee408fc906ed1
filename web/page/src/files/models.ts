import { EngineError } from "demucs-ort-web";

/** A model file that the page can load. `sha256` is empty until the file was read for the first time. */
export interface ModelEntry {
  id: string;
  name: string;
  bytes: number;
  sha256: string;
  builtIn: boolean;
}

export const DEMO_MODEL: ModelEntry = {
  id: "demo",
  name: "Demo model",
  bytes: 0,
  sha256: "",
  builtIn: true,
};

const CACHE = "models";
const DEMO_ADDRESS = "demo/htdemucs_demo.onnx";

/** Models that the user added, kept in the browser's storage under the hash of their bytes. */
export class ModelStore {
  /** Newest last. Empty where the browser keeps nothing (private windows). */
  async list(): Promise<ModelEntry[]> {
    const cache = await open();
    if (!cache) return [];
    const entries: ModelEntry[] = [];
    for (const request of await cache.keys()) {
      const headers = (await cache.match(request))!.headers;
      const sha256 = request.url.split("/").pop()!;
      const name = decodeURIComponent(headers.get("X-Name")!);
      entries.push({ id: sha256, name, bytes: Number(headers.get("Content-Length")), sha256, builtIn: false });
    }
    return entries;
  }

  /** What `Engine.create` takes. */
  async source(entry: ModelEntry): Promise<Blob | string> {
    if (entry.builtIn) return new URL(DEMO_ADDRESS, document.baseURI).href;
    const response = await (await open())?.match(address(entry.sha256));
    if (!response) throw new EngineError("fetch", `The browser has deleted ${entry.name}. Add the file again.`);
    return response.blob();
  }

  /** False where the browser does not keep it: no storage, or none left. */
  async keep(file: Blob, name: string, sha256: string): Promise<boolean> {
    const headers = { "X-Name": encodeURIComponent(name), "Content-Length": String(file.size) };
    try {
      const cache = await open();
      if (!cache) return false;
      await cache.put(address(sha256), new Response(file, { headers }));
      // Asks the browser not to delete it when the disk gets full; it may refuse.
      await navigator.storage.persist();
      return true;
    } catch {
      return false;
    }
  }

  async remove(entry: ModelEntry): Promise<void> {
    await (await open())?.delete(address(entry.sha256));
  }
}

const address = (sha256: string) => `stored-models/${sha256}`;

async function open(): Promise<Cache | null> {
  try {
    return await caches.open(CACHE);
  } catch {
    return null;
  }
}

/** Fetches a model from an address that the user gave. */
export async function fetchModel(
  url: string,
  onProgress: (loaded: number, total: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(url, { signal, credentials: "omit", referrerPolicy: "no-referrer" });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new EngineError(
      "fetch",
      `The server of ${url} did not answer, or does not let other pages read the file (CORS). Download the file and add it from your disk.`,
    );
  }
  if (!response.ok || !response.body) {
    throw new EngineError("fetch", `The server of ${url} answered ${response.status}. Check the address.`);
  }
  const total = Number(response.headers.get("Content-Length") ?? 0);
  let loaded = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      loaded += chunk.byteLength;
      onProgress(loaded, total);
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counter)).blob();
}
