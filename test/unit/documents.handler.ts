/** The example of docs/handlers.md as a file, so that it is compiled. */
import type { ImportHandler } from "dataflow/handlers";

const book: ImportHandler = {
  importHandler: true,
  async handler(ctx) {
    const { batchId, chunk, records } = ctx.params;
    // Yours: it stores the records under this key, so that a repeated call changes nothing.
    await store(`${batchId}:${chunk}`, records);
    return { outcome: "done", rejected: [] };
  },
};

declare function store(key: string, records: readonly object[]): Promise<void>;

export default { name: "books", actions: { book } };
