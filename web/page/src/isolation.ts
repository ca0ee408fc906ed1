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
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
  } catch {
    return "single";
  }
  location.reload();
  return "reloading";
}
