/** Shows what the draft changes, and what differs from the defaults. */
import { useState } from "preact/hooks";
import { Difference } from "../ui/difference.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { changesOf } from "./pointers.js";
import { defaultsOf } from "./schema.js";

/** @import { Changes } from "./pointers.js" */

/** The changes for display: a missing value becomes a text that says so. @param {Changes} changes */
export const shown = (changes) =>
  Object.fromEntries(
    Object.entries(changes).map(([pointer, [before, after]]) => [pointer, [before ?? null, after ?? null]]),
  );

/** @param {{ editing: import("./document.js").Editing, isShort?: boolean }} props `isShort`: shows only unsaved changes */
export function ShownChanges({ editing, isShort = false }) {
  const { changes, draft, schema } = editing;
  const [isAll, setAll] = useState(false);
  const found = isAll && !isShort ? changesOf(defaultsOf(schema), { ...defaultsOf(schema), ...draft }) : changes;
  const isNone = Object.keys(found).length === 0;
  return html`<div class="stack">
    ${
      !isShort &&
      html`<span class="segments" role="group" aria-label="Compared with">
        <button type="button" aria-pressed=${!isAll} onClick=${() => setAll(false)}>With what is saved</button>
        <button type="button" aria-pressed=${isAll} onClick=${() => setAll(true)}>With the defaults</button>
      </span>`
    }
    ${isNone ? html`<${Empty} title=${isAll ? "All fields have their defaults." : "Nothing is changed."} icon="check" />` : html`<div class="table-scroll" role="region" aria-label="What differs" tabindex="0"><${Difference} of=${shown(found)} /></div>`}
  </div>`;
}
