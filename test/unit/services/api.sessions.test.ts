import type { IncomingMessage, ServerResponse } from "node:http";
import { type SessionOf, Sessions } from "../../../services/api/http/sessions.ts";

const HOUR_MS = 3_600_000;
const alice: SessionOf = { kind: "operator", tag: "alice", tokenHash: "0a" };
const sessions = new Sessions("a-token-for-tests-of-24-characters-or-more");

let now = 1_800_000_000_000;
beforeEach(() => void jest.spyOn(Date, "now").mockImplementation(() => now));
afterEach(() => jest.restoreAllMocks());

/** An answer that notes the cookie it sets. Null: none. */
function answer() {
  let cookie: string | null = null;
  const res = { setHeader: (_: string, value: string) => (cookie = value.split(";")[0] ?? null) };
  return { res: res as unknown as ServerResponse, cookie: () => cookie };
}
const asked = (cookie: string | null) => ({ headers: { cookie }, socket: {} }) as unknown as IncomingMessage;

function begun(): string {
  const { res, cookie } = answer();
  sessions.begin(asked(null), res, alice);
  return cookie() as string;
}
/** Whether the cookie's session is valid, and the cookie that renews it. */
function used(cookie: string, by = sessions) {
  const { res, cookie: renewed } = answer();
  return { holds: by.of(asked(cookie), res) !== null, renewed: renewed() };
}

test("a session that is used holds for twelve hours, and no longer", () => {
  let cookie = begun();
  for (let hours = 1; hours < 12; hours++) {
    now += HOUR_MS;
    const { holds, renewed } = used(cookie);
    expect([hours, holds]).toEqual([hours, true]);
    cookie = renewed as string;
  }
  now += HOUR_MS - 1;
  expect(used(cookie).holds).toBe(true);
  now += 1;
  expect(used(cookie)).toEqual({ holds: false, renewed: null });
});

test("a session that is not used ends after two hours", () => {
  const cookie = begun();
  now += 2 * HOUR_MS - 1;
  expect(used(cookie).holds).toBe(true);
  now += 1;
  expect(used(cookie).holds).toBe(false);
});

test("the cookie is renewed when it has not been for five minutes", () => {
  const cookie = begun();
  now += 5 * 60_000 - 1;
  expect(used(cookie)).toEqual({ holds: true, renewed: null });
  now += 1;
  expect(used(cookie)).toEqual({ holds: true, renewed: expect.stringMatching(/^dataflow_session=/) });
});

test("where partners may not log in, the session of a partner from before is over", () => {
  const token = "a-token-for-tests-of-24-characters-or-more";
  const { res, cookie } = answer();
  sessions.begin(asked(null), res, { kind: "partner", identifier: "a-shop", secretHash: "0a" });
  expect(used(cookie() as string).holds).toBe(true);
  expect(used(cookie() as string, new Sessions(token, false)).holds).toBe(false);
  expect(used(begun(), new Sessions(token, false)).holds).toBe(true);
});

test("a node with another ADMIN_TOKEN does not know the session", () => {
  const cookie = begun();
  expect(used(cookie, new Sessions("a-token-for-tests-of-24-characters-or-more")).holds).toBe(true);
  expect(used(cookie, new Sessions("another-token-for-tests-of-24-characters")).holds).toBe(false);
});
