/** A file that is written once, from its start to its end. */
export interface ScratchFile {
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  finish(): Promise<Blob>;
  discard(): Promise<void>;
}

/**
 * Files that live as long as the page. They lie on disk, in the browser's private file system; where a browser has
 * none (private windows), in Blobs, which the browser keeps as it likes.
 */
export class Scratch {
  private constructor(readonly directory: FileSystemDirectoryHandle | null) {}

  static async open(): Promise<Scratch> {
    try {
      if (!("createWritable" in FileSystemFileHandle.prototype)) return new Scratch(null);
      const root = await navigator.storage.getDirectory();
      const name = `scratch-${crypto.randomUUID()}`;
      await removeAbandoned(root);
      await holdLock(name);
      return new Scratch(await root.getDirectoryHandle(name, { create: true }));
    } catch {
      return new Scratch(null);
    }
  }

  async create(name: string): Promise<ScratchFile> {
    if (!this.directory) return blobFile();
    const handle = await this.directory.getFileHandle(name, { create: true });
    const writable = await handle.createWritable();
    return {
      append: (bytes) => writable.write(bytes),
      finish: async () => {
        await writable.close();
        return handle.getFile();
      },
      discard: () => writable.abort(),
    };
  }

  async remove(name: string): Promise<void> {
    await this.directory?.removeEntry(name).catch(() => undefined);
  }

  /** Deletes every file. Blobs of files that were finished can no longer be read. */
  async clear(): Promise<void> {
    if (!this.directory) return;
    const names: string[] = [];
    for await (const name of this.directory.keys()) names.push(name);
    for (const name of names) await this.directory.removeEntry(name);
  }
}

function blobFile(): ScratchFile {
  let parts: Blob[] = [];
  return {
    append: async (bytes) => void parts.push(new Blob([bytes])),
    finish: async () => new Blob(parts),
    discard: async () => void (parts = []),
  };
}

/** Held until the page goes, so that other tabs know whose files are in use. */
function holdLock(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, () => {
        resolve();
        return new Promise<never>(() => {});
      })
      .catch(reject);
  });
}

async function removeAbandoned(root: FileSystemDirectoryHandle): Promise<void> {
  const held = new Set((await navigator.locks.query()).held?.map((lock) => lock.name));
  const abandoned: string[] = [];
  for await (const name of root.keys()) {
    if (name.startsWith("scratch-") && !held.has(name)) abandoned.push(name);
  }
  for (const name of abandoned) await root.removeEntry(name, { recursive: true }).catch(() => undefined);
}
