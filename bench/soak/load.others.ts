/** Work of a soak beside plain imports: what is repeated, broken off, refused, looked at, and logged in for. Each is a usual leak. */
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { endOf, type Partner, textOf, upload } from "../kit/http.ts";
import { ADMIN_TOKEN } from "../kit/node.ts";
import type { Books } from "./books.ts";

/** Sends the same body twice with one key. Retention may remove the key in between: then there are two batches. */
export async function repeated(who: Partner, body: Buffer, books: Books): Promise<void> {
  const more = { "idempotency-key": crypto.randomUUID() };
  const first = await upload(who, "ndjson", [body], more);
  const second = await upload(who, "ndjson", [body], more);
  for (const id of new Set([first.id, second.id])) {
    const { counts } = await endOf(who, id);
    books.accepted.store += counts.accepted;
  }
}

/** A connection that breaks in the middle of a body. */
export async function brokenOff({ url, auth }: Partner, body: Buffer): Promise<void> {
  const headers = { authorization: auth, "content-type": "text/csv", "content-length": body.length };
  const req = request(`${url}/imports`, { method: "POST", headers, agent: false }).on("error", () => {});
  req.write(body.subarray(0, body.length >> 1));
  await pause(100);
  req.destroy();
}

/** A body that is no import, and an import that is not there. */
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

/** A session of the console: it begins, reads, and ends. */
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

/** Everything that is stored of a batch. */
export const stored = (who: Partner, id: string): Promise<string> => textOf(who, `/imports/${id}/records`);
