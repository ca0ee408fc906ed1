import { expect, test } from "vitest";

import { EngineError } from "../src/error.js";
import { failure } from "../src/runtime.js";

test.each([
  new RangeError("Array buffer allocation failed"),
  new RangeError("Invalid typed array length: 99999999999"),
  new Error("std::bad_alloc"),
  new Error("Can't create a session. failed to allocate a buffer of size 171591912."),
  new Error("WebAssembly.Memory(): could not allocate memory: Out of memory"),
])("missing memory is told as that: %s", (cause) => {
  const { code, message } = failure("backend", "the wasm backend failed", cause);
  expect(code).toBe("out_of_memory");
  expect(message).toBe("the browser has not enough memory; close other pages or use a smaller model");
});

test("other causes are told in one line", () => {
  const cause = new Error("Can't create a session.\n  ERROR_CODE: 1");
  expect(failure("bad_model", "the wasm backend could not load the model", cause)).toMatchObject({
    code: "bad_model",
    message: "the wasm backend could not load the model: Can't create a session. ERROR_CODE: 1",
  });
});

test("what is told already stays as it is", () => {
  const cause = new EngineError("bad_audio", "the track is empty");
  expect(failure("backend", "the engine failed", cause)).toBe(cause);
});
