/**
 * Datasets and their grants, for `policy`. A change is written by version, so that of several at once one wins; a grant
 * is written together with its dataset's row, so that what was checked with other overrides is not written.
 */
import type { ServiceBroker } from "moleculer";
import { UniqueConstraintError } from "sequelize";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { overtaken, Turns, untilWritten } from "../../lib/batching/flight.ts";
import { type Fault, Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { Auditing } from "../audits.ts";
import { isDatasetName, ownDataset } from "../batch/batch.domain.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import { announce, type ParamsOf } from "../messages.ts";
import { datasetAudit, grantAudit } from "./policy.audit.ts";
import { datasetKey, grantKey, type Known, type KnownDataset, type KnownGrant, knownGrant } from "./policy.cache.ts";
import type { Grant, ListedDataset, PolicyVersion } from "./policy.contract.ts";
import {
  completeDataset,
  type Dataset,
  datasetFaults,
  effectivePolicy,
  nameExpected,
  overridden,
  overrideFaults,
  patchFaults,
} from "./policy.dataset.document.ts";
import { DatasetRows, requireVersion, scopeOf } from "./policy.dataset.rows.ts";
import { refuse, type Surroundings } from "./policy.fields.ts";
import { mergePatch } from "./policy.patch.ts";
import { DatasetPins } from "./policy.pins.ts";
import { isSameTarget, type Looks, type TableChecks } from "./policy.tables.ts";
import { isSameDocument } from "./policy.versions.ts";

/** The parts of the service `policy` that datasets use. */
export interface DatasetParts {
  broker: ServiceBroker;
  database: Database;
  surroundings: Surroundings;
  tables: TableChecks;
  cached(key: string, load: () => Promise<Known | null>): Promise<Known | null>;
  renewed(keys: string[], known: Known): Promise<void>;
  /** The client's own policy in force. */
  policyOf(clientId: number): Promise<PolicyVersion>;
}

export const noSuchDataset = (name: string) => new Problem("not-found", `There is no dataset "${name}".`);
const notGranted = (name: string) => new Problem("not-found", `This client has no dataset "${name}".`);
const taken = () =>
  new Problem("conflict", `The dataset "${ownDataset}" is each client's own policy: use /admin/clients/{id}/policy.`);

export class Datasets {
  private readonly turns = new Turns<string>();
  private readonly rows: DatasetRows;
  private readonly pins: DatasetPins;
  private readonly parts: DatasetParts;

  constructor(parts: DatasetParts) {
    this.parts = parts;
    this.rows = new DatasetRows(parts.database);
    this.pins = new DatasetPins(parts.database);
  }

  /** The dataset of this name. Null: there is none. */
  async known(name: string): Promise<(KnownDataset & { dataset: Dataset }) | null> {
    if (!isDatasetName(name)) return null;
    const known = await this.parts.cached(datasetKey(name), () => this.rows.dataset(name));
    return known && "since" in known && known.dataset ? { ...known, dataset: known.dataset } : null;
  }

  async change({ name, mode, document, ifVersion, isDryRun }: ParamsOf<"policy.changeDataset">, audit: Auditing) {
    if (mode === "put" && name === ownDataset) throw taken();
    if (mode === "put" && !isDatasetName(name))
      throw new Problem("validation", "The name of the dataset is wrong.", {
        errors: [{ pointer: "/name", detail: `expected ${nameExpected}` }],
      });
    return this.inTurn(name, async () => {
      const before = await this.rows.dataset(name);
      if (mode === "patch" && !before?.dataset) throw noSuchDataset(name);
      requireVersion(before, ifVersion);
      const { surroundings } = this.parts;
      const base = mode === "patch" ? before?.dataset : null;
      refuse("dataset", base ? patchFaults(base, document, surroundings) : datasetFaults(document, surroundings));
      const dataset = completeDataset((base ? mergePatch(base, document) : document) as Partial<Dataset>);
      const isLooked = !base || !isSameTarget(dataset, base);
      const looks: Looks | null = isLooked ? new Map() : null;
      if (looks) refuse("dataset", await this.parts.tables.faults(dataset, { mayCreate: !isDryRun, looks }));
      await this.keepOverrides(name, dataset, looks);
      const isSame = before?.dataset && isSameDocument(before.dataset, dataset);
      if (isDryRun || isSame) return { version: before?.version ?? 0, dataset, isNew: !before?.dataset };
      const known = await this.rows.write(name, before, dataset, datasetAudit(audit, name, before, dataset));
      await this.datasetChanged(name, known);
      return { version: known.version, dataset, isNew: !before?.dataset };
    });
  }

  async remove({ name, ifVersion }: ParamsOf<"policy.removeDataset">, audit: Auditing): Promise<void> {
    if (!isDatasetName(name)) throw noSuchDataset(name);
    await this.inTurn(name, async () => {
      const before = await this.rows.dataset(name);
      if (!before?.dataset) throw noSuchDataset(name);
      requireVersion(before, ifVersion);
      const { clients } = before;
      const batches = await this.parts.database.store.openBatches(name);
      if (clients > 0 || batches > 0)
        throw new Problem(
          "conflict",
          `The dataset "${name}" is granted to ${clients} clients, and ${batches} batches of it have not ended.`,
          { clients, batches },
        );
      const known = await this.rows.write(name, before, null, datasetAudit(audit, name, before, null));
      await this.datasetChanged(name, known);
    });
  }

  async grant(
    { clientId, name, override }: ParamsOf<"policy.grantDataset">,
    audit: Auditing,
  ): Promise<Grant & { isNew: boolean }> {
    if (name === ownDataset) throw taken();
    if (!isDatasetName(name)) throw noSuchDataset(name);
    return this.inTurn(name, async () => {
      const before = await this.rows.dataset(name);
      if (!before?.dataset) throw noSuchDataset(name);
      refuse("dataset", await this.overrideFaults(before.dataset, override, new Map()));
      const entryOf = grantAudit(audit, await this.clientOf(clientId), name);
      const { isNew, ...known } = await this.rows.writeGrant(clientId, name, before, override, entryOf);
      await this.grantChanged(clientId, name, known);
      return { name, override, effective: overridden(before.dataset, override), isNew };
    });
  }

  async revoke({ clientId, name }: ParamsOf<"policy.revokeDataset">, audit: Auditing): Promise<void> {
    if (!isDatasetName(name)) throw notGranted(name);
    await this.inTurn(name, async () => {
      const before = await this.rows.dataset(name);
      if (!before || !(await this.rows.grant(clientId, name))?.override) throw notGranted(name);
      const entryOf = grantAudit(audit, await this.clientOf(clientId), name);
      const { isNew: _, ...known } = await this.rows.writeGrant(clientId, name, before, null, entryOf);
      await this.grantChanged(clientId, name, known);
    });
  }

  /** The datasets in the order of their names. */
  list({ after, limit }: ParamsOf<"policy.datasets">): Promise<ListedDataset[]> {
    return this.rows.list(after, limit);
  }

  /** The grants in the order of their names. */
  async grants({ clientId, after = "", limit }: ParamsOf<"policy.grants">): Promise<Grant[]> {
    const names = (await this.rows.grantsOf(clientId)).filter((name) => name > after).slice(0, limit);
    const grants = await Promise.all(names.map((name) => this.granted({ clientId, name })));
    return grants.filter((grant) => grant !== null);
  }

  /** The client's grant of a dataset. Null: it has none. */
  async granted({ clientId, name }: ParamsOf<"policy.grant">): Promise<Grant | null> {
    const found = await this.found(clientId, name);
    return found && { name, override: found.override, effective: found.effective };
  }

  private async found(clientId: number, name: string) {
    const known = await this.known(name);
    const grant = known && (await this.parts.cached(grantKey(clientId, name), () => this.rows.grant(clientId, name)));
    if (!known || !grant || !("override" in grant) || !grant.override) return null;
    const { override } = grant;
    return {
      override,
      effective: overridden(known.dataset, override),
      versions: { datasetVersion: known.version, grantVersion: grant.version },
      scope: scopeOf(name, known.since),
    };
  }

  /** Throws not-found. */
  async policyFor({ clientId, name }: ParamsOf<"policy.ofDataset">): Promise<PolicyVersion> {
    const own = await this.parts.policyOf(clientId);
    if (name === ownDataset) return own;
    const found = await this.found(clientId, name);
    if (!found) throw notGranted(name);
    const { versions, effective, scope } = found;
    return this.pins.of(
      { clientId, dataset: name, policyVersion: own.version, ...versions },
      { policy: effectivePolicy(own.policy, effective), dataset: { name, scope } },
    );
  }

  /** The policy that a batch of a dataset was accepted under. Null: it was deleted. */
  pinned(clientId: number, version: number): Promise<PolicyVersion | null> {
    return this.pins.stored(clientId, version);
  }

  private async datasetChanged(name: string, known: KnownDataset): Promise<void> {
    await this.parts.renewed([datasetKey(name)], known);
    await announce(this.parts.broker, "dataset.changed", { name, version: known.version });
  }

  private async grantChanged(clientId: number, dataset: string, known: KnownGrant): Promise<void> {
    await this.parts.renewed([grantKey(clientId, dataset)], known);
    await announce(this.parts.broker, "grant.changed", { clientId, dataset, version: known.version });
  }

  private clientOf(id: number): Promise<Client | null> {
    return actors.clientCache.get(this.parts.broker, { id });
  }

  /** Runs the changes of a dataset one after another, and tries again if another node was faster. */
  private inTurn<T>(name: string, change: () => Promise<T>): Promise<T> {
    const isOvertaken = (error: unknown) => error === overtaken || error instanceof UniqueConstraintError;
    return this.turns.take(name, () => untilWritten("dataset", change, isOvertaken));
  }

  /** The document's own faults, and those by the catalog if its part about the table changes. `looks` null: the catalog is not read. */
  private async overrideFaults(dataset: Dataset, override: unknown, looks: Looks | null): Promise<Fault[]> {
    const faults = overrideFaults(dataset, override, this.parts.surroundings);
    if (faults.length > 0 || !looks) return faults;
    const effective = overridden(dataset, override as object);
    return isSameTarget(effective, dataset) ? [] : this.parts.tables.faults(effective, { mayCreate: false, looks });
  }

  /** Throws conflict if the change would make overrides of clients invalid. */
  private async keepOverrides(name: string, dataset: Dataset, looks: Looks | null): Promise<void> {
    const rows = await rowsWhere(this.parts.database.models.DatasetGrant, { dataset: name });
    const overrides: { clientId: string; errors: Fault[] }[] = [];
    for (const row of rows) {
      const { override } = knownGrant(row);
      const isChecked = override && Object.keys(override).length > 0;
      const errors = isChecked ? await this.overrideFaults(dataset, override, looks) : [];
      if (errors.length > 0)
        overrides.push({ clientId: (await this.clientOf(Number(row.clientId)))?.publicId ?? "", errors });
    }
    if (overrides.length > 0)
      throw new Problem("conflict", `The change makes the overrides of ${overrides.length} clients invalid.`, {
        overrides,
      });
  }
}
