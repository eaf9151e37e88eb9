/** The rejected records of a batch under the rules of now, as operators try them. Nothing is stored. */
import { call, get, withQuery } from "../api/client.js";
import { schemaOf } from "../editor/schema.js";

/** @import { WholeBatch } from "../types.d.ts" */

/** The client's own policy as a dataset: without the fields that are the client's. @param {string} clientId */
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
  // An empty patch of a dataset is the dataset as it is, with what is the client's own.
  form.append("dataset", JSON.stringify(isOwn ? await ownRules(clientId) : { patch: {} }));
  const path = `/admin/datasets/${encodeURIComponent(isOwn ? "draft" : dataset)}/try`;
  const { body } = await call("POST", withQuery(path, { client: clientId, batch: id, only: "rejected" }), {
    raw: form,
  });
  return body;
}
