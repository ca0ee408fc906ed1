export { Engine } from "./engine.js";
export { EngineError, type ErrorCode } from "./error.js";
export { readModelFacts, type ModelFacts } from "./contract.js";
export type {
  Audio,
  Backend,
  Chunk,
  CreateOptions,
  EngineInfo,
  Estimate,
  EstimateOptions,
  LoadStage,
  OnLoad,
  SeparateOptions,
  Stems,
} from "./types.js";
