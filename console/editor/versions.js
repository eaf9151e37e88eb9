/** The stored versions: who changed what, and when. An earlier version can be put back into the draft. */
import { useList } from "../state/list.js";
import { useQuery } from "../state/live.js";
import { setQuery } from "../state/router.js";
import { Difference } from "../ui/difference.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { plural } from "../ui/numbers.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";
import { shown } from "./changes.js";
import { changesOf } from "./pointers.js";

/** @import { DocumentVersion } from "../types.d.ts" */
/** @import { Document } from "./pointers.js" */

const keyOf = (/** @type {DocumentVersion} */ { version }) => String(version);
const quiet = (/** @type {string} */ text) => html`<span class="quiet">${text}</span>`;

/** @param {DocumentVersion} version */
function What({ changed, deleted }) {
  if (deleted) return "deleted";
  if (changed === null) return quiet("not known");
  if (changed.length === 0) return quiet("nothing");
  return changed.length > 4
    ? `${changed.slice(0, 3).join(", ")} and ${plural(changed.length - 3, "other field")}`
    : changed.join(", ");
}

/** @type {import("../ui/table.js").Column<DocumentVersion>[]} */
const columns = [
  { key: "version", title: "Version", align: "right", render: ({ version }) => version },
  { key: "at", title: "When", render: ({ at }) => html`<${Time} at=${at} />` },
  { key: "who", title: "Who", render: ({ by }) => by ?? quiet("unknown") },
  { key: "what", title: "What", isWide: true, render: (one) => html`<${What} ...${one} />` },
];

/**
 * What a version changed, and a button that puts it back into the draft.
 * @param {{ editing: import("./document.js").Editing, of: DocumentVersion, before: number | null, isNewest: boolean, isReadOnly: boolean }} props
 *   `before`: the version that it replaced; null: there is none to compare with
 */
function One({ editing, of: { version }, before, isNewest, isReadOnly }) {
  const { path, replace } = editing;
  const one = useQuery(path, { query: { version } });
  const other = useQuery(before === null ? null : path, { query: { version: before ?? undefined } });
  const problem = one.problem ?? other.problem;
  if (problem) return html`<${ErrorBox} problem=${problem} title="This version cannot be shown." />`;
  if (!one.data || (before !== null && !other.data)) return html`<${Loading} />`;
  const changes = before === null ? null : changesOf(other.data, one.data);
  const putBack = () => {
    replace(/** @type {Document} */ (one.data));
    setQuery({ view: "difference" }, { replace: true });
    toast(`Version ${version} is in the draft. It is not saved yet.`, "plain");
  };
  return html`${changes === null ? html`<p class="quiet">The version before it is not kept.</p>` : Object.keys(changes).length === 0 ? html`<p class="quiet">Nothing differs from the version before.</p>` : html`<${Difference} of=${shown(changes)} />`}
    ${!isReadOnly && !isNewest && html`<p><button type="button" class="button small" onClick=${putBack}>Put version ${version} back</button></p>`}`;
}

/** @param {{ editing: import("./document.js").Editing, isReadOnly: boolean }} props */
export function Versions({ editing, isReadOnly }) {
  const list = useList(`${editing.path}/versions`, { query: { limit: 50 }, keyOf });
  const { items } = list;
  /**
   * The number of the version that this one replaced; 0: the defaults of a policy; null: there is none to compare with.
   * @param {DocumentVersion} of
   */
  const beforeOf = (of) => {
    const older = items[items.indexOf(of) + 1];
    if (older) return older.deleted ? null : older.version;
    return editing.kind === "policy" && of.version === 1 ? 0 : null;
  };
  const moreOf = (/** @type {DocumentVersion} */ of) =>
    of.deleted
      ? null
      : html`<${One} key=${of.version} editing=${editing} of=${of} before=${beforeOf(of)} isNewest=${of === items[0]} isReadOnly=${isReadOnly} />`;
  return html`<${Table} caption="Versions" columns=${columns} list=${list} keyOf=${keyOf} moreOf=${moreOf}
    empty=${html`<${Empty} title="Nothing was changed yet." icon="audit"><p>It has its defaults. The newest 100 versions are kept.</p></${Empty}>`} />`;
}
