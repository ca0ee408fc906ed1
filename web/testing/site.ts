import type { AddressInfo } from "node:net";
import { preview } from "vite";

/** What makes a page cross-origin isolated, so that it may have threads. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export interface Site {
  /** Ends with a slash. */
  address: string;
  close(): Promise<void>;
}

/** Serves a built folder on a free port of this machine. */
export async function serve(folder: string, headers: Record<string, string> = {}): Promise<Site> {
  const server = await preview({
    configFile: false,
    logLevel: "error",
    root: folder,
    build: { outDir: folder },
    preview: { host: "127.0.0.1", port: 0, headers },
  });
  const { port } = server.httpServer.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
