/** `node:events` for commander: it only keeps listeners by name, in order, and calls them. */

type Listener = (...args: unknown[]) => void;

export class EventEmitter {
  #listeners: Record<string, Listener[]> | undefined;

  on(name: string, listener: Listener): this {
    this.#listeners ??= {};
    const known = this.#listeners[name];
    if (known) known.push(listener);
    else this.#listeners[name] = [listener];
    return this;
  }

  /** Whether anyone listened. */
  emit(name: string, ...args: unknown[]): boolean {
    const listeners = this.#listeners?.[name];
    listeners?.forEach((listener) => {
      listener.apply(this, args);
    });
    return listeners !== undefined;
  }

  listenerCount(name: string): number {
    return this.#listeners?.[name]?.length ?? 0;
  }
}
