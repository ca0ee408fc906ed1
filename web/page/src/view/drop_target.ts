import { button, element } from "./elements";

const DEMO_SONG = "demo/song.ogg";

/** Takes songs: dropped anywhere on the page, chosen, or the demo song. */
export function takeSongs(onSong: (read: () => Promise<File>, name: string) => void): void {
  const input = element("file", HTMLInputElement);
  const take = (file: File | undefined) => file && onSong(async () => file, file.name);
  button("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    // Else choosing the same file again would be no change.
    input.value = "";
    take(file);
  });
  button("demo").addEventListener("click", () => onSong(readDemoSong, "Demo song"));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    take(event.dataTransfer?.files[0]);
  });
}

async function readDemoSong(): Promise<File> {
  const response = await fetch(DEMO_SONG);
  if (!response.ok)
    throw new Error(`The demo song could not be fetched (${response.status}). Choose a song of your own.`);
  return new File([await response.blob()], "Demo song.ogg");
}
