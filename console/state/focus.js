/** Keeps the focus in the page. A button that disappears after its work would leave the focus nowhere. */

/** Moves the focus to the page's heading when the focused element is removed. Call it once. @param {HTMLElement} root */
export function keepFocus(root) {
  /** @type {Element | null} */
  let last = null;
  addEventListener("focusin", ({ target }) => {
    last = target instanceof Element ? target : null;
  });
  const look = () => {
    if (!last || last.isConnected || document.activeElement !== document.body) return;
    if (document.querySelector("dialog[open]")) return;
    last = null;
    document.querySelector("h1")?.focus({ preventScroll: true });
  };
  new MutationObserver(look).observe(root, { childList: true, subtree: true });
}
