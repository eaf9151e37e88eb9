import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../../../database/dialects/sqlite/engine.ts";
import { openFiles } from "../../../database/dialects/sqlite/files.ts";
import type { Reply } from "../../../database/dialects/sqlite/protocol.ts";

afterEach(() => jest.useRealTimers());

test("a transaction may take its time, as a migration of a large file does, while its statements come", () => {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-session-"));
  const transactionMs = 1_000;
  const files = openFiles({ file: join(folder, "test.db"), isTemporary: true, transactionMs });
  jest.useFakeTimers();
  const replies: Reply[] = [];
  const engine = new Engine({ files, transactionMs, drain: () => undefined, reply: (all) => replies.push(...all) });
  const ask = (text: string) => {
    engine.take({ kind: "sql", id: replies.length + 1, session: 1, text, params: [] });
    engine.work();
  };
  ask("BEGIN");
  ask("CREATE TABLE t (n INTEGER)");
  for (let n = 0; n < 3; n++) {
    jest.advanceTimersByTime(transactionMs - 1);
    ask(`INSERT INTO t VALUES (${n})`);
  }
  ask("COMMIT");
  ask("SELECT count(*) AS n FROM t");
  engine.close();
  rmSync(folder, { recursive: true });
  expect(replies.at(-1)).toMatchObject({ result: { rows: [{ n: 3 }] } });
});
