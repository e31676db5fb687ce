(function () {
  "use strict";
  var now = Date.now();
  function each(selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); }
  // What is shown during a time only: the first of it has no beginning, the last no end.
  each("[data-from], [data-until]", function (e) {
    var from = Date.parse(e.getAttribute("data-from")), until = Date.parse(e.getAttribute("data-until"));
    e.hidden = now < from || now >= until;
  });
  each("[data-made]", function (e) {
    var days = Math.max(0, Math.floor((now - Date.parse(e.getAttribute("data-made"))) / 86400000));
    e.textContent = days === 1 ? "1 day old" : days + " days old";
  });
  function open(id) {
    var target = id && document.getElementById(id);
    if (target && target.tagName === "DETAILS") { target.open = true; }
  }
  window.addEventListener("hashchange", function () { open(location.hash.slice(1)); });
  open(location.hash.slice(1));
  // Browsers that do not know ::details-content print what is open.
  var opened = [];
  window.addEventListener("beforeprint", function () {
    each("details:not([open])", function (d) { opened.push(d); d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (d) { d.open = false; });
    opened = [];
  });
})();
