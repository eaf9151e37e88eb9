/** Checks the rejected records of a batch by the present rules, as an operator. Nothing is stored. */
import { call, get, withQuery } from "../api/client.js";
import { schemaOf } from "../editor/schema.js";

/** @import { WholeBatch } from "../types.d.ts" */

/** The client's own policy as a dataset, so without the fields that are about the client. @param {string} clientId */
async function ownRules(clientId) {
  const [policy, { properties = {} }] = await Promise.all([
    get(`/admin/clients/${clientId}/policy`),
    schemaOf("dataset"),
  ]);
  return Object.fromEntries(Object.entries(policy).filter(([name]) => name in properties));
}

/**
 * @param {Pick<WholeBatch, "id" | "clientId" | "dataset">} batch
 * @returns {Promise<{ tried: number, passed: number, partial: boolean } | null>} null: its client is gone. Throws ApiProblem.
 */
export async function triedNow({ id, clientId, dataset }) {
  if (clientId === null) return null;
  const isOwn = dataset === "default";
  const form = new FormData();
  // For a dataset an empty patch is enough: the check then uses the dataset with the client's override.
  form.append("dataset", JSON.stringify(isOwn ? await ownRules(clientId) : { patch: {} }));
  const path = `/admin/datasets/${encodeURIComponent(isOwn ? "draft" : dataset)}/try`;
  const { body } = await call("POST", withQuery(path, { client: clientId, batch: id, only: "rejected" }), {
    raw: form,
  });
  return body;
}
