import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["engine/tests/**/*.test.ts", "page/tests/**/*.test.ts"],
    // Every file of tests has a browser that computes on all cores.
    fileParallelism: false,
    // For machines that do other things meanwhile; nothing here waits for time to pass.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
