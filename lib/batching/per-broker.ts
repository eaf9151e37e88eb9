import type { ServiceBroker } from "moleculer";

interface Entry<T> {
  value: Promise<T>;
  users: number;
}

/** A resource that the services of a node share: the first user opens it, the last one closes it. */
export class PerBroker<T> {
  private readonly entries = new WeakMap<ServiceBroker, Entry<T>>();
  private readonly open: (broker: ServiceBroker) => Promise<T>;
  private readonly close: (value: T, broker: ServiceBroker) => Promise<void>;

  constructor(open: (broker: ServiceBroker) => Promise<T>, close: (value: T, broker: ServiceBroker) => Promise<void>) {
    this.open = open;
    this.close = close;
  }

  /** Undefined: nobody uses it now. */
  peek(broker: ServiceBroker): Promise<T> | undefined {
    return this.entries.get(broker)?.value;
  }

  acquire(broker: ServiceBroker): Promise<T> {
    const entry = this.entries.get(broker) ?? { value: this.open(broker), users: 0 };
    this.entries.set(broker, entry);
    entry.users++;
    return entry.value;
  }

  async release(broker: ServiceBroker): Promise<void> {
    const entry = this.entries.get(broker);
    if (!entry || --entry.users > 0) return;
    this.entries.delete(broker);
    // The caller of `open` got the error. There is nothing to close.
    const opened = await entry.value.then(
      (value) => ({ value }),
      () => null,
    );
    if (opened) await this.close(opened.value, broker);
  }
}
