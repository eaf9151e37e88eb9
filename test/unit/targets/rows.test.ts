/** The promise: a row has a value for each column of its plan, or else the fault of the first column that cannot have one. */
import { rowOf } from "../../../database/targets/values.ts";
import { about, column, planOf } from "../../helpers/targets.ts";

describe("a row", () => {
  const key = column("id", { kind: "integer", isNotNull: true });
  const name = column("name", { isNotNull: true });
  const withDefault = column("state", { isNotNull: true, hasDefault: true });
  const faultOf = (row: ReturnType<typeof rowOf>) => ("fault" in row ? row.fault : null);

  test("has a value for each column, in the plan's order: of paths, of what is known, and fixed ones", () => {
    const metas = ["batchId", "clientId", "clientIdentifier", "dataset", "record", "line", "receivedAt"] as const;
    const plan = planOf([
      { column: column("city"), source: { path: ["address", "city"] } },
      ...metas.map((meta) => ({ column: column(meta), source: { meta } })),
      { column: column("doc", { kind: "json" }), source: { meta: "json" } },
      { column: column("source"), source: { value: "partner" } },
      { column: column("line no", { kind: "integer" }), source: { meta: "line" } },
    ]);
    const known = [about.batchId, about.clientId, "a-shop", "orders", "17", "18", about.receivedAt];
    expect(rowOf(plan, '{"address":{"city":"Porto"},"n":1.10}', about)).toEqual({
      values: ["Porto", ...known, '{"address":{"city":"Porto"},"n":1.10}', "partner", "18"],
      isDelete: false,
    });
  });

  test("tells an absent value from null, and finds nothing within what is no object", () => {
    const plan = planOf([
      column("a"),
      column("constructor"),
      { column: column("b"), source: { path: ["o", "source"] } },
    ]);
    expect(rowOf(plan, '{"a":null,"o":1.50}', about)).toEqual({
      values: [null, undefined, undefined],
      isDelete: false,
    });
  });

  test("takes records as handlers get them", () => {
    const plan = planOf([column("n", { kind: "decimal" })]);
    expect(rowOf(plan, { n: "12345678901234567.89" }, about)).toEqual({
      values: ["12345678901234567.89"],
      isDelete: false,
    });
  });

  test("with its text beside it, such a record has numbers that are no texts", () => {
    const plan = planOf([
      { column: column("doc", { kind: "json" }), source: { meta: "json" } },
      { column: column("n"), source: { path: ["n"] } },
    ]);
    const row = (record: object, json: string) => rowOf(plan, record as Record<string, unknown>, about, json);
    const inexact = '{"n":12345678901234567.89,"s":"1.50"}';
    expect(row({ n: "12345678901234567.89", s: "1.50" }, inexact)).toMatchObject({
      values: [inexact, "12345678901234567.89"],
    });
    expect(row({ n: 1.5 }, '{"n":1.50}')).toMatchObject({ values: ['{"n":1.50}', "1.50"] });
  });

  test.each([
    ["insert", "keep", '{"id":1}', "name"],
    ["ignore", "keep", '{"id":1,"name":null}', "name"],
    ["upsert", "keep", '{"id":1}', null],
    ["upsert", "keep", '{"id":1,"name":null}', "name"],
    ["upsert", "null", '{"id":1}', "name"],
    ["upsert", "null", '{"id":1,"name":"a"}', null],
    ["update", "keep", '{"id":1}', null],
    ["update", "null", '{"id":1,"name":"a"}', "state"],
    ["upsert", "keep", '{"name":"a"}', "id"],
    ["upsert", "keep", '{"id":null,"name":"a"}', "id"],
    ["insert", "keep", '{"id":1,"name":"a","state":null}', "state"],
  ] as const)("%s with absent %s refuses %s for %s", (mode, absent, json, missing) => {
    const plan = planOf([key, name, withDefault], { mode, absent, key: ["id"] });
    expect(faultOf(rowOf(plan, json, about))).toEqual(
      missing && { column: missing, path: [missing], code: "required", message: "is required" },
    );
  });

  test("a marked record deletes its row: of its other values none is looked at", () => {
    const newer = { column: column("at", { kind: "timestamp" }), source: { path: ["at"] } };
    const plan = planOf([key, name, newer], {
      mode: "upsert",
      key: ["id"],
      newer,
      delete: { path: ["op"], values: ["D", 2, null] },
    });
    const row = (json: string) => rowOf(plan, json, about);
    expect(row('{"id":1,"name":{"x":1},"at":"2026-11-29","op":"D"}')).toEqual({
      values: ["1", undefined, "2026-11-29 00:00:00"],
      isDelete: true,
    });
    expect(row('{"id":1,"op":2.0}')).toMatchObject({ isDelete: true });
    expect(row('{"id":1,"op":null}')).toMatchObject({ isDelete: true });
    expect(row('{"id":1,"name":"a","op":"d"}')).toMatchObject({ isDelete: false });
    expect(faultOf(row('{"op":"D"}'))).toMatchObject({ column: "id", code: "required" });
  });

  test("a fault of a value that the partner did not send has no path", () => {
    const plan = planOf([
      {
        column: column("client", { maxLength: { units: "characters", most: 3 } }),
        source: { meta: "clientIdentifier" },
      },
    ]);
    expect(faultOf(rowOf(plan, "{}", about))).toMatchObject({ path: null, code: "maxLength" });
  });

  test("what is the same in all records of a batch is another value in the next batch", () => {
    const plan = planOf([{ column: column("batch", { kind: "uuid" }), source: { meta: "batchId" } }]);
    const held = (batchId: string) => rowOf(plan, "{}", { ...about, batchId });
    expect(held(about.batchId)).toMatchObject({ values: [about.batchId] });
    expect(held(about.clientId.toUpperCase())).toMatchObject({ values: [about.clientId] });
    expect(faultOf(held("b-1"))).toMatchObject({ path: null, code: "type" });
  });

  test("of mode delete deletes", () => {
    expect(rowOf(planOf([key], { mode: "delete", key: ["id"] }), '{"id":1}', about)).toEqual({
      values: ["1"],
      isDelete: true,
    });
  });
});
