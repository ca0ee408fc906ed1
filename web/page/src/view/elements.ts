/** An element of index.html. A wrong name or kind is a mistake in the page. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} "${id}".`);
  return found;
}

export const button = (id: string) => element(id, HTMLButtonElement);
export const text = (id: string) => element(id, HTMLElement);

/** What a screen reader says next. */
export function announce(sentence: string): void {
  text("live").textContent = sentence;
}

export function complain(sentence: string): void {
  text("alert").textContent = sentence;
}

/** Something that went otherwise than the user may expect. */
export function notify(sentence: string): void {
  text("notice").textContent = sentence;
}
