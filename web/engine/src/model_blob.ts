import { cancelled, EngineError } from "./error.js";
import type { OnLoad } from "./types.js";

/**
 * The model as a Blob, which the browser may keep outside of the page's memory and which every Worker can read.
 * Throws `EngineError` `fetch` or `cancelled`.
 */
export async function toBlob(
  model: ArrayBuffer | Blob | string,
  onProgress: OnLoad | undefined,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  if (model instanceof Blob) return model;
  if (typeof model !== "string") return new Blob([model]);
  try {
    return await fetchBlob(model, onProgress, signal);
  } catch (error) {
    if (signal?.aborted) throw cancelled();
    if (error instanceof EngineError) throw error;
    throw new EngineError("fetch", `the model could not be fetched from ${model}; check the address and the network`);
  }
}

async function fetchBlob(address: string, onProgress?: OnLoad, signal?: AbortSignal): Promise<Blob> {
  const response = await fetch(address, signal ? { signal } : {});
  if (!response.ok || !response.body) {
    throw new EngineError("fetch", `the server answered ${response.status} for the model at ${address}`);
  }
  // Of a compressed answer the length tells the compressed bytes.
  const compressed = response.headers.get("content-encoding") !== null;
  const total = compressed ? 0 : Number(response.headers.get("content-length") ?? 0);
  const parts: BlobPart[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    loaded += part.value.length;
    onProgress?.(loaded, total);
  }
  return new Blob(parts);
}
