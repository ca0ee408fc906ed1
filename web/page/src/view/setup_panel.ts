import { Engine, type Backend, type EngineInfo } from "demucs-ort-web";
import { DEMO_MODEL, fetchModel, ModelStore, type ModelEntry } from "../files/models";
import { announce, button, complain, element, notify, text } from "./elements";
import { megabytes, reason } from "../words";

const DEMO_ABOUT =
  "Small and built in, to show that everything works. For real music, export htdemucs with demucs-export and add it here.";

/** Which model computes, and where. Emits "change". */
export class SetupPanel extends EventTarget {
  private readonly select = element("model", HTMLSelectElement);
  private readonly backendSelect = element("backend", HTMLSelectElement);
  private readonly dialog = element("add-dialog", HTMLDialogElement);
  private models: ModelEntry[] = [DEMO_MODEL];
  private fetching: AbortController | null = null;

  constructor(private readonly store: ModelStore) {
    super();
    this.select.addEventListener("change", () => this.changed());
    this.backendSelect.addEventListener("change", () => this.changed());
    button("remove").addEventListener("click", () => void this.remove());
    this.wireDialog();
  }

  async start(): Promise<void> {
    const card = await graphicsCard();
    text("backend-row").hidden = card === "none";
    // The faster one, where it is more than a program that plays a graphics card.
    if (card === "real") this.backendSelect.value = "webgpu" satisfies Backend;
    text("threads").textContent = this.machineSentence();
    this.models = [DEMO_MODEL, ...(await this.store.list())];
    this.fill(this.models.at(-1)!);
  }

  get model(): ModelEntry {
    return this.models.find(({ id }) => id === this.select.value) ?? DEMO_MODEL;
  }

  get backend(): Backend {
    return this.backendSelect.value as Backend;
  }

  /** Says what was loaded. */
  show(info: EngineInfo): void {
    this.model.sha256 = info.sha256;
    this.model.bytes = info.bytes;
    this.describe(info.trained ? info.description : "Its weights are random: it separates nothing.");
    text("threads").textContent = this.machineSentence(info);
  }

  /** Without a "change". */
  chooseProcessor(): void {
    this.backendSelect.value = "wasm" satisfies Backend;
  }

  enable(enabled: boolean): void {
    for (const control of [this.select, this.backendSelect, button("add"), button("remove")]) {
      control.disabled = !enabled;
    }
  }

  private changed(): void {
    complain("");
    notify("");
    this.describe();
    this.dispatchEvent(new Event("change"));
  }

  private fill(selected: ModelEntry): void {
    this.select.replaceChildren(...this.models.map(({ id, name }) => new Option(name, id)));
    this.select.value = selected.id;
    this.describe();
  }

  private describe(description = ""): void {
    const { builtIn, sha256, bytes } = this.model;
    text("about").textContent = builtIn ? DEMO_ABOUT : description;
    text("hash").textContent = sha256 ? `${megabytes(bytes)} · SHA-256 ${sha256}` : "";
    button("remove").hidden = builtIn;
  }

  private async remove(): Promise<void> {
    const gone = this.model;
    await this.store.remove(gone);
    this.models = this.models.filter((model) => model !== gone);
    this.fill(DEMO_MODEL);
    this.select.focus();
    announce(`${gone.name} removed.`);
    this.changed();
  }

  private wireDialog(): void {
    const file = element("model-file", HTMLInputElement);
    const address = element("model-address", HTMLInputElement);
    button("add").addEventListener("click", () => this.dialog.showModal());
    button("add-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.fetching?.abort());
    button("model-choose").addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      file.value = "";
      if (chosen) void this.add(async () => chosen, chosen.name);
    });
    const fetchAddress = () => {
      if (!address.value || !address.reportValidity()) return;
      const name = decodeURIComponent(new URL(address.value).pathname.split("/").pop()!);
      const progress = (loaded: number, total: number) =>
        this.say(`Fetched ${megabytes(loaded)}${total ? ` of ${megabytes(total)}` : ""}`);
      void this.add((signal) => fetchModel(address.value, progress, signal), name);
    };
    button("model-fetch").addEventListener("click", fetchAddress);
    element("add-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      fetchAddress();
    });
  }

  /** Loads the file once, so that only models that work are kept. */
  private async add(read: (signal: AbortSignal) => Promise<Blob>, fileName: string): Promise<void> {
    const abort = new AbortController();
    this.fetching?.abort();
    this.fetching = abort;
    try {
      const blob = await read(abort.signal);
      this.say("Checking the model…");
      const engine = await Engine.create({ model: blob, signal: abort.signal });
      const { sha256, bytes } = engine.info;
      engine.close();
      const kept = await this.store.keep(blob, fileName, sha256);
      const entry = { id: sha256, name: fileName, bytes, sha256, builtIn: false };
      this.models = [...this.models.filter(({ id }) => id !== sha256), entry];
      this.fill(entry);
      this.dialog.close();
      this.say("");
      this.changed();
      if (!kept)
        throw new Error(`The browser does not keep ${fileName}: it has too little storage, or the window is private.`);
      announce(`${fileName} added.`);
    } catch (error) {
      if (!abort.signal.aborted || !this.dialog.open) this.say("");
      if (!abort.signal.aborted) this.say(reason(error));
    }
  }

  private machineSentence(info?: EngineInfo): string {
    const checked =
      info?.knownAnswerSnr === undefined ? "" : ` Known answer met to ${Math.round(info.knownAnswerSnr)} dB.`;
    if (info?.backend === "webgpu") return `Computes on the graphics card (${info.adapter || "unnamed"}).${checked}`;
    if (!crossOriginIsolated) {
      return `One thread: the page is not cross-origin isolated here, so the browser allows no more.${checked}`;
    }
    const threads = info ? (info.threads === 1 ? "one thread" : `${info.threads} threads`) : "several threads";
    const choice = text("backend-row").hidden ? " This browser offers no graphics card (WebGPU)." : "";
    return `Computes on ${threads}.${checked}${choice}`;
  }

  private say(sentence: string): void {
    text("add-status").textContent = sentence;
  }
}

async function graphicsCard(): Promise<"none" | "software" | "real"> {
  if (!("gpu" in navigator)) return "none";
  const gpu = navigator.gpu as { requestAdapter(): Promise<{ info?: { isFallbackAdapter?: boolean } } | null> };
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (!adapter) return "none";
  return adapter.info?.isFallbackAdapter ? "software" : "real";
}
