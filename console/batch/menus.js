/** Menus of every batch page: downloads as plain links, the page's address, and the call that reads the batch. */
import { urlOf } from "../api/client.js";
import { copy } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";

/** @import { Batch } from "../types.d.ts" */

/** @param {Event} event */
const close = (event) => {
  const menu = /** @type {HTMLElement} */ (event.target).closest("details");
  if (menu) menu.open = false;
};

/** @param {{ base: string, batch: Batch }} props `base`: `/imports/0193…` or `/admin/batches/0193…` */
export function Downloads({ base, batch: { id, counts, format } }) {
  /** @type {[path: string, file: string, label: string][]} */
  const links = [
    ...(counts.rejected > 0
      ? /** @type {[string, string, string][]} */ ([
          [`${base}/rejected`, `${id}-rejected.${format}`, `Rejected records as ${format}, to correct`],
          ...(["csv", "xlsx"].includes(format)
            ? [[`${base}/rejected?format=xlsx`, `${id}-rejected.xlsx`, "Rejected records as a workbook"]]
            : []),
          [`${base}/errors`, `${id}-errors.ndjson`, "Errors as NDJSON"],
        ])
      : []),
    ...(counts.accepted > 0
      ? [
          /** @type {[string, string, string]} */ ([
            `${base}/records`,
            `${id}-records.ndjson`,
            "Stored records as NDJSON",
          ]),
        ]
      : []),
  ];
  if (links.length === 0) return null;
  return html`<details class="menu">
    <summary class="button"><${Icon} name="download" />Download<${Icon} name="down" /></summary>
    <div class="menu-list right">${links.map(([path, file, label]) => html`<a key=${path} href=${urlOf(path)} download=${file} onClick=${close}>${label}</a>`)}</div>
  </details>`;
}

/**
 * @param {object} props
 * @param {string} props.base
 * @param {"operator" | "partner"} props.side whose credentials the command takes
 * @param {string} [props.identifier] of the partner
 */
export function CopyMenu({ base, side, identifier = "CLIENT" }) {
  const as = side === "operator" ? '-H "Authorization: Bearer $DATAFLOW_TOKEN"' : `-u "${identifier}:$DATAFLOW_SECRET"`;
  const put = async (/** @type {Event} */ event, /** @type {string} */ text, /** @type {string} */ what) => {
    close(event);
    toast((await copy(text)) ? `${what} copied.` : "The browser did not let the page copy.", "plain");
  };
  return html`<details class="menu">
    <summary class="button"><${Icon} name="copy" />Copy<${Icon} name="down" /></summary>
    <div class="menu-list right">
      <button type="button" onClick=${(/** @type {Event} */ event) => put(event, location.href, "Link")}><${Icon} name="link" />Link to this page</button>
      <button type="button" onClick=${(/** @type {Event} */ event) => put(event, `curl ${as} '${urlOf(base)}'`, "Command")}><${Icon} name="code" />As curl</button>
    </div>
  </details>`;
}
