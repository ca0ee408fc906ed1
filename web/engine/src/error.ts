/** What kind of thing went wrong; stable, for programs. */
export type ErrorCode =
  /** The file is no model of this project, is damaged, or belongs to another version. */
  | "bad_model"
  /** The track is empty, at another rate, or holds a sample that is not a finite number. */
  | "bad_audio"
  /** An option is out of range or names an unknown stem. */
  | "bad_option"
  | "cancelled"
  /** The model's address could not be fetched. */
  | "fetch"
  /** The backend is missing in this browser, failed, or computes wrong results. */
  | "backend"
  | "out_of_memory"
  /** `close()` was called. */
  | "closed";

/** What a cancelled call rejects with. */
export function cancelled(): EngineError {
  return new EngineError("cancelled", "cancelled");
}

/** The one error that the engine throws. `message` is one sentence for a person: what, where, what to do. */
export class EngineError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = "EngineError";
    this.code = code;
  }
}
