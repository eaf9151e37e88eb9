/**
 * A handler of your own: a Moleculer action that takes valid records instead of DataFlow's table. This one books orders
 * into a ledger, a folder with one file a chunk.
 *
 *   HANDLERS_DIR=examples/handlers npm start      loads every *.service.ts (or .js) below that folder
 *   PATCH /admin/clients/{id}/policy              {"handler": "ledger.book"} sends it that client's records from now on
 *
 * DataFlow calls it for one chunk after another, AT LEAST once each: a worker may die after your work and before DataFlow
 * has noted it, and then the same chunk comes again, with the same records. `batchId:chunk` never changes, so use it as
 * the key of what you write. Here it is the name of the file, and a repeat replaces that file by the same content.
 *
 * A number that a JavaScript number cannot hold comes as text with its digits, such as "9007199254740993" (docs/numbers.md).
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
// Types alone: a handler needs nothing of DataFlow's code, and may as well be a node of its own.
import type { ImportHandler } from "dataflow/handlers";
import type { ServiceSchema } from "moleculer";

interface Settings {
  folder: string;
  /** Pieces of one article in an order. */
  mostPerOrder: number;
}

const book: ImportHandler<Settings> = {
  importHandler: true,

  async handler(ctx) {
    const { batchId, chunk, records } = ctx.params;
    const { folder, mostPerOrder } = this.settings;
    const tooMany = records.filter(({ data }) => Number(data.quantity) > mostPerOrder);
    const booked = records.filter((record) => !tooMany.includes(record));

    await mkdir(folder, { recursive: true });
    const file = join(folder, `${batchId}-${chunk}.ndjson`);
    // Written aside and renamed: whoever reads the ledger sees a chunk as a whole or not at all.
    await writeFile(`${file}.part`, booked.map(({ data }) => `${JSON.stringify(data)}\n`).join(""));
    await rename(`${file}.part`, file);

    // What the schema cannot know is refused here; it stands in the batch's error report beside the rest.
    // A throw (a full disk) makes DataFlow try again by the policy's `backoff`, up to `maxAttempts`. The other
    // outcomes are in HandlerOutcome: `snooze` waits without an attempt, `cancel` and `fail` end the batch.
    return { outcome: "done", rejected: tooMany.map(({ record }) => ({ record, errors: [overLimit(mostPerOrder)] })) };
  },
};

const overLimit = (most: number) => ({
  field: "quantity",
  code: "over_limit",
  message: `is more than the ${most} of an order`,
});

const ledger: ServiceSchema<Settings> = {
  name: "ledger",
  settings: { folder: "data/ledger", mostPerOrder: 10 },
  actions: { book },
};

export default ledger;
