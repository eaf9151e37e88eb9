/** Who is logged in. Scripts cannot read the cookie, so the page learns it from `GET /session`. */
import { computed, signal } from "@preact/signals";
import { call, isSessionOver, refreshAll } from "./client.js";
import { asProblem } from "./problem.js";

/** @import { Session, PageSettings } from "../types.d.ts" */

/** @type {import("@preact/signals").Signal<Session | null>} */
export const session = signal(/** @type {Session | null} */ (null));

/** Whether `GET /session` has answered yet. */
export const isKnown = signal(false);

/** Whether this is the console of operators or of partners. */
export const side = computed(() => (session.value?.role === "partner" ? "partner" : "operator"));

/** Who is logged in, as a text. When it changes, the page drops what the last person has chosen or typed. */
export const who = computed(() => {
  const { role, name, client } = session.value ?? {};
  return `${role} ${client?.clientIdentifier ?? name}`;
});

const ranks = { viewer: 0, operator: 1, admin: 2, partner: -1 };

/**
 * Whether the person who is logged in has the rights of `role`. It only decides what the page shows; the API decides what is
 * allowed.
 * @param {"viewer" | "operator" | "admin"} role
 */
export const may = (role) => ranks[session.value?.role ?? "partner"] >= ranks[role];

/** @type {PageSettings} */
export const settings = JSON.parse(document.querySelector('meta[name="dataflow"]')?.getAttribute("content") ?? "{}");

/** Asks who is logged in. Throws ApiProblem, except for a 401. */
export async function readSession() {
  try {
    session.value = (await call("GET", "/session", { isLogin: true })).body;
  } catch (error) {
    if (asProblem(error).status !== 401) throw error;
    session.value = null;
  } finally {
    isKnown.value = true;
  }
}

/**
 * @param {{ token: string } | { clientIdentifier: string, secret: string }} credentials
 * Throws ApiProblem.
 */
export async function logIn(credentials) {
  const { body } = await call("POST", "/session", { body: credentials, isLogin: true });
  session.value = body;
  isSessionOver.value = false;
  refreshAll();
}

/** Throws ApiProblem. */
export async function logOut() {
  await call("DELETE", "/session", { isLogin: true });
  session.value = null;
  isSessionOver.value = false;
}
