/**
 * A driver or proxy may mix up answers, so that a query gets the answer of the query before it. The store never takes that for
 * data.
 */
import pg from "pg";
import { ConstraintViolation, MismatchedAnswer } from "../../../database/errors.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";
import { chunkCommit, claimed, newBatch, ready, upload } from "../store/drafts.ts";

type Query = (...all: unknown[]) => Promise<unknown>;

let at: TestDatabase;
/** The connections that got queries, in order. */
const asked: pg.Client[] = [];
/** Replaces the driver's way to send a query; null: nothing is replaced. */
let instead: ((query: Query, args: unknown[]) => unknown) | null = null;

describePostgres("an answer to another question", () => {
  beforeEach(async () => {
    at = await freshPostgres();
    const query = pg.Client.prototype.query as unknown as Query;
    jest.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...args: unknown[]) {
      asked.push(this);
      const ask: Query = (...all) => query.apply(this, all);
      return instead ? instead(ask, args) : ask(...args);
    } as never);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await at.remove();
  });

  /** Gives `second` the answer of `first`. `like`: a word in the statements whose answers are exchanged. */
  async function behind<T>(first: () => Promise<unknown>, second: () => Promise<T>, like = ""): Promise<T> {
    let given: Promise<unknown> | undefined;
    instead = (query, args) => {
      if (!JSON.stringify(args[0]).includes(like)) return query(...args);
      const answer = args.at(-1);
      given ??= query(...(typeof answer === "function" ? args.slice(0, -1) : args));
      if (typeof answer !== "function") return given;
      given.then((result) => answer(null, result));
    };
    await first();
    return second().finally(() => {
      instead = null;
    });
  }

  /** Whether `work` uses none of the connections that were used before. */
  async function asksOthers(work: () => Promise<unknown>): Promise<boolean> {
    const before = new Set(asked.splice(0));
    await work();
    return asked.length > 0 && !asked.some((client) => before.has(client));
  }

  test("rows of another state are not used as due rows", async () => {
    const { store, sequelize } = at.db;
    const { id } = await claimed(store, 1);
    await sequelize.query(`UPDATE batch_work SET due_at = 1 WHERE batch_id = ${id}`);
    const due = behind(
      () => store.due("processing", 10),
      () => store.due("completed", 10),
    );
    await expect(due).rejects.toBeInstanceOf(MismatchedAnswer);
    expect(await store.due("completed", 10)).toEqual([]);
    expect(await store.due("processing", 10)).toMatchObject([{ id }]);
  });

  test.each([
    ["no batch at all", () => at.db.now()],
    ["the batch of another client", () => at.db.store.list({ clientId: 2, limit: 10 })],
  ])("%s is not used as the batch that was asked for", async (_name, first) => {
    const { store } = at.db;
    const { publicId } = await ready(store, 1);
    await ready(store, 2);
    await expect(behind(first, () => store.batch(publicId, 1))).rejects.toBeInstanceOf(MismatchedAnswer);
    expect(await store.batch(publicId, 1)).toMatchObject({ publicId });
  });

  test("the chunk and records of another batch are not used", async () => {
    const { store } = at.db;
    const [one, other] = [await claimed(store, 1), await claimed(store, 2)];
    for (const batch of [one, other]) await store.commitChunk(chunkCommit(batch));
    const chunk = behind(
      () => store.readChunk(one.id, 0),
      () => store.readChunk(other.id, 0),
    );
    await expect(chunk).rejects.toBeInstanceOf(MismatchedAnswer);
    const records = behind(
      () => store.records(one.id, 0, 10, 1e6),
      () => store.records(other.id, 0, 10, 1e6),
    );
    await expect(records).rejects.toBeInstanceOf(MismatchedAnswer);
  });

  test("no connection that was open at a stray answer is used again", async () => {
    const { store, models, now } = at.db;
    const { publicId } = await ready(store, 1);
    await models.Client.findAll();
    await expect(behind(now, () => store.batch(publicId, 1))).rejects.toBeInstanceOf(MismatchedAnswer);
    const all = () => Promise.all([store.batch(publicId, 1), models.Client.findAll()]);
    expect(await asksOthers(all)).toBe(true);
  });

  test("after an error the connection is not used again", async () => {
    const { store, models } = at.db;
    const batch = newBatch(1);
    const again = () => store.commitUpload(upload(1, { batch, quota: { bytes: null, records: 99 } }));
    await again();
    asked.length = 0;
    await expect(again()).rejects.toBeInstanceOf(ConstraintViolation);
    expect(await asksOthers(() => store.batch(batch.publicId, 1))).toBe(true);
    const create = () => models.Client.create(clientOf("a"));
    await create();
    asked.length = 0;
    await expect(create()).rejects.toThrow();
    expect(await asksOthers(() => models.Client.findAll())).toBe(true);
  });

  test("another client's row is not used as the one that was asked for", async () => {
    const { Client } = at.db.models;
    for (const identifier of ["a", "b"]) await Client.create(clientOf(identifier));
    const find = (name: string) => Client.findOne({ where: { publicId: idOf(name) } });
    const found = behind(
      () => find("a"),
      () => find("b"),
      'FROM \\"client\\"',
    );
    await expect(found).rejects.toBeInstanceOf(MismatchedAnswer);
    expect(await find("b")).toMatchObject({ identifier: "b" });
  });
});

const idOf = (name: string) => `01930000-0000-7000-8000-00000000000${name}`;
const clientOf = (identifier: string) => ({
  publicId: idOf(identifier),
  identifier,
  name: identifier,
  secretHash: Buffer.alloc(32),
  status: "active" as const,
  policyVersion: 0,
  version: 1,
  changedAt: 1,
  createdAt: 1,
});
