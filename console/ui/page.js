/** The frame of a page's content: its title, which takes the focus when the page opens, and the page's actions. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { settings } from "../api/session.js";
import { opened } from "../state/router.js";
import { html } from "./html.js";

/**
 * @param {object} props
 * @param {string} props.title
 * @param {any} [props.lead] one line below the title
 * @param {any} [props.badge] beside the title: a state
 * @param {any} [props.actions] buttons at the right
 * @param {[href: string, label: string][]} [props.crumbs] links to the pages above this one
 * @param {any} [props.children]
 */
export function Page({ title, lead, badge, actions, crumbs = [], children }) {
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const time = opened.value;
  // Sets the title in the same frame in which the heading is shown.
  useLayoutEffect(() => {
    document.title = [title, "DataFlow", settings.label].filter(Boolean).join(" · ");
  }, [title]);
  useEffect(() => {
    if (time === 0) return;
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [time]);
  return html`<article class="page">
    <header class="page-head">
      ${
        crumbs.length > 0 &&
        html`<nav class="crumbs" aria-label="Way here">${crumbs.map(([to, label]) => html`<a key=${to} href=${to}>${label}</a><span aria-hidden="true">/</span>`)}</nav>`
      }
      <div class="page-title"><h1 ref=${heading} tabindex="-1">${title}</h1>${badge}</div>
      ${actions && html`<div class="page-actions">${actions}</div>`}
      ${lead && html`<div class="page-lead">${lead}</div>`}
    </header>
    ${children}
  </article>`;
}

/**
 * A part of a page, with a heading.
 * @param {{ title: string, actions?: any, class?: string, children?: any }} props
 */
export function Section({ title, actions, class: more = "", children }) {
  return html`<section class=${`card ${more}`} aria-label=${title}>
    <header class="card-head"><h2>${title}</h2>${actions && html`<div class="card-actions">${actions}</div>`}</header>
    ${children}
  </section>`;
}
