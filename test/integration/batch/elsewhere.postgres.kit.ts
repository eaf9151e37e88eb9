/** A table in another PostgreSQL database behind a proxy, and reads of its rows. */
import pg from "pg";
import { commands } from "../../../repl/commands.ts";
import { freshSchema, postgresTarget, postgresUrlAt, type Schema } from "../../helpers/database.ts";
import { accepted, admin, type Batch, newClient, type TestClient } from "../../helpers/http.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { body, codesOf, policy, whole } from "./elsewhere.kit.ts";
import { ended } from "./kit.ts";

export let system: System;

export let crm: Schema;

export let proxy: TcpProxy;

let beside: pg.Client;

export let client: TestClient;

/** Makes a new client with this policy the client of the test. */
export async function becomeClient(its: Parameters<typeof newClient>[1]): Promise<void> {
  client = await newClient(system.url, its);
}

/** A login that may not create tables. */
export const role = `dataflow_elsewhere_${process.pid}`;

export const ask = async <T = Record<string, unknown>>(sql: string): Promise<T[]> =>
  (await beside.query(sql)).rows as T[];

const others: pg.Client[] = [];

/** Opens a transaction of another program. It stays open until it is released or the test has failed. */
export async function holding(sql: string): Promise<() => Promise<void>> {
  const other = new pg.Client(crm.url);
  await other.connect();
  others.push(other);
  await other.query(`BEGIN; ${sql}`);
  return () => other.end();
}

export const numbers = async () => (await ask<{ no: number }>("SELECT no FROM orders ORDER BY no")).map(({ no }) => no);

export const applied = () => ask<{ batch: string }>("SELECT batch::text AS batch FROM dataflow_applied");

export const upload = (...records: object[]) => accepted(system.url, client, body(...records));

export const asOperator = async (id: string) => (await admin(system.url, `/batches/${id}`)).json() as Promise<Batch>;

export const appliedCommand = commands.find(({ command }) => command === "applied") as (typeof commands)[number];

/** Checks that all records are stored once and counted once. */
export async function expectWhole(id: string, attempts = 1) {
  expect(await ended(system, client, id)).toMatchObject({ status: "completed_with_errors", attempts, counts: whole });
  expect(await numbers()).toEqual([1, 3, 4]);
  expect(await codesOf(system, client, id)).toEqual([[2, "reference", "customer"]]);
}

/** Starts what the tests share, and stops it after them. */
export function startElsewhere(): void {
  beforeAll(async () => {
    crm = await freshSchema();
    proxy = await startProxy(postgresTarget);
    beside = new pg.Client(crm.url);
    await beside.connect();
    const env = {
      ...quick,
      BATCH_LEASE: "2s",
      LOG_LEVEL: "fatal",
      TABLES_ALLOWED: "crm:*.*,bare:*.*",
      TABLE_DATABASES: `crm=${postgresUrlAt(crm.url, proxy.port)},bare=${crm.url}%20-c%20role%3D${role}`,
    };
    system = await startSystem({ env });
  });
  afterAll(async () => {
    await system.stop();
    await beside.end();
    await proxy.close();
    await crm.drop();
  });
  beforeEach(async () => {
    await ask(`DROP TABLE IF EXISTS orders, customers; CREATE TABLE customers (id integer PRIMARY KEY);
      INSERT INTO customers VALUES (1); CREATE TABLE orders (no integer PRIMARY KEY,
        customer integer CONSTRAINT fk_customer REFERENCES customers (id), city varchar(10))`);
    await becomeClient(policy);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(others.splice(0).map((other) => other.end()));
  });
}
