import type { Peaks } from "../audio/peaks";
import { stemTitle } from "../files/stem_file";
import { Waveform, type PlayerAsMedia } from "./waveform";

/** The slider's lower end stands for silence. */
const SILENT_DECIBELS = -40;
const LOUDEST_DECIBELS = 6;

/** One stem of the mixer: its name, mute, solo, level, outline and download. Emits "change" and "download". */
export class Lane extends EventTarget {
  readonly root = document.createElement("li");
  private readonly muteButton = toggle("Mute");
  private readonly soloButton = toggle("Solo");
  private readonly slider = document.createElement("input");
  private readonly output = document.createElement("output");
  private readonly saveButton = saveButton();
  private readonly wave = document.createElement("div");
  private waveform: Waveform | null = null;

  constructor(
    readonly stem: string,
    readonly peaks: Peaks,
  ) {
    super();
    this.root.className = "lane unfinished";
    this.root.dataset["stem"] = stem;
    this.wave.className = "wave";
    // The seek slider does the same for the keyboard.
    this.wave.setAttribute("aria-hidden", "true");
    this.root.append(this.controls(), this.wave, this.saveButton);
    this.label();
    this.wire();
    this.showLevel();
    this.enable(false);
  }

  get muted(): boolean {
    return isPressed(this.muteButton);
  }

  get solo(): boolean {
    return isPressed(this.soloButton);
  }

  /** The gain that the slider stands for. */
  get level(): number {
    const decibels = Number(this.slider.value);
    return decibels <= SILENT_DECIBELS ? 0 : 10 ** (decibels / 20);
  }

  /** Draws into the page; call it once the lane is in the document. */
  showWaveform(duration: number, media: PlayerAsMedia): void {
    this.waveform = new Waveform(this.wave, this.peaks.values, duration, this.colours(), media);
  }

  redraw(loudest: number): void {
    this.waveform?.draw(loudest);
  }

  recolour(): void {
    this.waveform?.setColours(this.colours());
  }

  enable(enabled: boolean): void {
    for (const control of [this.muteButton, this.soloButton, this.slider, this.saveButton]) control.disabled = !enabled;
    this.root.classList.toggle("unfinished", !enabled);
  }

  enableSaving(enabled: boolean): void {
    this.saveButton.disabled = !enabled;
  }

  showSilent(silent: boolean): void {
    this.root.classList.toggle("silent", silent);
  }

  destroy(): void {
    this.waveform?.destroy();
    this.root.remove();
  }

  private controls(): HTMLElement {
    const name = document.createElement("span");
    name.className = "stem-name";
    name.textContent = stemTitle(this.stem);
    const level = document.createElement("div");
    level.className = "level";
    level.append(this.slider, this.output);
    const controls = document.createElement("div");
    controls.className = "controls";
    controls.setAttribute("role", "group");
    controls.setAttribute("aria-label", stemTitle(this.stem));
    controls.append(name, this.muteButton, this.soloButton, level);
    return controls;
  }

  private label(): void {
    this.muteButton.setAttribute("aria-label", `Mute ${this.stem}`);
    this.soloButton.setAttribute("aria-label", `Solo ${this.stem}`);
    this.slider.setAttribute("aria-label", `Level of ${this.stem}`);
    this.saveButton.setAttribute("aria-label", `Download ${this.stem}`);
    this.saveButton.title = `Download ${this.stem}`;
  }

  private wire(): void {
    const changed = () => this.dispatchEvent(new Event("change"));
    for (const button of [this.muteButton, this.soloButton]) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(!isPressed(button)));
        changed();
      });
    }
    Object.assign(this.slider, { type: "range", min: SILENT_DECIBELS, max: LOUDEST_DECIBELS, step: 1, value: 0 });
    this.slider.addEventListener("input", () => {
      this.showLevel();
      changed();
    });
    this.slider.addEventListener("dblclick", () => {
      this.slider.value = "0";
      this.showLevel();
      changed();
    });
    this.saveButton.addEventListener("click", () => this.dispatchEvent(new Event("download")));
  }

  private showLevel(): void {
    const decibels = Number(this.slider.value);
    const sign = decibels > 0 ? "+" : decibels < 0 ? "\u2212" : "";
    const silent = decibels <= SILENT_DECIBELS;
    this.output.textContent = silent ? "silent" : `${sign}${Math.abs(decibels)} dB`;
    this.slider.setAttribute("aria-valuetext", silent ? "silent" : `${decibels} decibels`);
  }

  private colours() {
    const style = getComputedStyle(this.root);
    const stem = style.getPropertyValue("--stem").trim();
    return { ahead: getComputedStyle(this.wave).color, played: stem, cursor: style.getPropertyValue("--text").trim() };
  }
}

function toggle(word: string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "toggle";
  button.textContent = word;
  button.setAttribute("aria-pressed", "false");
  return button;
}

const isPressed = (button: HTMLButtonElement): boolean => button.getAttribute("aria-pressed") === "true";

function saveButton(): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "save";
  button.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4v11M7 11l5 5 5-5M5 20h14" /></svg>';
  return button;
}
