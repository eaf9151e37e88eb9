/** The data source for tests of the cache, in place of a database. */
export interface Thing {
  version: number;
  text: string;
}

/** A table that both nodes read. A test can hold up a load after it has read its row. */
export class Table {
  readonly rows = new Map<string, Thing & { changedAt: number }>();
  loads = 0;
  gate: Promise<void> = Promise.resolve();

  write(key: string, version: number, text = `v${version}`): Thing {
    this.rows.set(key, { version, text, changedAt: Date.now() });
    return { version, text };
  }
  async read(key: string): Promise<Thing | null> {
    this.loads++;
    const row = this.rows.get(key);
    const copy = row ? { version: row.version, text: row.text } : null;
    await this.gate;
    return copy;
  }
  changes(ms: number) {
    const since = Date.now() - ms;
    const rows = [...this.rows].filter(([, { changedAt }]) => changedAt >= since);
    return rows.map(([key, { version, text }]) => ({ keys: [key], value: { version, text } }));
  }
}
