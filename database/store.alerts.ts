/** What alerts ask of the database. See store.ts. */
import type { AlertKind, AlertNote, AlertWrite, StoredNote, TakenAlert } from "../services/alerts/alerts.domain.ts";

/** Alerts for the operators' chat. */
export interface AlertStore {
  /** Inserts the missing rows of these kinds of alert. */
  openAlerts(kinds: readonly AlertKind[]): Promise<void>;
  /** Stores a fact that an alert will report. A note that is already stored stays unchanged. */
  noteAlert(note: AlertNote): Promise<void>;
  /** The kinds of alert that are due and have something to report. Also the kind `always`, if it is due. */
  dueAlerts(always: AlertKind): Promise<AlertKind[]>;
  /** Takes an alert. Null: another node has taken it, or it is not due. Until the lease expires no other caller gets it. */
  takeAlert(kind: AlertKind, claim: string, leaseMs: number): Promise<TakenAlert | null>;
  /** The oldest notes of a kind. */
  alertNotes(kind: AlertKind, limit: number): Promise<StoredNote[]>;
  /** False: the lease has expired and another node has taken the kind, so nothing was written. */
  writeAlert(write: AlertWrite): Promise<boolean>;
}
