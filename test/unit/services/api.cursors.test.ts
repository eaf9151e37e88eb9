/** The promise: a cursor reveals nothing, is valid only for its own list, and cannot be made by others. */
import { Cursors } from "../../../services/api/http/sealed.ts";

const token = "a-token-of-at-least-24-characters";
const cursors = new Cursors(token);

test.each([0, 1, 42, 2 ** 40, Number.MAX_SAFE_INTEGER])("a cursor gives its id %d back, on every node", (id) => {
  expect(new Cursors(token).open("clients", cursors.seal("clients", id))).toBe(id);
});

test("a cursor reveals nothing of the id, not even by its length, and differs each time", () => {
  const made = Array.from({ length: 50 }, (_, i) => cursors.seal("clients", i % 2 === 0 ? 1 : 10 ** 12));
  expect(new Set(made).size).toBe(50);
  for (const cursor of made) expect(cursor).toMatch(/^[\w-]{48}$/);
});

test("a cursor is valid for no other list and no other token", () => {
  const cursor = cursors.seal("imports of a", 42);
  expect(cursors.open("imports of b", cursor)).toBeNull();
  expect(new Cursors(`${token}.`).open("imports of a", cursor)).toBeNull();
});

test("a changed cursor is invalid", () => {
  const cursor = cursors.seal("clients", 42);
  for (let at = 0; at < cursor.length; at++) {
    const other = cursor[at] === "A" ? "B" : "A";
    expect(cursors.open("clients", cursor.slice(0, at) + other + cursor.slice(at + 1))).toBeNull();
  }
  for (const wrong of ["", "abc", cursor.slice(1), `${cursor}A`, `${cursor}=`, ` ${cursor}`, "a".repeat(3_000)])
    expect(cursors.open("clients", wrong)).toBeNull();
});
