/** The actions of `policy` that are about datasets (`policy.contract.ts`). */
import { randomUUID } from "node:crypto";
import type { Context } from "moleculer";
import type { Contracts } from "../contracts.ts";
import type { ParamsOf } from "../messages.ts";
import { overridden } from "./policy.dataset.document.ts";
import type { Datasets } from "./policy.datasets.ts";
import type { TableChecks } from "./policy.tables.ts";

type Asked<Name extends keyof Contracts["policy"] & string> = Context<ParamsOf<`policy.${Name}`>>;

const unusedName = () => `draft-${randomUUID()}`;

/** On the service, which has them. */
interface Own {
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
  datasets(this: Own, { params }: Asked<"datasets">) {
    return this.datasets.list(params);
  },
  changeDataset(this: Own, { params }: Asked<"changeDataset">) {
    return this.datasets.change(params);
  },
  async checkDataset(this: Own, { params }: Asked<"checkDataset">) {
    const { name = unusedName(), clientId, mode, document } = params;
    const { dataset } = await this.datasets.change({ name, mode, document, isDryRun: true });
    const grant = clientId === undefined ? null : await this.datasets.granted({ clientId, name });
    return grant ? overridden(dataset, grant.override) : dataset;
  },
  removeDataset(this: Own, { params }: Asked<"removeDataset">) {
    return this.datasets.remove(params);
  },
  grantDataset(this: Own, { params }: Asked<"grantDataset">) {
    return this.datasets.grant(params);
  },
  revokeDataset(this: Own, { params }: Asked<"revokeDataset">) {
    return this.datasets.revoke(params);
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
