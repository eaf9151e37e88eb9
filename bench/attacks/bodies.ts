/** Attacks by bodies that are small on the wire, but large or costly to split. */
import { gzipSync } from "node:zlib";
import { type Attack, imported, loops, packed, post } from "./attack.ts";

const ndjson = "application/x-ndjson";
const csv = "text/csv";

export const bodies: Record<string, Attack> = {
  "blank-lines": {
    name: "16 bodies at once of 64 MiB of blank lines each",
    run(target, stop) {
      const body = packed(ndjson, [["\n", 64 * 2 ** 20]]);
      return loops(16, stop, () => post(target, body, stop));
    },
  },
  "blank-rows": {
    name: "16 CSV bodies at once of 16 MiB of empty cells each",
    run(target, stop) {
      const body = packed(csv, [
        ["a,b,c,d\n1,2,3,4\n", 1],
        [",,,\n", 4 * 2 ** 20],
      ]);
      return loops(16, stop, () => post(target, body, stop));
    },
  },
  "blank-json": {
    name: "16 JSON bodies at once of 16 MiB of blanks each",
    run(target, stop) {
      const body = packed("application/json", [
        ["[{}", 1],
        [" ", 16 * 2 ** 20],
        ["]", 1],
      ]);
      return loops(16, stop, () => post(target, body, stop));
    },
  },
  "empty-members": {
    name: "4 bodies at once of 20 MB of empty gzip members each",
    run(target, stop) {
      const empty = gzipSync("");
      const bytes = Buffer.concat(Array.from({ length: 1_000_000 }, () => empty));
      return loops(4, stop, () => post(target, { type: ndjson, bytes, coding: "gzip" }, stop));
    },
  },
  "error-rows": {
    name: "a body of 2,000,000 records, each without 10 required fields",
    async run(target, stop) {
      await imported(target, packed(ndjson, [["{}\n", 2_000_000]]), stop);
    },
  },
  "error-paths": {
    name: "records with 100 wrong properties in an object whose name is long",
    async run(target, stop) {
      const wrong = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}`, 1]));
      const row = `${JSON.stringify({ ["x".repeat(20_000)]: wrong })}\n`;
      await imported(target, packed(ndjson, [[row, 2_000]]), stop);
    },
  },
  "error-report": {
    name: "8 readers of the CSV report of records with 100 faults and 900 kB each",
    async prepare(target) {
      const wrong = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}`, 1]));
      const row = `${JSON.stringify({ wrong, pad: "y".repeat(900_000) })}\n`;
      await imported(target, packed(ndjson, [[row, 20]]), AbortSignal.timeout(60_000));
    },
    run(target, stop) {
      const { url, partner, batches } = target;
      const headers = { authorization: partner.auth, accept: "text/csv" };
      const read = async () => {
        const response = await fetch(`${url}/imports/${batches[0]}/errors`, { headers, signal: stop });
        await response.body?.pipeTo(new WritableStream());
      };
      return loops(8, stop, () => read().catch(() => {}));
    },
  },
};
