/** The promise: a failed search for references says whether the table is busy or missing, and refuses no record. */
import { DatabaseUnavailable, TableFailure } from "../../../database/errors.ts";
import type { AskedDatabase } from "../../../database/targets/catalog.ts";
import { referencesOf, unknownAmong } from "../../../database/targets/references.ts";
import { column, tableOf } from "../../helpers/targets.ts";

const parent = { schema: "public", name: "customers", columns: ["id"] };
const reference = { constraint: "fk", columns: ["customer"], parent, own: null };
const table = tableOf([column("customer", { kind: "integer" }), column("place", { kind: "other", type: "point" })]);
const failing = (error: object): AskedDatabase => ({
  name: null,
  dialect: "postgres",
  ask: () => Promise.reject(Object.assign(new Error("secret"), error)),
  send: () => Promise.reject(new Error("not sent")),
});
const look = (error: object) => unknownAmong(failing(error), table, reference, [["1"]]);

test.each([
  [{ code: "42501" }, "gone"],
  [{ parent: { code: "42P01" } }, "gone"],
  [{ parent: { errcode: 1 } }, "gone"],
  [{ code: "57014" }, "busy"],
])("%j: the table is %s, and the server's text is not told", async (error, kind) => {
  const failure = await look(error).catch((one) => one);
  expect(failure).toBeInstanceOf(TableFailure);
  expect([failure.kind, failure.message.includes("secret")]).toEqual([kind, false]);
  await expect(referencesOf(failing(error), table)).rejects.toThrow(TableFailure);
});

test("a value that the server cannot compare counts as known: its row is judged later", async () => {
  expect(await look({ code: "22003" })).toEqual([]);
});

test("a database that is away is told as such", async () => {
  const away = { ...failing({}), ask: () => Promise.reject(new DatabaseUnavailable("away")) };
  await expect(unknownAmong(away, table, reference, [["1"]])).rejects.toThrow(DatabaseUnavailable);
});

test("foreign keys with a column of a type that only the server knows are left to it", async () => {
  const raw = { constraint: "fk", schema: "public", table: "customers", parentColumns: ["id"], isByCharacters: true };
  const rows = [
    { ...raw, columns: ["customer"] },
    { ...raw, columns: ["place"] },
  ];
  const asked = { ...failing({}), ask: async () => rows as never[] };
  expect(await referencesOf(asked, table)).toEqual([reference]);
});
