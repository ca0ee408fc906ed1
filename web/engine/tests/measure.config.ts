import { defineConfig } from "vitest/config";

/** No test: `MODEL=file.onnx npm run measure -w demucs-ort-web` says how fast a model is here, and what it takes. */
export default defineConfig({
  test: { include: ["tests/measure.ts"], testTimeout: 0, hookTimeout: 0, reporters: [["default", { summary: false }]] },
});
