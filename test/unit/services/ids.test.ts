import { validate, version } from "uuid";
import { uuidv7 } from "../../../services/ids.ts";

test("ids are of version 7, by the time, and never the same one, over many fillings of their random bytes", () => {
  const before = Date.now();
  const ids = Array.from({ length: 5_000 }, uuidv7);
  const after = Date.now();
  expect(new Set(ids.map((id) => id.slice(15))).size).toBe(ids.length);
  const timeOf = (id: string) => Number.parseInt(id.replace("-", "").slice(0, 12), 16);
  const isRight = (id: string) => validate(id) && version(id) === 7 && timeOf(id) >= before && timeOf(id) <= after;
  expect(ids.filter((id) => !isRight(id))).toEqual([]);
});
