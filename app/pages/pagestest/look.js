(() => {
	const found = [];
	const say = (words) => { if (!found.includes(words)) found.push(words); };
	const all = (selector, root = document) => [...root.querySelectorAll(selector)];
	const shown = (el) => el.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && !el.closest(".hidden") && el.getClientRects().length > 0;
	const called = (el) => el.tagName.toLowerCase() + (el.id ? "#" + el.id : "") + (el.className && el.className.baseVal === undefined ? "." + [...el.classList].join(".") : "") + " “" + (el.textContent || "").trim().slice(0, 30) + "”";

	// Colours, as they are seen: layers of backgrounds and opacity taken into account.
	const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
	const pen = canvas.getContext("2d", { willReadFrequently: true });
	const cache = new Map();
	const rgba = (css) => {
		if (!cache.has(css)) { pen.clearRect(0, 0, 1, 1); pen.fillStyle = css; pen.fillRect(0, 0, 1, 1); const d = pen.getImageData(0, 0, 1, 1).data; cache.set(css, [d[0], d[1], d[2], d[3] / 255]); }
		return cache.get(css);
	};
	const over = (a, b) => { const k = a[3]; return [a[0] * k + b[0] * (1 - k), a[1] * k + b[1] * (1 - k), a[2] * k + b[2] * (1 - k), 1]; };
	const light = (c) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
	const ratio = (a, b) => { const x = light(a), y = light(b); return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
	const ground = (el) => { const layers = []; for (let e = el; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; } let c = [255, 255, 255, 1]; for (const l of layers.reverse()) c = over(l, c); return c; };
	const opacity = (el) => { let k = 1; for (let e = el; e; e = e.parentElement) k *= +getComputedStyle(e).opacity; return k; };

	// What does not fit
	const wide = document.documentElement.scrollWidth;
	if (wide > innerWidth) {
		const worst = all("body *").find((el) => shown(el) && el.getBoundingClientRect().right > innerWidth + 1 && !el.closest(".board, .tabs, .scroll, .nav, pre, table"));
		say("scrolls sideways: " + wide + " of " + innerWidth + (worst ? " because of " + called(worst) : ""));
	}
	for (const table of all("table")) {
		const room = table.closest(".scroll") ? Infinity : table.parentElement.clientWidth;
		if (table.scrollWidth > room + 1) say("table of " + table.scrollWidth + " in " + room);
	}

	for (const el of all("body *")) {
		if (!shown(el)) continue;
		const style = getComputedStyle(el);
		const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
		const field = el.matches("input:not([type=checkbox],[type=radio],[type=hidden],[type=file]), textarea, select");
		if ((own || field) && !el.closest("[disabled], option, svg")) {
			const back = ground(el), k = opacity(el);
			if (k > 0.1) {
				const c = rgba(style.color), ink = over([c[0], c[1], c[2], c[3] * k], back), size = parseFloat(style.fontSize);
				const least = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700) ? 3 : 4.5;
				const r = ratio(ink, back);
				if (r < least) say("contrast " + r.toFixed(2) + " of " + called(el));
			}
		}
		if (own && style.display !== "inline" && style.overflowX === "visible" && !el.closest("svg, pre") && el.clientWidth > 0 && el.scrollWidth > el.clientWidth + 2) {
			say("text of " + el.scrollWidth + " in " + el.clientWidth + " of " + called(el));
		}
		if (field && !el.closest(".quick, .bar-search")) {
			const r = ratio(rgba(style.borderTopColor), ground(el.parentElement));
			if (r < 3 && !el.readOnly) say("border " + r.toFixed(2) + " of " + called(el));
		}
		if (el.matches("a, button, input:not([type=hidden]), select, textarea, summary") && style.display !== "inline" && !el.matches(".skip")) {
			const b = el.getBoundingClientRect();
			let w = b.width, h = b.height;
			for (const label of el.labels || []) { const l = label.getBoundingClientRect(); w = Math.max(w, l.width); h = Math.max(h, l.height); }
			const after = getComputedStyle(el, "::after");
			if (after.position === "absolute" && after.content !== "none") { const p = el.offsetParent.getBoundingClientRect(); w = Math.max(w, p.width); h = Math.max(h, p.height); }
			if (el.matches("[aria-label]") && el.matches("input[type=checkbox]")) w = Math.max(w, el.parentElement.clientWidth);
			if (w < 23.9 || h < 23.9) say("target " + w.toFixed(0) + "×" + h.toFixed(0) + " of " + called(el));
		}
	}

	// Names: of what is operated, of pictures, of regions
	const named = (el) => {
		const by = (el.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean).map((id) => document.getElementById(id)?.textContent || "").join(" ");
		const label = [...(el.labels || [])].map((l) => l.textContent).join(" ");
		return (el.getAttribute("aria-label") || by || label || (el.matches("a, button, summary, [role]") ? el.textContent : "") || el.getAttribute("title") || "").trim();
	};
	for (const el of all("a[href], button, summary, input:not([type=hidden]), select, textarea, [role=checkbox], [role=listbox], [role=option], dialog, nav, aside, section, [role=search], [role=group], [role=region]")) {
		if (shown(el) && !named(el)) say("nothing names " + called(el));
	}
	for (const img of all("img")) if (!img.hasAttribute("alt")) say("no words for the picture " + img.src);
	for (const el of all("svg")) if (shown(el) && !el.closest("[aria-hidden=true]") && el.getAttribute("role") !== "img") say("a picture is neither named nor hidden: " + called(el.parentElement));
	for (const el of all("[aria-hidden=true]")) if (el.matches("a[href], button, input, select, textarea, [tabindex]") || el.querySelector("a[href], button:not([tabindex='-1']), input, select, textarea")) say("hidden from some, but it can have the focus: " + called(el));
	for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "aria-activedescendant"]) {
		for (const el of all("[" + name + "]")) for (const id of el.getAttribute(name).split(/\s+/)) if (!document.getElementById(id)) say(name + " of " + called(el) + " leads nowhere");
	}
	const ids = new Set();
	for (const el of all("[id]")) { if (ids.has(el.id)) say("two are called " + el.id); ids.add(el.id); }
	for (const list of all("ul, ol")) for (const child of list.children) if (!child.matches("li, script, template")) say("a list holds " + called(child));
	for (const el of all("[tabindex]")) if (el.tabIndex > 0) say("its own order of keys: " + called(el));

	// The frame: language, title, landmarks, headings
	if (!document.documentElement.lang) say("the page says no language");
	if (document.title.trim().length < 3) say("the page has no title");
	if (!/width=device-width/.test(document.querySelector("meta[name=viewport]")?.content || "") || /user-scalable=no|maximum-scale/.test(document.querySelector("meta[name=viewport]").content)) say("the page cannot be made larger");
	if (all("main").length !== 1) say(all("main").length + " times main");
	for (const el of all("body *")) {
		if (!shown(el) || ![...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
		if (!el.closest("main, header, nav, aside, footer, dialog, .skip, [aria-live], .toast")) say("outside of every landmark: " + called(el));
	}
	let level = 0;
	for (const h of all("main h1, main h2, main h3, main h4, main h5, main h6").filter((el) => shown(el) && !el.closest("dialog, .prose"))) {
		const now = +h.tagName[1];
		if (level === 0 && now !== 1) say("the first heading is " + called(h));
		if (level && now > level + 1) say("from heading " + level + " to " + called(h));
		if (!h.textContent.trim()) say("an empty heading: " + called(h));
		level = now;
	}
	if (level === 0) say("no heading");
	return found;
})()
