import { defineConfig } from "vitest/config";

/** What takes minutes, so no part of `make test`: `npm run test:long -w demucs-ort-web`. */
export default defineConfig({
  test: { include: ["tests/*.long.ts"], testTimeout: 3_600_000, hookTimeout: 600_000 },
});
