/** Lists all faults of a draft, with a link to the place of each. */
import { useEffect, useRef } from "preact/hooks";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";

/** @param {{ faults: import("./document.js").Fault[], onGo: (pointer: string) => void }} props */
export function Faults({ faults, onGo }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const before = useRef(0);
  useEffect(() => {
    if (faults.length > before.current) box.current?.focus();
    before.current = faults.length;
  }, [faults.length]);
  if (faults.length === 0) return null;
  return html`<div class="error-box" role="alert" tabindex="-1" ref=${box}>
    <${Icon} name="error" />
    <div><strong>${plural(faults.length, "fault")}. Nothing was saved.</strong>
      <ul class="faults">${faults.map(({ pointer, detail }, index) => html`<li key=${index}><button type="button" class="link mono" onClick=${() => onGo(pointer)}>${pointer || "/"}</button> ${detail}</li>`)}</ul>
    </div>
  </div>`;
}
