/**
 * Shown when another operator has saved the document meanwhile: one's own changes, theirs, and the value before, side by side.
 * Nothing is overwritten.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { threeWay, valueAt, withValue } from "./pointers.js";

/** @import { Editing } from "./document.js" */
/** @import { Document } from "./pointers.js" */

/** @param {unknown} value */
const shown = (value) => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));

/** @param {{ editing: Editing, theirs: Document, name: string }} props */
export function Conflict({ editing, theirs, name }) {
  const { base, draft: yours } = editing;
  const { merged, mine, others, clashes } = threeWay({ base, yours, theirs });
  const [chosen, setChosen] = useState(/** @type {Record<string, "yours" | "theirs">} */ ({}));
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  useEffect(() => heading.current?.focus(), []);
  const pointers = [...new Set([...clashes, ...Object.keys(mine), ...Object.keys(others)])];
  const left = clashes.filter((pointer) => chosen[pointer] === undefined).length;
  const goOn = () => {
    let next = merged;
    for (const pointer of clashes)
      if (chosen[pointer] === "yours") next = withValue(next, pointer, valueAt(yours, pointer));
    editing.settle(next);
  };
  return html`<section class="card" aria-label="Changed by somebody else">
    <header class="card-head"><h2 ref=${heading} tabindex="-1"><${Icon} name="warning" /> Somebody else has changed ${name}</h2></header>
    <p>Nothing of yours was saved, and nothing is written over. ${clashes.length === 0 ? "Your changes and theirs go together." : `${plural(clashes.length, "field was", "fields were")} changed by both: choose.`} Then look at it again, and save.</p>
    <div class="table-scroll" role="region" aria-label="Yours, theirs, before" tabindex="0"><table class="three-way">
      <caption class="offscreen">Yours, theirs, and what was before</caption>
      <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">Theirs</th><th scope="col">Yours</th></tr></thead>
      <tbody>${pointers.map((pointer) => {
        const isClash = clashes.includes(pointer);
        const cell = (/** @type {"yours" | "theirs"} */ who) => {
          const text = shown(valueAt(who === "yours" ? yours : theirs, pointer));
          if (!isClash)
            return html`<td class=${who === "yours" ? (pointer in mine ? "good" : "quiet") : pointer in others ? "good" : "quiet"}>${text}</td>`;
          return html`<td><label class="check"><input type="radio" name=${pointer} checked=${chosen[pointer] === who} aria-label=${`${who} for ${pointer}`} onChange=${() => setChosen({ ...chosen, [pointer]: who })} /><span>${text}</span></label></td>`;
        };
        return html`<tr key=${pointer} class=${isClash ? "warn" : ""}><th scope="row" class="mono">${pointer}</th><td class="quiet">${shown(valueAt(base, pointer))}</td>${cell("theirs")}${cell("yours")}</tr>`;
      })}</tbody>
    </table></div>
    ${pointers.length === 0 && html`<${Empty} title="They have saved the same." icon="check" />`}
    <footer class="editor-foot">
      <span class="quiet" role="status">${left > 0 ? `${plural(left, "field")} to choose` : "All is chosen."}</span>
      <button type="button" class="button" onClick=${() => editing.settle(theirs)}>Take theirs, drop mine</button>
      <button type="button" class="button primary" disabled=${left > 0} onClick=${goOn}>Go on with both</button>
    </footer>
  </section>`;
}
