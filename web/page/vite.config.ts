import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { CONTENT_SECURITY_POLICY, HEADERS } from "./security";

const repository = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)));

/** The demo model and its song lie once in the repository; a build takes copies along. */
function demoFiles(): Plugin {
  return {
    name: "demo-files",
    generateBundle() {
      const files = {
        "demo/htdemucs_demo.onnx": "demo_model/htdemucs_demo.onnx",
        "demo/song.ogg": "demo_model/song/mixture.ogg",
      };
      for (const [fileName, source] of Object.entries(files)) {
        this.emitFile({ type: "asset", fileName, source: repository(source) });
      }
    },
  };
}

function policyTag(): Plugin {
  return {
    name: "policy-tag",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

export default defineConfig({
  // Any folder of any server can hold the page.
  base: "./",
  plugins: [demoFiles(), policyTag()],
  // A data: URL would need a wider policy.
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  preview: { host: "127.0.0.1", headers: HEADERS },
});
