/** The actions of `policy` that are about datasets (`policy.contract.ts`). */
import { randomUUID } from "node:crypto";
import type { Context } from "moleculer";
import { auditing, unaudited } from "../audits.ts";
import type { Contracts } from "../contracts.ts";
import type { ParamsOf } from "../messages.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import { type Dataset, effectivePolicy, overridden } from "./policy.dataset.document.ts";
import { scopeOf } from "./policy.dataset.rows.ts";
import type { Datasets } from "./policy.datasets.ts";
import { defaultPolicy } from "./policy.document.ts";
import type { TableChecks } from "./policy.tables.ts";

type Asked<Name extends keyof Contracts["policy"] & string> = Context<ParamsOf<`policy.${Name}`>>;

const unusedName = () => `draft-${randomUUID()}`;

async function drafted(datasets: Datasets, draft: ParamsOf<"policy.checkDataset">): Promise<Dataset> {
  const { name = unusedName(), clientId, mode, document } = draft;
  const { dataset } = await datasets.change({ name, mode, document, isDryRun: true }, unaudited);
  const grant = clientId === undefined ? null : await datasets.granted({ clientId, name });
  return grant ? overridden(dataset, grant.override) : dataset;
}

/** On the service, which has them. */
interface Own {
  current(clientId: number): Promise<PolicyVersion>;
  datasets: Datasets;
  tableChecks: TableChecks;
}

export const datasetHandlers = {
  async dataset(this: Own, { params }: Asked<"dataset">) {
    const known = await this.datasets.known(params.name);
    return known && { version: known.version, dataset: known.dataset };
  },
  async lookAtTable(this: Own, { params }: Asked<"lookAtTable">) {
    const known = await this.datasets.known(params.name);
    return known && this.tableChecks.look(known.dataset);
  },
  tables(this: Own, { params }: Asked<"tables">) {
    return this.tableChecks.list(params);
  },
  datasets(this: Own, { params }: Asked<"datasets">) {
    return this.datasets.list(params);
  },
  changeDataset(this: Own, ctx: Asked<"changeDataset">) {
    return this.datasets.change(ctx.params, auditing(ctx));
  },
  checkDataset(this: Own, { params }: Asked<"checkDataset">) {
    return drafted(this.datasets, params);
  },
  async draftDataset(this: Own, { params }: Asked<"draftDataset">) {
    const { name, clientId } = params;
    const dataset = await drafted(this.datasets, params);
    const own = clientId === undefined ? defaultPolicy : (await this.current(clientId)).policy;
    // One that is not made yet has no keys.
    const { since = 0 } = (await this.datasets.known(name)) ?? {};
    return { version: 0, policy: effectivePolicy(own, dataset), dataset: { name, scope: scopeOf(name, since) } };
  },
  removeDataset(this: Own, ctx: Asked<"removeDataset">) {
    return this.datasets.remove(ctx.params, auditing(ctx));
  },
  grantDataset(this: Own, ctx: Asked<"grantDataset">) {
    return this.datasets.grant(ctx.params, auditing(ctx));
  },
  revokeDataset(this: Own, ctx: Asked<"revokeDataset">) {
    return this.datasets.revoke(ctx.params, auditing(ctx));
  },
  grant(this: Own, { params }: Asked<"grant">) {
    return this.datasets.granted(params);
  },
  grants(this: Own, { params }: Asked<"grants">) {
    return this.datasets.grants(params);
  },
  ofDataset(this: Own, { params }: Asked<"ofDataset">) {
    return this.datasets.policyFor(params);
  },
};
