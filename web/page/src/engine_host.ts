import { Engine, type Backend } from "demucs-ort-web";
import type { ModelEntry, ModelStore } from "./files/models";

/** Keeps the one engine of the page: the chosen model on the chosen backend. */
export class EngineHost {
  private loading: { key: string; engine: Promise<Engine>; abort: AbortController } | null = null;

  constructor(private readonly store: ModelStore) {}

  /** The engine, loaded at the first call. A call for another model or backend closes the one before. */
  get(model: ModelEntry, backend: Backend, onProgress: (loaded: number, total: number) => void): Promise<Engine> {
    const key = `${model.id} ${backend}`;
    if (this.loading?.key === key) return this.loading.engine;
    this.drop();
    const abort = new AbortController();
    const engine = this.store
      .source(model)
      .then((source) => Engine.create({ model: source, backend, onProgress, signal: abort.signal }));
    const loading = { key, engine, abort };
    this.loading = loading;
    engine.catch(() => {
      if (this.loading === loading) this.loading = null;
    });
    return engine;
  }

  private drop(): void {
    const old = this.loading;
    this.loading = null;
    old?.abort.abort();
    old?.engine.then((engine) => engine.close()).catch(() => undefined);
  }
}
