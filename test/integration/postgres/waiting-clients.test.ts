/** The promise: a batch that becomes ready while its client is being marked as idle is found all the same. */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { openDatabase } from "../../../database/database.ts";
import type { Sql } from "../../../database/dialects/postgres/sql.ts";
import { settleQueues } from "../../../database/dialects/postgres/units/fairness.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";
import { claimed, LEASE, moveOf, ready } from "../store/drafts.ts";

const LATCH = 4_711;

describePostgres("a client that was found without a batch", () => {
  let at: TestDatabase;
  let other: pg.Client;
  beforeEach(async () => {
    at = await freshPostgres();
    other = new pg.Client(at.url);
    await other.connect();
  });
  afterEach(async () => {
    await other.end();
    await at.remove();
  });

  const settle = (...ids: number[]) => settleQueues({ once: (text: string) => other.query(text) } as never as Sql, ids);
  const seen = async () => (await at.db.store.candidates(10)).map(({ id }) => id);
  const dueAt = async () => (await at.db.sequelize.query("SELECT due_at FROM client_queue"))[0];

  /** Makes transactions that write to `table` wait before their commit, until the latch is opened. */
  async function latched(table: string) {
    const holder = new pg.Client(at.url);
    await holder.connect();
    await holder.query(`CREATE FUNCTION wait_for_latch() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(${LATCH}, ${process.pid}); RETURN NULL; END'`);
    await holder.query(`CREATE CONSTRAINT TRIGGER latch AFTER INSERT OR UPDATE ON ${table} DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION wait_for_latch()`);
    await holder.query(`SELECT pg_advisory_lock(${LATCH}, ${process.pid})`);
    return {
      async waits(count = 1) {
        for (;;) {
          const { rowCount } = await holder.query(
            `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = ${LATCH} AND objid = ${process.pid}`,
          );
          if (rowCount === count) return;
          await pause(5);
        }
      },
      open: () => holder.end(),
    };
  }

  test("is not marked as idle while one of its uploads is being committed", async () => {
    await claimed(at.db.store, 1);
    const latch = await latched("batch");
    const uploading = ready(at.db.store, 1);
    await latch.waits();
    await settle(1);
    await latch.open();
    expect(await seen()).toEqual([(await uploading).id]);
  });

  test("is not marked as idle while an approval is being committed", async () => {
    await claimed(at.db.store, 1);
    const waiting = await ready(at.db.store, 1, { state: "held", due: null });
    const latch = await latched("batch");
    const approving = at.db.store.move(moveOf(waiting, "ready"));
    await latch.waits();
    await settle(1);
    await latch.open();
    await approving;
    expect(await seen()).toEqual([waiting.id]);
  });

  test("is marked as waiting by an upload that comes while it is being marked as idle", async () => {
    await claimed(at.db.store, 1);
    const latch = await latched("client_queue");
    const settling = settle(1);
    await latch.waits();
    const uploading = ready(at.db.store, 1);
    await untilOneWaits();
    await latch.open();
    await settling;
    expect(await seen()).toEqual([(await uploading).id]);
  });

  /** Waits until one session waits for a row lock. */
  async function untilOneWaits(): Promise<void> {
    for (;;) {
      const [rows] = await at.db.sequelize.query(
        // Other databases of this server may have waiting sessions, too.
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'",
      );
      if (rows.length > 0) return;
      await pause(5);
    }
  }

  test("an upload that is being committed blocks neither claims nor other uploads of its client", async () => {
    const batch = await ready(at.db.store, 1, { queue: { cap: 9, weight: 1 } });
    const node = await openDatabase({ url: at.url });
    const latch = await latched("batch_chunk");
    const uploading = [at.db, node].map(({ store }) => ready(store, 1));
    await latch.waits(2);
    expect(await at.db.store.claim(batch.id, "node", LEASE)).not.toBeNull();
    await latch.open();
    await Promise.all(uploading);
    await node.close();
  });

  test("with many connections at once, every ready batch is found at the end", async () => {
    const clients = [1, 2, 3];
    const nodes = await Promise.all(Array.from({ length: 3 }, () => openDatabase({ url: at.url })));
    let isOver = false;
    const uploading = nodes.flatMap(({ store }) =>
      clients.map(async (clientId) => {
        for (let n = 0; n < 60; n++) {
          await ready(store, clientId, { queue: { cap: 1_000, weight: clientId } });
          if (n % 7 === 0) await pause(Math.random() * 20);
        }
      }),
    );
    const working = nodes.map(async ({ store }, n) => {
      while (!isOver)
        for (const { id } of await store.candidates(4)) {
          const taken = await store.claim(id, `node-${n}`, LEASE);
          // Some batches are handed back.
          if (taken && Math.random() < 0.2) await store.move(moveOf(taken.batch, "ready"));
        }
    });
    const settling = (async () => {
      while (!isOver) await settle(...clients);
    })();
    await Promise.all(uploading);
    isOver = true;
    await Promise.all([...working, settling]);
    await Promise.all(nodes.map((node) => node.close()));
    await settle(...clients);
    const [hidden] =
      await at.db.sequelize.query(`SELECT b.id FROM batch b JOIN client_queue q ON q.client_id = b.client_id
      WHERE b.state = 'ready' AND (q.due_at IS NULL OR q.due_at > b.due_at)`);
    expect(hidden).toEqual([]);
    while ((await seen()).length > 0) for (const id of await seen()) await at.db.store.claim(id, "node", LEASE);
    expect(await at.db.store.stats()).toMatchObject({ states: { processing: 540 } });
    await settle(...clients);
    expect(await dueAt()).toEqual(clients.map(() => ({ due_at: null })));
  });
});
