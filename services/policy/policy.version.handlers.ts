/** The actions of `policy` that are about versions which operators look at (`policy.contract.ts`). */
import type { Context } from "moleculer";
import { jsonValue } from "../../formats/check/json-value.ts";
import type { WithDatabase } from "../../mixins/database.ts";
import { isDatasetName } from "../batch/batch.domain.ts";
import type { Contracts } from "../contracts.ts";
import type { ParamsOf } from "../messages.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import { completeDataset, type Dataset } from "./policy.dataset.document.ts";
import { type Datasets, noSuchDataset } from "./policy.datasets.ts";
import { defaultPolicy, type Policy } from "./policy.document.ts";
import { datasetOf, policyOf } from "./policy.domain.ts";
import { completePolicy } from "./policy.rules.ts";
import { listVersions, notKept, versionBody } from "./policy.versions.ts";

type Asked<Name extends keyof Contracts["policy"] & string> = Context<ParamsOf<`policy.${Name}`>>;

/** The members that these handlers use of their service. */
interface Own extends Pick<WithDatabase, "database"> {
  datasets: Datasets;
  stored(clientId: number, version: number): Promise<PolicyVersion | null>;
}

export const versionHandlers = {
  versions(this: Own, { params: { clientId, ...page } }: Asked<"versions">) {
    return listVersions(this.database, { ...policyOf(clientId), ...page });
  },
  async keptVersion(this: Own, { params: { clientId, version } }: Asked<"keptVersion">) {
    if (version === 0) return { version, policy: defaultPolicy };
    const body = await versionBody(this.database, { ...policyOf(clientId), version });
    if (body != null) return { version, policy: completePolicy(jsonValue(body) as Partial<Policy>) };
    // A node of the release before writes no version, but the policy that batches pin.
    const pinned = await this.stored(clientId, version);
    if (pinned) return pinned;
    const kept = await this.database.store.keptVersions(policyOf(clientId));
    throw notKept(`Version ${version} of this policy is not kept.`, kept);
  },
  async datasetVersions(this: Own, { params: { name, ...page } }: Asked<"datasetVersions">) {
    const isPossible = isDatasetName(name);
    const found = isPossible ? await listVersions(this.database, { ...datasetOf(name), ...page }) : [];
    const isKnown = found.length > 0 || page.before !== undefined || (await this.datasets.known(name)) !== null;
    if (!isKnown) throw noSuchDataset(name);
    return found;
  },
  async keptDataset(this: Own, { params: { name, version } }: Asked<"keptDataset">) {
    if (!isDatasetName(name)) throw noSuchDataset(name);
    const body = await versionBody(this.database, { ...datasetOf(name), version });
    if (body != null) return { version, dataset: completeDataset(jsonValue(body) as Partial<Dataset>) };
    const known = await this.datasets.known(name);
    if (known?.version === version) return { version, dataset: known.dataset };
    const kept = await this.database.store.keptVersions(datasetOf(name));
    if (!known && !kept) throw noSuchDataset(name);
    const why =
      body === null
        ? `Version ${version} deleted the dataset "${name}".`
        : `Version ${version} of the dataset "${name}" is not kept.`;
    throw notKept(why, kept);
  },
};
