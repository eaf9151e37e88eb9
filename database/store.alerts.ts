/** What alerts ask of the database. See store.ts. */
import type { AlertKind, AlertNote, AlertWrite, StoredNote, TakenAlert } from "../services/alerts/alerts.domain.ts";

/** Alerts for the operators' chat. */
export interface AlertStore {
  /** Makes the rows of these kinds that are not there. */
  openAlerts(kinds: readonly AlertKind[]): Promise<void>;
  /** Notes what is to be told. A note that is there already stays as it is. */
  noteAlert(note: AlertNote): Promise<void>;
  /** The kinds that may be taken and have something to tell, and the kind `always` whenever it may be taken. */
  dueAlerts(always: AlertKind): Promise<AlertKind[]>;
  /** Takes an alert. Null: another node has taken it, or it is not due. Until the lease expires no other caller gets it. */
  takeAlert(kind: AlertKind, claim: string, leaseMs: number): Promise<TakenAlert | null>;
  /** The oldest notes of a kind. */
  alertNotes(kind: AlertKind, limit: number): Promise<StoredNote[]>;
  /** False: the lease has expired and another node has taken the kind, so nothing was written. */
  writeAlert(write: AlertWrite): Promise<boolean>;
}
