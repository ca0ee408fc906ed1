const TRIED = "isolation-tried";

/**
 * Gets the page cross-origin isolated, which gives it threads. Where the server does not send the headers a service
 * worker adds them, and the page loads once more: then this resolves to "reloading".
 */
export async function isolate(): Promise<"isolated" | "reloading" | "single"> {
  if (crossOriginIsolated) return "isolated";
  // In a private window of some browsers storage and service workers throw.
  try {
    if (!("serviceWorker" in navigator) || sessionStorage.getItem(TRIED)) return "single";
    sessionStorage.setItem(TRIED, "yes");
    await activated(await navigator.serviceWorker.register("service-worker.js"));
  } catch {
    return "single";
  }
  location.reload();
  return "reloading";
}

/** Rejects if the worker never gets so far; `navigator.serviceWorker.ready` would wait for ever. */
function activated({ installing, waiting, active }: ServiceWorkerRegistration): Promise<void> {
  const worker = installing ?? waiting ?? active;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker?.state === "activated") resolve();
      if (!worker || worker.state === "redundant") reject(new Error("The service worker was not installed."));
    };
    worker?.addEventListener("statechange", look);
    look();
  });
}
