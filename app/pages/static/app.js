// TaskFlow in the browser. Every page works without this script; with it, work needs fewer reloads and no mouse.
(() => {
	"use strict";

	const $ = (selector, root = document) => root.querySelector(selector);
	const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
	const shortcuts = () => document.body.dataset.shortcuts === "on";
	const typing = (el) => el.closest && el.closest("input, textarea, select, [contenteditable]");

	// Messages: for screen readers, and for everybody.
	function announce(text) {
		const live = $("#live");
		if (!live) return;
		live.textContent = "";
		setTimeout(() => { live.textContent = text; }, 30);
	}
	function toast(text) {
		$$(".toast").forEach((old) => old.remove());
		const el = document.createElement("div");
		el.className = "toast";
		el.textContent = text;
		document.body.append(el);
		announce(text);
		setTimeout(() => el.remove(), 6000);
	}

	// Dialogs
	const help = () => $("#help")?.showModal();
	function ask(question, words) {
		const dialog = document.createElement("dialog");
		dialog.className = "dialog";
		dialog.setAttribute("aria-labelledby", "ask-title");
		const form = document.createElement("form");
		form.method = "dialog";
		form.className = "stack tight";
		const title = document.createElement("h2");
		title.id = "ask-title";
		title.textContent = question;
		const actions = document.createElement("div");
		actions.className = "actions";
		for (const [value, text, look] of [["yes", words, "button danger"], ["", "Leave it", "button"]]) {
			const button = document.createElement("button");
			button.value = value;
			button.className = look;
			button.textContent = text;
			button.autofocus = value === "";
			actions.append(button);
		}
		form.append(title, actions);
		dialog.append(form);
		document.body.append(dialog);
		dialog.showModal();
		return new Promise((resolve) => dialog.addEventListener("close", () => {
			resolve(dialog.returnValue === "yes");
			dialog.remove();
		}));
	}

	document.addEventListener("submit", (event) => {
		const button = event.submitter;
		if (!button || !button.dataset.ask || button.dataset.sure) return;
		event.preventDefault();
		event.stopImmediatePropagation();
		ask(button.dataset.ask, button.textContent.trim() || "Yes").then((sure) => {
			if (!sure) return;
			button.dataset.sure = "yes";
			button.form.requestSubmit(button);
			delete button.dataset.sure;
		});
	}, true);

	// Menus: the navigation on small screens, and the small ones.
	function closeNav() { $("#nav")?.classList.remove("open"); $("[data-menu]")?.focus(); }
	document.addEventListener("click", (event) => {
		const target = event.target;
		if (!(target instanceof Element)) return;
		for (const menu of $$("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
		if (target.closest("[data-menu]")) {
			event.preventDefault();
			$("#nav").classList.add("open");
			setTimeout(() => $("#nav a").focus(), 60); // what is only about to be seen cannot have the focus
		} else if (target.closest("[data-menu-close]")) {
			event.preventDefault();
			closeNav();
		} else if ($("#nav.open") && !target.closest("#nav")) {
			closeNav();
		}
		const opener = target.closest("[data-open]");
		if (opener) { opener.closest("details")?.removeAttribute("open"); $("#" + opener.dataset.open).showModal(); }
		if (target.closest("[data-print]")) window.print();
		const copier = target.closest("[data-copy]");
		if (copier && navigator.clipboard) navigator.clipboard.writeText($("#" + copier.dataset.copy).textContent).then(() => toast("Copied"));
		if (target.matches("dialog")) target.close(); // its backdrop
	});

	// Forms that send themselves
	document.addEventListener("change", (event) => {
		const form = event.target.closest && event.target.closest("form[data-autosubmit], form[data-autosave]");
		if (!form) return;
		if (form.matches("[data-autosubmit]")) { form.requestSubmit(); return; }
		saving = saving.then(() => save(form)); // one after the other: each knows the version that the one before made
	});
	let saving = Promise.resolve();
	async function save(form) {
		if (!form.reportValidity()) return;
		try {
			const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(30000) });
			if (!response.ok) { failed(response.status, response.headers.get("Retry-After")); return; }
			const page = new DOMParser().parseFromString(await response.text(), "text/html");
			const version = $("input[name=version]", form), fresh = $("form[data-autosave] input[name=version]", page);
			if (version && fresh) version.value = fresh.value;
			for (const selector of ["#activity", ".task-facts"]) {
				const was = $(selector), is = $(selector, page);
				if (was && is) was.replaceWith(is);
			}
			toast("Saved");
		} catch { failed(0); }
	}

	// What went wrong on the way
	function failed(status, wait) {
		if (status === 401) { location.reload(); return; }
		if (status === 429) toast(wait ? `That was a lot in a short time. Try again in ${wait} seconds.` : "That was a lot in a short time. Try again shortly.");
		else if (status === 409) toast("Somebody else was faster. Load the page again to see what changed.");
		else if (status === 403) toast("You may not do that.");
		else if (status === 413) toast("That is too large.");
		else if (status === 422) toast("That was not accepted. Look at the form again.");
		else if (status === 0) toast("The service cannot be reached. Nothing was changed.");
		else toast("That did not work. Try again in a moment.");
	}
	document.addEventListener("htmx:responseError", (event) => failed(event.detail.xhr.status, event.detail.xhr.getResponseHeader("Retry-After")));
	document.addEventListener("htmx:sendError", () => failed(0));
	document.addEventListener("htmx:timeout", () => failed(0));

	function focusProblem() { $("[data-focus]")?.focus(); }
	document.addEventListener("htmx:afterSettle", () => {
		focusProblem();
		const flash = $("#flash")?.textContent.trim();
		if (flash) announce(flash);
	});

	// Uploads
	document.addEventListener("htmx:xhr:progress", (event) => {
		const bar = event.target.matches && event.target.matches("[data-upload]") && $("progress", event.target);
		if (!bar || !event.detail.lengthComputable) return;
		bar.hidden = false;
		bar.value = Math.round(100 * event.detail.loaded / event.detail.total);
	});
	for (const kind of ["dragover", "dragleave", "drop"]) {
		document.addEventListener(kind, (event) => {
			const place = event.target.closest && event.target.closest("[data-drop]");
			if (!place) return;
			place.classList.toggle("over", kind === "dragover");
			if (kind === "dragleave") return;
			event.preventDefault();
			if (kind !== "drop" || !event.dataTransfer.files.length) return;
			const input = $("input[type=file]", place);
			input.files = event.dataTransfer.files;
			input.form.requestSubmit();
		});
	}

	// Keys
	let first = "";
	const items = () => $$("[data-item]").filter((el) => el.offsetParent !== null);
	function step(by) {
		const all = items();
		if (!all.length) return;
		const at = all.indexOf(document.activeElement);
		const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
		next.focus();
		next.scrollIntoView({ block: "nearest", inline: "nearest" });
	}
	document.addEventListener("keydown", (event) => {
		if (event.defaultPrevented) return;
		if (boardKey(event)) { event.preventDefault(); return; }
		if (event.key === "Escape") {
			for (const menu of $$("details.menu[open]")) { menu.open = false; $("summary", menu).focus(); }
			if ($("#nav.open")) closeNav();
			return;
		}
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) { event.target.form?.requestSubmit(); return; }
		if (!shortcuts() || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
		const key = event.key;
		const combined = first ? first + " " + key : key;
		first = "";
		if (key === "g" && combined === "g") { first = "g"; setTimeout(() => { first = ""; }, 1200); return; }
		const link = $(`[data-key="${CSS.escape(combined)}"]`);
		if (link) { event.preventDefault(); link.click(); return; }
		const search = $("#q");
		const act = { "/": () => search && search.offsetParent ? search.focus() : (location.href = "/search"), "?": help, j: () => step(1), k: () => step(-1) }[combined];
		if (act) { event.preventDefault(); act(); }
	});

	// The board
	const board = () => $("[data-board]");
	const cardOf = (el) => el && el.closest && el.closest("[data-board] .card");
	const place = (card) => ({ list: card.parentElement, next: card.nextElementSibling });
	function where(card) {
		const all = $$(".card:not(.ghost)", card.parentElement);
		return `${card.closest(".column").dataset.name}, place ${all.indexOf(card) + 1} of ${all.length}`;
	}
	function back(card, from) { from.list.insertBefore(card, from.next); }
	function commit(card, from) {
		const now = place(card);
		if (now.list === from.list && now.next === from.next) return;
		const root = board(), key = card.dataset.card, left = root.scrollLeft;
		announce(`${key} was put into ${where(card)}`);
		const values = { status: card.closest(".column").dataset.column, before: now.next ? now.next.dataset.card : "", return: "board" };
		values[root.dataset.csrfField] = root.dataset.csrfToken;
		const undo = () => { if (card.isConnected) back(card, from); };
		document.addEventListener("htmx:responseError", undo, { once: true });
		document.addEventListener("htmx:sendError", undo, { once: true });
		const inside = card.contains(document.activeElement);
		htmx.ajax("POST", `/tasks/${encodeURIComponent(key)}/move`, { target: "#board", select: "#board", swap: "outerHTML", values })
			.finally(() => {
				document.removeEventListener("htmx:responseError", undo);
				document.removeEventListener("htmx:sendError", undo);
				if (board()) board().scrollLeft = left;
				if (inside && document.activeElement === document.body) document.getElementById("card-" + key)?.focus({ preventScroll: true });
			});
	}

	let held = null; // the card that the keyboard holds
	function hold(card) {
		held = { card, from: place(card) };
		card.classList.add("held");
		announce(`${card.dataset.card} is picked up, in ${where(card)}. Arrow keys move it, Enter puts it down, Escape leaves it.`);
	}
	function release(keep) {
		const { card, from } = held;
		held = null;
		card.classList.remove("held");
		if (keep) { commit(card, from); return; }
		back(card, from);
		$(".card-title", card).focus();
		announce(`${card.dataset.card} stays in ${where(card)}`);
	}
	function shift(card, key) {
		const list = card.parentElement;
		if (key === "ArrowUp" && card.previousElementSibling) list.insertBefore(card, card.previousElementSibling);
		else if (key === "ArrowDown" && card.nextElementSibling) list.insertBefore(card, card.nextElementSibling.nextElementSibling);
		else if (key === "ArrowLeft" || key === "ArrowRight") {
			const lists = $$("[data-cards]"), to = lists[lists.indexOf(list) + (key === "ArrowLeft" ? -1 : 1)];
			if (!to) return false;
			to.insertBefore(card, to.children[[...list.children].indexOf(card)] || null);
		} else return false;
		return true;
	}
	function boardKey(event) {
		const card = cardOf(event.target);
		if (!card || event.ctrlKey || event.metaKey || event.altKey || !event.target.matches(".card-title")) return false;
		const arrow = event.key.startsWith("Arrow");
		if (held) {
			if (event.key === "Enter" || event.key === " ") { release(true); return true; }
			if (event.key === "Escape" || event.key === "Tab") { release(false); return event.key === "Escape"; }
			if (!arrow) return false;
			if (shift(held.card, event.key)) {
				$(".card-title", held.card).focus();
				held.card.scrollIntoView({ block: "nearest", inline: "nearest" });
				announce(where(held.card));
			}
			return true;
		}
		if (event.key === "m") { hold(card); return true; }
		if (!arrow) return false;
		const list = card.parentElement, at = [...list.children].indexOf(card), lists = $$("[data-cards]");
		let to = null;
		if (event.key === "ArrowDown") to = card.nextElementSibling;
		else if (event.key === "ArrowUp") to = card.previousElementSibling;
		else {
			const by = event.key === "ArrowLeft" ? -1 : 1;
			for (let i = lists.indexOf(list) + by; lists[i] && !to; i += by) to = lists[i].children[Math.min(at, lists[i].children.length - 1)];
		}
		if (to) $(".card-title", to).focus();
		return true;
	}

	// The dialog behind the small button of a card
	document.addEventListener("click", (event) => {
		const opener = event.target.closest && event.target.closest("[data-board] [data-move]");
		const dialog = $("#move");
		if (opener && dialog) {
			event.preventDefault();
			const card = cardOf(opener);
			dialog.dataset.card = card.dataset.card;
			$("[data-move-key]", dialog).textContent = card.dataset.card;
			for (const button of $$("[data-to]", dialog)) button.disabled = button.dataset.to === card.closest(".column").dataset.column;
			dialog.showModal();
			return;
		}
		const chosen = event.target.closest && event.target.closest("#move [data-to], #move [data-shift]");
		if (!chosen) return;
		const card = $(`.card[data-card="${CSS.escape(dialog.dataset.card)}"]`);
		dialog.close();
		if (!card) return;
		const from = place(card);
		if (chosen.dataset.to) $(`.column[data-column="${CSS.escape(chosen.dataset.to)}"] [data-cards]`).append(card);
		else shift(card, chosen.dataset.shift === "up" ? "ArrowUp" : "ArrowDown");
		$(".card-title", card).focus();
		commit(card, from);
	});

	// Drag and drop. A mouse starts at once, a finger after a short rest, so that it can still scroll.
	let drag = null;
	function startDrag() {
		const { card, x, y } = drag, box = card.getBoundingClientRect();
		clearTimeout(drag.timer);
		drag.on = true;
		drag.from = place(card);
		drag.dx = x - box.left;
		drag.dy = y - box.top;
		drag.ghost = card.cloneNode(true);
		drag.ghost.classList.add("ghost");
		drag.ghost.setAttribute("aria-hidden", "true");
		for (const el of $$("[id]", drag.ghost)) el.removeAttribute("id");
		drag.ghost.style.width = box.width + "px";
		document.body.append(drag.ghost);
		card.classList.add("gap");
		document.documentElement.classList.add("dragging");
		follow();
		drag.frame = requestAnimationFrame(scrollAlong);
	}
	function follow() {
		drag.ghost.style.transform = `translate(${drag.x - drag.dx}px, ${drag.y - drag.dy}px)`;
		const under = document.elementFromPoint(drag.x, drag.y);
		const column = under && under.closest("[data-board] .column");
		for (const other of $$(".column.target")) if (other !== column) other.classList.remove("target");
		if (!column) return;
		column.classList.add("target");
		const list = $("[data-cards]", column);
		const next = [...list.children].find((other) => {
			if (other === drag.card) return false;
			const box = other.getBoundingClientRect();
			return drag.y < box.top + box.height / 2;
		}) || null;
		if (drag.card.parentElement !== list || drag.card.nextElementSibling !== next) { if (next !== drag.card) list.insertBefore(drag.card, next); }
	}
	function scrollAlong() {
		if (!drag || !drag.on) return;
		const root = board(), box = root.getBoundingClientRect(), rim = 56;
		const pull = (near, far) => near < rim ? -(rim - near) / 5 : far < rim ? (rim - far) / 5 : 0;
		root.scrollLeft += pull(drag.x - box.left, box.right - drag.x);
		window.scrollBy(0, pull(drag.y - 60, innerHeight - drag.y));
		drag.frame = requestAnimationFrame(scrollAlong);
	}
	function endDrag(keep) {
		if (!drag) return;
		const done = drag;
		drag = null;
		clearTimeout(done.timer);
		if (!done.on) return;
		cancelAnimationFrame(done.frame);
		done.ghost.remove();
		done.card.classList.remove("gap");
		document.documentElement.classList.remove("dragging");
		$$(".column.target").forEach((column) => column.classList.remove("target"));
		const stop = (event) => { event.preventDefault(); event.stopPropagation(); };
		document.addEventListener("click", stop, { capture: true, once: true });
		setTimeout(() => document.removeEventListener("click", stop, true), 50);
		if (keep) commit(done.card, done.from); else back(done.card, done.from);
	}
	document.addEventListener("pointerdown", (event) => {
		const card = cardOf(event.target);
		if (!card || event.button !== 0 || held || event.target.closest(".card-move")) return;
		drag = { card, x: event.clientX, y: event.clientY, x0: event.clientX, y0: event.clientY, id: event.pointerId, touch: event.pointerType === "touch" };
		if (drag.touch) drag.timer = setTimeout(startDrag, 320);
	});
	document.addEventListener("pointermove", (event) => {
		if (!drag || event.pointerId !== drag.id) return;
		drag.x = event.clientX;
		drag.y = event.clientY;
		if (drag.on) { follow(); return; }
		const far = Math.hypot(drag.x - drag.x0, drag.y - drag.y0);
		if (drag.touch && far > 8) endDrag(false);
		else if (!drag.touch && far > 5) startDrag();
	});
	document.addEventListener("pointerup", (event) => { if (drag && event.pointerId === drag.id) endDrag(true); });
	document.addEventListener("pointercancel", () => endDrag(false));
	document.addEventListener("dragstart", (event) => { if (cardOf(event.target)) event.preventDefault(); });
	document.addEventListener("contextmenu", (event) => { if (drag && drag.touch) event.preventDefault(); });
	document.addEventListener("touchmove", (event) => { if (drag && drag.on) event.preventDefault(); }, { passive: false });
	document.addEventListener("keydown", (event) => { if (event.key === "Escape" && drag && drag.on) { event.preventDefault(); endDrag(false); } }, true);

	// Mentions: a list of people while an @ is being written
	let mention = null;
	function endMention() {
		if (!mention) return;
		mention.list.remove();
		for (const name of ["aria-controls", "aria-activedescendant", "aria-autocomplete"]) mention.area.removeAttribute(name);
		mention = null;
	}
	function choose(li) {
		const { area, start } = mention, end = area.selectionStart;
		area.setRangeText("@" + li.dataset.handle + " ", start, end, "end");
		endMention();
		area.focus();
	}
	function mark(at) {
		const all = [...mention.list.children];
		mention.at = (at + all.length) % all.length;
		all.forEach((li, i) => li.setAttribute("aria-selected", String(i === mention.at)));
		mention.area.setAttribute("aria-activedescendant", all[mention.at].id);
		all[mention.at].scrollIntoView({ block: "nearest" });
	}
	document.addEventListener("input", (event) => {
		const area = event.target;
		if (!area.matches || !area.matches("[data-mentions]")) return;
		const found = /(?:^|[\s(])@([\p{L}\p{N}._-]*)$/u.exec(area.value.slice(0, area.selectionStart));
		const people = found ? $$("#mentionable li").filter((li) => (li.dataset.handle + " " + li.textContent).toLowerCase().includes(found[1].toLowerCase())).slice(0, 8) : [];
		endMention();
		if (!people.length) return;
		const list = document.createElement("ul");
		list.className = "suggest";
		list.id = "suggest";
		list.setAttribute("role", "listbox");
		list.setAttribute("aria-label", "People");
		people.forEach((person, i) => {
			const li = document.createElement("li");
			li.id = "suggest-" + i;
			li.setAttribute("role", "option");
			li.dataset.handle = person.dataset.handle;
			li.textContent = `${person.textContent} @${person.dataset.handle}`;
			li.addEventListener("pointerdown", (e) => { e.preventDefault(); choose(li); });
			list.append(li);
		});
		area.parentElement.append(list);
		area.setAttribute("aria-controls", "suggest");
		area.setAttribute("aria-autocomplete", "list");
		mention = { area, list, at: 0, start: area.selectionStart - found[1].length - 1 };
		mark(0);
		announce(`${people.length} ${people.length === 1 ? "person" : "people"}`);
	});
	document.addEventListener("keydown", (event) => {
		if (!mention || event.target !== mention.area) return;
		if (event.key === "ArrowDown") mark(mention.at + 1);
		else if (event.key === "ArrowUp") mark(mention.at - 1);
		else if (event.key === "Enter" || event.key === "Tab") choose(mention.list.children[mention.at]);
		else if (event.key === "Escape") endMention();
		else return;
		event.preventDefault();
		event.stopPropagation();
	}, true);
	document.addEventListener("focusout", (event) => { if (mention && event.target === mention.area) setTimeout(endMention, 100); });

	$(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
	focusProblem();
})();
