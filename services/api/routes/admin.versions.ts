/** The versions of policies and datasets: who has changed what, and when. */
import {
  count,
  described,
  flag,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import type { KeptVersion } from "../../policy/policy.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { queryOf } from "../http/input.ts";
import { pageBody, pageOf } from "../http/pages.ts";
import { clientOf } from "./admin.clients.ts";
import { time } from "./views.ts";

/** The schema of the answer of `versionView`. */
export const versionSchema: JsonSchema = record(
  {
    version: count,
    at: instant,
    by: described("The operator. Null: nobody was named, or nobody knows.", orNull(text())),
    changed: described(
      "The fields that differ from the version before; of the first one from the defaults. Null: nobody knows.",
      orNull(listOf(text())),
    ),
    deleted: described("Where this version deleted the dataset.", flag),
  },
  ["deleted"],
);

export const versionView = ({ version, at, by, changed, isDeletion }: KeptVersion) => ({
  version,
  at: time(at),
  by,
  changed,
  ...(isDeletion && { deleted: true }),
});

type Versions = (page: { limit: number; before?: number }) => Promise<KeptVersion[]>;
type Query = { limit?: string; cursor?: string };

async function versionPage(exchange: Exchange, query: Query, list: string, ask: Versions): Promise<Reply> {
  const page = pageOf(exchange, list, query);
  const rows = (await ask(page.asked)).map((row) => ({ ...row, id: row.version }));
  return json(200, await pageBody(exchange, page, rows, versionView));
}

export async function listPolicyVersions(exchange: Exchange): Promise<Reply> {
  const query = queryOf(exchange, "limit", "cursor");
  const { id: clientId, publicId } = await clientOf(exchange);
  return versionPage(exchange, query, `versions of the policy of ${publicId}`, (page) =>
    actors.policy.versions(exchange.ctx, { clientId, ...page }),
  );
}

export function listDatasetVersions(exchange: Exchange): Promise<Reply> {
  const name = exchange.path.name ?? "";
  return versionPage(exchange, queryOf(exchange, "limit", "cursor"), `versions of the dataset ${name}`, (page) =>
    actors.policy.datasetVersions(exchange.ctx, { name, ...page }),
  );
}
