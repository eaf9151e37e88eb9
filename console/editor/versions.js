/** Who changed it, when, and what: from the audit. What a change replaced can be put back into the draft. */
import { useList } from "../state/live.js";
import { setQuery } from "../state/router.js";
import { Difference } from "../ui/difference.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { plural } from "../ui/numbers.js";
import { Table } from "../ui/table.js";
import { Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";
import { withValue } from "./pointers.js";

/** @import { AuditEntry } from "../types.d.ts" */

/** @param {AuditEntry} entry @returns {[string, [unknown, unknown]][]} */
const changesIn = ({ change }) =>
  Object.entries(change ?? {}).flatMap(([pointer, values]) =>
    pointer.startsWith("/") && Array.isArray(values)
      ? [/** @type {[string, [unknown, unknown]]} */ ([pointer, values])]
      : [],
  );

/** @type {import("../ui/table.js").Column<AuditEntry>[]} */
const columns = [
  { key: "at", title: "When", render: ({ at }) => html`<${Time} at=${at} />` },
  {
    key: "who",
    title: "Who",
    render: ({ who, role }) =>
      html`${who ?? "unknown"}${role && role !== who && html` <span class="quiet">${role}</span>`}`,
  },
  {
    key: "what",
    title: "What",
    isWide: true,
    render: (entry) => {
      const names = changesIn(entry).map(([pointer]) => pointer.slice(1).replaceAll("/", "."));
      return names.length > 4
        ? `${names.slice(0, 3).join(", ")} and ${plural(names.length - 3, "other field")}`
        : names.join(", ");
    },
  },
  {
    key: "reason",
    title: "Reason",
    hides: "first",
    render: ({ reason }) => reason ?? html`<span class="quiet">–</span>`,
  },
];

/** @param {{ editing: import("./document.js").Editing, isReadOnly: boolean }} props */
export function Versions({ editing, isReadOnly }) {
  const { kind, path, draft, replace } = editing;
  const parts = path.split("/");
  const subject = decodeURIComponent((kind === "dataset" ? parts.at(-1) : parts.at(-2)) ?? "");
  const list = useList("/admin/audit", { query: { subject, action: `${kind}.change`, limit: 50 } });
  const putBack = (/** @type {AuditEntry} */ entry) => {
    let next = draft;
    for (const [pointer, [before]] of changesIn(entry)) next = withValue(next, pointer, before);
    replace(next);
    setQuery({ view: "difference" }, { replace: true });
    toast("The values before that change are in the draft. They are not saved yet.", "plain");
  };
  /** @param {AuditEntry} entry */
  const moreOf = (entry) => html`<${Difference} of=${/** @type {Record<string, unknown>} */ (entry.change ?? {})} />
    ${!isReadOnly && changesIn(entry).length > 0 && html`<p><button type="button" class="button small" onClick=${() => putBack(entry)}>Put back what was before</button></p>`}`;
  return html`<${Table} caption="Versions" columns=${columns} list=${list} moreOf=${moreOf}
    empty=${html`<${Empty} title="The audit has no change of it." icon="audit"><p>Older changes than the audit keeps are not shown.</p></${Empty}>`} />`;
}
