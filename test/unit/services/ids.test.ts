import { validate, version } from "uuid";
import { uuidv7 } from "../../../services/ids.ts";

test("ids are of version 7, by the time, and never the same one, over many fillings of their random bytes", () => {
  const before = Date.now();
  const ids = Array.from({ length: 5_000 }, uuidv7);
  const after = Date.now();
  expect(new Set(ids.map((id) => id.slice(15))).size).toBe(ids.length);
  for (const id of ids) {
    expect(validate(id) && version(id)).toBe(7);
    const at = Number.parseInt(id.replace("-", "").slice(0, 12), 16);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(after);
  }
});
