/** Who is logged in. The cookie is sealed and out of reach of scripts; what the page knows comes from `GET /session`. */
import { computed, signal } from "@preact/signals";
import { call, isSessionOver, refreshAll } from "./client.js";
import { asProblem } from "./problem.js";

/** @import { Session, PageSettings } from "../types.d.ts" */

/** @type {import("@preact/signals").Signal<Session | null>} */
export const session = signal(/** @type {Session | null} */ (null));

/** Whether `GET /session` has answered yet. */
export const isKnown = signal(false);

/** Which of the two consoles it is. */
export const side = computed(() => (session.value?.role === "partner" ? "partner" : "operator"));

/** Who is logged in, as a text. What somebody has chosen or typed is not the next one's. */
export const who = computed(() => {
  const { role, name, client } = session.value ?? {};
  return `${role} ${client?.clientIdentifier ?? name}`;
});

const ranks = { viewer: 0, operator: 1, admin: 2, partner: -1 };

/**
 * Whether the one who is logged in may do what needs `role`. The API decides; this only hides what it would refuse.
 * @param {"viewer" | "operator" | "admin"} role
 */
export const may = (role) => ranks[session.value?.role ?? "partner"] >= ranks[role];

/** @type {PageSettings} */
export const settings = JSON.parse(document.querySelector('meta[name="dataflow"]')?.getAttribute("content") ?? "{}");

/** Asks who is logged in. Throws ApiProblem, but for 401. */
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
