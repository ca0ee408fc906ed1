import axe from "axe-core";
import type { Page } from "playwright-core";

/** What axe finds wrong with the page as it looks now: "rule: element". */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // evaluate() is not bound by the page's Content-Security-Policy.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(" ")}`));
  });
}
