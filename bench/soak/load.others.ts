/**
 * Work of a soak beside plain imports: repeated and aborted uploads, refused calls, console sessions. Leaks are common in such
 * code.
 */
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { endOf, type Partner, textOf, upload } from "../kit/http.ts";
import { ADMIN_TOKEN } from "../kit/node.ts";
import type { Books } from "./books.ts";

/** Sends the same body twice with one Idempotency-Key. If retention removes the key in between, two batches are right. */
export async function repeated(who: Partner, body: Buffer, books: Books): Promise<void> {
  const more = { "idempotency-key": crypto.randomUUID() };
  const first = await upload(who, "ndjson", [body], more);
  const second = await upload(who, "ndjson", [body], more);
  for (const id of new Set([first.id, second.id])) {
    const { counts } = await endOf(who, id);
    books.accepted.store += counts.accepted;
  }
}

/** Aborts an upload in the middle of its body. */
export async function brokenOff({ url, auth }: Partner, body: Buffer): Promise<void> {
  const headers = { authorization: auth, "content-type": "text/csv", "content-length": body.length };
  const req = request(`${url}/imports`, { method: "POST", headers, agent: false }).on("error", () => {});
  req.write(body.subarray(0, body.length >> 1));
  await pause(100);
  req.destroy();
}

/** Sends a body that is not an import, and asks for a batch that does not exist. */
export async function refused({ url, auth }: Partner): Promise<void> {
  const wrong = await fetch(`${url}/imports`, {
    method: "POST",
    headers: { authorization: auth, "content-type": "image/png" },
    body: "no image",
  });
  await wrong.text();
  const absent = await fetch(`${url}/imports/${crypto.randomUUID()}`, { headers: { authorization: auth } });
  await absent.text();
  if (wrong.status !== 415 || absent.status !== 404)
    throw new Error(`expected 415 and 404; found ${wrong.status} and ${absent.status}`);
}

/** A session of the console: logs in, reads a few pages, and logs out. */
export async function session(url: string): Promise<void> {
  const login = await fetch(`${url}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify({ token: ADMIN_TOKEN }),
  });
  await login.text();
  if (login.status !== 200 && login.status !== 201) throw new Error(`POST /session: ${login.status}`);
  const cookie = login.headers
    .getSetCookie()
    .map((one) => one.split(";")[0])
    .join("; ");
  const stats = await fetch(`${url}/admin/stats`, { headers: { cookie } });
  await stats.text();
  if (stats.status !== 200) throw new Error(`GET /admin/stats: ${stats.status}`);
  const logout = await fetch(`${url}/session`, { method: "DELETE", headers: { cookie, origin: url } });
  await logout.text();
  if (!logout.ok) throw new Error(`DELETE /session: ${logout.status}`);
}

/** Reads all stored records of a batch. */
export const stored = (who: Partner, id: string): Promise<string> => textOf(who, `/imports/${id}/records`);
