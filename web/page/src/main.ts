import { EngineHost } from "./engine_host";
import { ModelStore } from "./files/models";
import { isolate } from "./isolation";
import { takeSongs } from "./view/drop_target";
import { complain } from "./view/elements";
import { Session } from "./view/session";
import { SetupPanel } from "./view/setup_panel";
import { reason } from "./words";

async function main(): Promise<void> {
  if ((await isolate()) === "reloading") return;
  const store = new ModelStore();
  const setup = new SetupPanel(store);
  const session = new Session(new EngineHost(store), setup);
  await setup.start();
  takeSongs((read, name) => void session.open(read, name));
  document.body.dataset["ready"] = "yes";
}

addEventListener("unhandledrejection", ({ reason: error }) => complain(reason(error)));
void main();
