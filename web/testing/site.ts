import type { AddressInfo } from "node:net";
import { preview, type Plugin } from "vite";

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

/** Serves a built folder on a free port of this machine, and beside it `scripts`: {"name.js": text}. */
export async function serve(
  folder: string,
  headers: Record<string, string> = {},
  scripts: Record<string, string> = {},
): Promise<Site> {
  const server = await preview({
    configFile: false,
    logLevel: "error",
    root: folder,
    // A missing file is missing: no page answers in its place.
    appType: "mpa",
    build: { outDir: folder },
    plugins: [serveScripts(scripts)],
    preview: { host: "127.0.0.1", port: 0, headers },
  });
  const { port } = server.httpServer.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

const serveScripts = (scripts: Record<string, string>): Plugin => ({
  name: "scripts-of-a-test",
  configurePreviewServer({ middlewares }) {
    for (const [name, text] of Object.entries(scripts)) {
      middlewares.use(`/${name}`, (_request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end(text);
      });
    }
  },
});
