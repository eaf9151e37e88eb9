/** The rows of datasets and their grants. Each write names what was read before, and fails where another was faster. */
import { Op } from "sequelize";
import { addAudit, changeSilently } from "../../database/change.ts";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import { overtaken } from "../../lib/batching/flight.ts";
import { Problem } from "../../lib/errors.ts";
import type { AuditDraft } from "../audit/audit.domain.ts";
import type { GrantAudit } from "./policy.audit.ts";
import { type KnownDataset, type KnownGrant, knownDataset, knownGrant } from "./policy.cache.ts";
import type { ListedDataset } from "./policy.contract.ts";
import { completeDataset, type Dataset } from "./policy.dataset.document.ts";
import { datasetOf } from "./policy.domain.ts";
import { addVersion } from "./policy.versions.ts";

/** The scope of unique keys and contents: the dataset's name, and the version that created it. */
export const scopeOf = (name: string, since: number): string => `${name}:${since}`;

/** A dataset's row, with the versions that guard a write. */
export interface Stored extends KnownDataset {
  clients: number;
  grantChanges: number;
}

export class DatasetRows {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  async dataset(name: string): Promise<Stored | null> {
    const [row] = await rowsWhere(this.database.models.SharedDataset, { name });
    if (!row) return null;
    return { ...knownDataset(row), clients: Number(row.clients), grantChanges: Number(row.grantChanges) };
  }

  async grant(clientId: number, dataset: string): Promise<KnownGrant | null> {
    const [row] = await rowsWhere(this.database.models.DatasetGrant, { clientId, dataset });
    return row ? knownGrant(row) : null;
  }

  /** The datasets after this name, in the order of their names. */
  async list(after: string | undefined, limit: number): Promise<ListedDataset[]> {
    const where = { body: { [Op.ne]: null }, ...(after !== undefined && { name: { [Op.gt]: after } }) };
    const rows = await this.database.models.SharedDataset.findAll({ where, order: ["name"], limit });
    return rows.map((row) => {
      const { version, dataset } = knownDataset(row);
      const [clients, changedAt] = [Number(row.clients), Number(row.changedAt)];
      return { name: row.name, description: dataset?.description ?? null, version, changedAt, clients };
    });
  }

  /** The names of a client's datasets, in order. */
  async grantsOf(clientId: number): Promise<string[]> {
    const rows = await rowsWhere(this.database.models.DatasetGrant, { clientId });
    const granted = rows.filter((row) => row.override !== null);
    return granted.map(({ dataset }) => dataset).sort();
  }

  /** Null deletes the dataset. Throws `overtaken`. */
  async write(
    name: string,
    before: Stored | null,
    dataset: Dataset | null,
    audit: AuditDraft | null,
  ): Promise<KnownDataset> {
    const { database } = this;
    const { SharedDataset, EndedScope } = database.models;
    const version = (before?.version ?? 0) + 1;
    const since = before?.dataset ? before.since : version;
    const values = { version, since, body: dataset && JSON.stringify(dataset) };
    const scope = scopeOf(name, since);
    // What makes a dataset differs from its defaults.
    const was = before?.dataset ?? completeDataset({});
    const noted = { ...datasetOf(name), version, who: audit?.who ?? null, before: was, after: dataset };
    const clients = dataset === null ? await this.clientsEver(name) : [];
    await changeSilently(database, async (transaction, changedAt) => {
      const place = { transaction, nowMs: changedAt };
      await addAudit(database.models, audit, place);
      if (!before) {
        const made = { name, ...values, clients: 0, grantChanges: 0, changedAt };
        await SharedDataset.create(made, { transaction });
        return addVersion(database.models, noted, place);
      }
      const where = { name, version: before.version, grantChanges: before.grantChanges };
      const [changed] = await SharedDataset.update({ ...values, changedAt }, { where, transaction });
      if (changed === 0) throw overtaken;
      await addVersion(database.models, noted, place);
      const ended = clients.map((clientId) => ({ clientId, scope }));
      await EndedScope.bulkCreate(ended, { transaction });
    });
    return { version, since, dataset };
  }

  /** The clients that have, or had, a dataset of this name. */
  private async clientsEver(dataset: string): Promise<number[]> {
    const rows = await rowsWhere(this.database.models.DatasetGrant, { dataset });
    return rows.map(({ clientId }) => Number(clientId));
  }

  /** `override` null revokes the grant. `isNew`: the client did not have the dataset before. Throws `overtaken`. */
  async writeGrant(clientId: number, dataset: string, of: Stored, override: object | null, auditOf: GrantAudit) {
    const { database } = this;
    const { SharedDataset, DatasetGrant } = database.models;
    const before = await this.grant(clientId, dataset);
    const had = before?.override != null;
    const version = (before?.version ?? 0) + 1;
    const text = override && JSON.stringify(override);
    await changeSilently(database, async (transaction, changedAt) => {
      const { version: ofVersion, grantChanges } = of;
      const clients = of.clients + Number(override !== null) - Number(had);
      const where = { name: dataset, version: ofVersion, grantChanges };
      const counted = { clients, grantChanges: grantChanges + 1 };
      const [changed] = await SharedDataset.update(counted, { where, transaction });
      if (changed === 0) throw overtaken;
      const entry = auditOf(before?.override ?? null, override);
      await addAudit(database.models, entry, { transaction, nowMs: changedAt });
      const values = { version, override: text, changedAt };
      if (!before) return void (await DatasetGrant.create({ clientId, dataset, ...values }, { transaction }));
      const [written] = await DatasetGrant.update(values, {
        where: { clientId, dataset, version: before.version },
        transaction,
      });
      if (written === 0) throw overtaken;
    });
    return { version, override, isNew: !had };
  }
}

/** Throws precondition-failed. */
export function requireVersion(before: KnownDataset | null, ifVersion: number | undefined): void {
  if (ifVersion === undefined || (before?.dataset && before.version === ifVersion)) return;
  const now = before?.dataset ? `is at version ${before.version}` : "does not exist";
  throw new Problem("precondition-failed", `The dataset ${now}.`);
}
