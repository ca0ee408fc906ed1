import { readdirSync, readFileSync } from "node:fs";

/** How often the processes are looked at: the browser resets the peaks that the system keeps. */
const WATCH_MILLISECONDS = 250;

interface Process {
  id: string;
  parent: string;
  command: string;
  /** The largest resident size lately, in MB. */
  megabytes: number;
}

/** The largest resident size in MB that each process of the browser with this profile folder has had. Needs Linux. */
export class MemoryWatch {
  readonly peaks: Record<string, number> = {};
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly profile: string) {
    this.timer = setInterval(() => this.look(), WATCH_MILLISECONDS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.look();
  }

  private look(): void {
    const processes = readdirSync("/proc").flatMap((id) => (/^\d+$/.test(id) ? readProcess(id) : []));
    const family = new Set(processes.filter(({ command }) => command.includes(this.profile)).map(({ id }) => id));
    let known = 0;
    while (family.size > known) {
      known = family.size;
      for (const { id, parent } of processes) if (family.has(parent)) family.add(id);
    }
    for (const { id, command, megabytes } of processes) {
      if (!family.has(id)) continue;
      const name = `${/--type=(\S+)/.exec(command)?.[1] ?? "browser"} ${id}`;
      this.peaks[name] = Math.max(this.peaks[name] ?? 0, megabytes);
    }
  }
}

/** Nothing if it has ended meanwhile. */
function readProcess(id: string): Process[] {
  try {
    const status = readFileSync(`/proc/${id}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? "0";
    const command = readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ");
    return [{ id, parent: field("PPid"), command, megabytes: Math.round((Number(field("VmHWM")) * 1024) / 2 ** 20) }];
  } catch {
    return [];
  }
}
