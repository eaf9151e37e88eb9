/** The calls of operators about datasets, and about the datasets of a client. */
import { Problem, rethrowUnder } from "../../../lib/errors.ts";
import { count, instant, type JsonSchema, orNull, record, schemaRef, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { typed } from "../../declare.ts";
import type { Grant, ListedDataset } from "../../policy/policy.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { isDryRunOf, jsonBody, noBody, objectOf, queryOf, strictly } from "../http/input.ts";
import { namePageBody, namePageOf } from "../http/pages.ts";
import { clientOf, versionOf, versionsWanted } from "./admin.clients.ts";
import { time } from "./views.ts";

const nameOf = ({ path }: Exchange): string => path.name ?? "";
const noSuchDataset = (name: string) => new Problem("not-found", `There is no dataset "${name}".`);
const notGranted = (name: string) => new Problem("not-found", `This client has no dataset "${name}".`);

const datasetView = ({ name, description, version, changedAt, clients }: ListedDataset) => ({
  name,
  description,
  version,
  changedAt: time(changedAt),
  clients,
});

/** The schema of what `datasetView` answers. */
export const listedDatasetSchema: JsonSchema = record({
  name: text(),
  description: orNull(text()),
  version: count,
  changedAt: instant,
  clients: count,
});

/** The schema of what `grantView` answers. */
export const grantSchema: JsonSchema = record({
  name: text("The dataset."),
  override: schemaRef("DatasetPatch"),
  effective: schemaRef("Dataset"),
});

export const grantView = ({ name, override, effective }: Grant) => ({ name, override, effective });

export async function listDatasets(exchange: Exchange): Promise<Reply> {
  const page = namePageOf("datasets", queryOf(exchange, "limit", "cursor"));
  return json(200, namePageBody(page, await actors.policy.datasets(exchange.ctx, page.asked), datasetView));
}

export async function getDataset(exchange: Exchange): Promise<Reply> {
  const [version, name] = [versionOf(exchange), nameOf(exchange)];
  const found = await (version === undefined
    ? actors.policy.dataset(exchange.ctx, { name })
    : actors.policy.keptDataset(exchange.ctx, { name, version }));
  if (!found) throw noSuchDataset(name);
  return json(200, found.dataset, { ETag: `"${found.version}"` });
}

/**
 * Reads the version that `If-Match` demands. Without the header any state will do. `*` means any version, but the
 * dataset must exist.
 */
async function demandOf(exchange: Exchange): Promise<{ ifVersion?: number }> {
  const header = exchange.req.headers["if-match"];
  if (header === undefined) return {};
  const found = await actors.policy.dataset(exchange.ctx, { name: nameOf(exchange) });
  const wanted = versionsWanted(header);
  const isMet = found && (wanted === null || wanted.includes(found.version));
  return { ifVersion: isMet ? found.version : -1 };
}

async function changeDataset(exchange: Exchange, mode: "put" | "patch", types: string[]): Promise<Reply> {
  const isDryRun = isDryRunOf(exchange);
  const document = objectOf(await jsonBody(exchange, { types }));
  const change = { name: nameOf(exchange), mode, document, isDryRun, ...(await demandOf(exchange)) };
  const { isNew, version, dataset } = await actors.policy.changeDataset(exchange.ctx, change);
  return json(isNew && !isDryRun ? 201 : 200, dataset, { ETag: `"${version}"` });
}

export const putDataset = (exchange: Exchange) => changeDataset(exchange, "put", ["application/json"]);
export const patchDataset = (exchange: Exchange) =>
  changeDataset(exchange, "patch", ["application/merge-patch+json", "application/json"]);

const draft = strictly({
  dataset: { ...typed<object>({ type: "any", jsonSchema: schemaRef("DatasetInput") }), optional: true },
  patch: { ...typed<object>({ type: "any", jsonSchema: schemaRef("DatasetPatch") }), optional: true },
  name: { type: "string", optional: true },
  client: { type: "string", optional: true },
});
export const draftSchema = draft.schema;

/**
 * Answers the dataset that a draft would make, with the faults that `PUT` or `PATCH` would find. Nothing is written.
 */
export async function checkDataset(exchange: Exchange): Promise<Reply> {
  const { dataset, patch, name, client } = draft(await jsonBody(exchange));
  const document = dataset ?? patch;
  if (document == null || (dataset !== undefined && patch !== undefined))
    throw wrongDraft("", "expected either dataset or patch");
  if (patch !== undefined && name === undefined) throw wrongDraft("/name", "expected the dataset that is patched");
  const found = client === undefined ? null : await actors.clientCache.get(exchange.ctx, { publicId: client });
  if (found === null && client !== undefined) throw wrongDraft("/client", "expected the id of a client");
  const [mode, member] = dataset === undefined ? (["patch", "/patch"] as const) : (["put", "/dataset"] as const);
  const asked = { mode, document, ...(name !== undefined && { name }), ...(found && { clientId: found.id }) };
  return json(200, await actors.policy.checkDataset(exchange.ctx, asked).catch(rethrowUnder(member)));
}

const wrongDraft = (pointer: string, detail: string) =>
  new Problem("validation", "The draft is wrong.", { errors: [{ pointer, detail }] });

export async function deleteDataset(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  await actors.policy.removeDataset(exchange.ctx, { name: nameOf(exchange), ...(await demandOf(exchange)) });
  return { status: 204 };
}

export async function putGrant(exchange: Exchange): Promise<Reply> {
  const types = ["application/json", "application/merge-patch+json"];
  const override = objectOf(await jsonBody(exchange, { types }));
  const { id: clientId } = await clientOf(exchange);
  const granted = await actors.policy.grantDataset(exchange.ctx, { clientId, name: nameOf(exchange), override });
  return json(granted.isNew ? 201 : 200, grantView(granted));
}

export async function listGrants(exchange: Exchange): Promise<Reply> {
  const query = queryOf(exchange, "limit", "cursor");
  const { id: clientId, publicId } = await clientOf(exchange);
  const page = namePageOf(`datasets of ${publicId}`, query);
  return json(
    200,
    namePageBody(page, await actors.policy.grants(exchange.ctx, { clientId, ...page.asked }), grantView),
  );
}

export async function getGrant(exchange: Exchange): Promise<Reply> {
  const { id: clientId } = await clientOf(exchange);
  const name = nameOf(exchange);
  const grant = await actors.policy.grant(exchange.ctx, { clientId, name });
  if (!grant) throw notGranted(name);
  return json(200, grantView(grant));
}

export async function deleteGrant(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const { id: clientId } = await clientOf(exchange);
  await actors.policy.revokeDataset(exchange.ctx, { clientId, name: nameOf(exchange) });
  return { status: 204 };
}
