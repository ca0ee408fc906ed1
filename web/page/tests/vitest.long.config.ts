import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Tests that take minutes: part of `make web-test`, not of `make test`. */
export default defineConfig({
  test: { root: fileURLToPath(new URL(".", import.meta.url)), include: ["*.long.ts"] },
});
