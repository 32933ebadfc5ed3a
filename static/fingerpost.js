/*! fingerpost.js 1: keeps the click that led a visitor to your site, and hands it to your own server. */
(() => {
  "use strict";
  const me = document.currentScript, set = me ? me.dataset : {};
  const name = "fp_click", shape = /^[\w-]{32,128}$/;
  const days = Math.min(365, Math.max(1, parseInt(set.days, 10) || 90));
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const asksNotTo = navigator.globalPrivacyControl === true || ["1", "yes"].includes(navigator.doNotTrack);

  const keep = (value, seconds) => {
    const where = set.domain ? "; Domain=" + encodeURIComponent(set.domain) : "";
    document.cookie = name + "=" + value + "; Path=/; Max-Age=" + seconds + "; SameSite=Lax" + where + secure;
  };
  const kept = () => {
    const found = document.cookie.split("; ").find((one) => one.startsWith(name + "="));
    const value = found ? found.slice(name.length + 1) : "";
    return shape.test(value) ? value : "";
  };

  // A link that is copied from the address bar must not carry somebody's click along.
  const address = new URL(location.href), brought = address.searchParams.get(name) || "";
  if (address.searchParams.has(name)) {
    address.searchParams.delete(name);
    history.replaceState(history.state, "", address);
  }
  if (asksNotTo) {
    if (document.cookie.includes(name + "=")) keep("", 0);
  } else if (shape.test(brought)) {
    keep(brought, days * 86400);
  }
  const click = () => (asksNotTo ? "" : kept());

  // A hidden field in each form that says data-fingerpost; the form's own field of that name is filled.
  const fill = (form) => {
    let field = form.querySelector('input[name="' + name + '"]');
    if (!field) {
      field = form.appendChild(document.createElement("input"));
      field.type = "hidden";
      field.name = name;
    }
    field.value = click();
  };

  // To the shop's own server alone, which knows the API key; this script knows none.
  const track = (event, fields) => {
    if (!set.endpoint || !click()) return Promise.resolve(false);
    const where = new URL(set.endpoint, location.href);
    if (where.origin !== location.origin) return Promise.reject(new Error("fingerpost: data-endpoint is not on this site"));
    return fetch(where, {
      method: "POST", keepalive: true, credentials: "same-origin", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...fields, event, [name]: click() }),
    }).then((answer) => answer.ok, () => false);
  };

  document.addEventListener("submit", (sent) => {
    const form = sent.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.fingerpost === undefined) return;
    fill(form);
    if (form.dataset.fingerpost) track(form.dataset.fingerpost, {});
  }, true);
  const fillAll = () => document.querySelectorAll("form[data-fingerpost]").forEach(fill);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", fillAll);
  else fillAll();

  window.fingerpost = Object.freeze({ click, track });
})();
