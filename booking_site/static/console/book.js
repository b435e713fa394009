"use strict";
// Booking and moving by keyboard. Without this script the same form does the same in whole pages: here a change asks for
// the parts of the page that follow from it, the chosen seat is held while the page is open, and digits choose a time.
{
    const form = document.getElementById("book_form");
    const button = document.getElementById("book_button");
    const RENEW = 120_000; // ms between renewals of the hold, of five minutes
    const AWAY = 900_000; // ms after the last key or click: then the hold is left to end
    const field = (name) => form.querySelector(`[name="${name}"]`);
    const time = () => form.querySelector("[name=slot]:checked");
    const trouble = document.getElementById("book-trouble");
    const isBooking = Boolean(field("who"));
    form.classList.add("scripted");

    const again = document.getElementById("book-sign-in");
    const complain = (text, hasEnded = false) => {
        trouble.querySelector("span").textContent = text;
        trouble.hidden = !text;
        again.hidden = !hasEnded;
    };
    const post = async (address, body, headers = {}) => {
        body.set("csrfmiddlewaretoken", field("csrfmiddlewaretoken").value);
        try {
            const answer = await fetch(address, {method: "POST", body, headers});
            if (answer.ok) {
                return answer;
            }
            if (answer.status === 401) {
                complain(form.dataset.ended, true);
                return null;
            }
            const isJson = (answer.headers.get("Content-Type") || "").includes("json");
            complain(isJson ? (await answer.json()).detail : form.dataset.lost);
        } catch {
            complain(form.dataset.lost);
        }
        return null;
    };

    // --- what follows from what is chosen ---------------------------------------------------------------------------

    // One question at a time, and the newest of those that wait: a seat is held and given up in the order of choosing.
    let working = Promise.resolve(), waiting = 0, wanted = {};
    const look = (extra = {}) => {
        const mine = ++waiting;
        wanted = {...wanted, ...extra};
        working = working.then(() => (mine === waiting ? follow() : undefined));
        return working;
    };
    const follow = async () => {
        const sent = new FormData(form);
        for (const [name, value] of Object.entries({look: "yes", ...wanted})) {
            sent.set(name, value);
        }
        wanted = {};
        const chosen = time();
        if (chosen) {
            field("held").value = chosen.value; // also if the answer gets lost
        }
        const answer = await post(form.action, sent, {"X-Part": "yes"});
        if (answer) {
            complain("");
            put(await answer.text(), sent.get("slot"));
        }
    };
    const put = (html, slot) => {
        const parts = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-part]");
        const newer = time() && time().value !== slot ? time().value : null; // chosen while the answer was on its way
        for (const part of parts) {
            const old = document.getElementById(part.id);
            const focused = old.contains(document.activeElement) ? document.activeElement : null;
            if (old.outerHTML !== part.outerHTML) {
                old.replaceWith(part);
                if (focused) {
                    refocus(part, focused);
                }
            }
        }
        const chosen = newer && form.querySelector(`[name=slot][value="${newer}"]`);
        if (chosen) {
            chosen.checked = true;
        }
        count();
        name();
    };
    // The hold, counted from when the answer came: the clocks of the server and of this machine may differ.
    let ends = 0;
    const held = () => form.querySelector("[data-held]");
    const count = () => { ends = Date.now() + (held() ? held().dataset.held * 1000 : 0); };
    setInterval(() => {
        if (held() && Date.now() >= ends && !held().hasAttribute("role")) {
            held().setAttribute("role", "alert");
            held().textContent = held().dataset.over;
        }
    }, 1000);
    const refocus = (part, before) => {
        const same = before.id ? document.getElementById(before.id)
            : part.querySelector(`[name="${before.name}"][value="${before.value}"]`);
        (same || part.querySelector("[name=slot]:checked, [name=slot], button") || button).focus();
    };
    const name = () => {
        const isNew = field("is_new") && field("is_new").checked && !field("patient").value;
        if (isBooking) {
            button.value = isNew ? button.dataset.register : button.dataset.book;
        }
        // For whoever sits in another time zone than the site.
        for (const radio of form.querySelectorAll("[name=slot]")) {
            const moment = new Date(radio.dataset.at);
            const clock = (zone) => new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", timeZone: zone}).format(moment);
            const here = clock(undefined);
            if (here !== clock(radio.dataset.site)) {
                const note = radio.parentElement.querySelector("[data-for-you]");
                note.textContent = note.dataset.forYou.replace("%s", here);
                note.hidden = false;
            }
        }
        const cells = [...form.querySelectorAll(".calendar td button")];
        const current = cells.find((cell) => cell.hasAttribute("aria-current")) || cells[0];
        for (const cell of cells) {
            cell.tabIndex = cell === current ? 0 : -1;
        }
    };

    // --- the two search boxes ---------------------------------------------------------------------------------------

    const onward = () => {
        const next = isBooking && !field("patient").value && !(field("is_new") && field("is_new").checked) ? field("who")
            : !field("of").value && !field("visit_type").value ? field("whose")
                : time() ? button : form.querySelector("[name=slot]") || field("whose");
        next.focus();
        if (next.type === "search") {
            next.select();
        }
    };
    const begin = (text) => {
        field("is_new").checked = true;
        for (const [key, value] of Object.entries(window.asNewPatient(text))) {
            field(`new-${key}`).value = value;
        }
        name();
        field("new-first_name").focus();
        look();
    };
    for (const box of form.querySelectorAll("[data-box]")) {
        const value = () => field(box.dataset.value);
        window.combobox(box, {
            count: box.dataset.count,
            none: box.dataset.none,
            more: box.dataset.new && {name: box.dataset.new, about: [], value: ""},
            offers: async (text) => {
                const body = new FormData();
                body.set("what", box.dataset.box);
                body.set("q", text);
                const answer = await post(form.dataset.find, body);
                return answer && (await answer.json()).offered;
            },
            typed: () => {
                if (value().value) {
                    value().value = "";
                    look();
                }
            },
            chosen: async (offer, text) => {
                if (!offer.value) {
                    begin(text);
                    return;
                }
                value().value = offer.value;
                box.value = offer.text;
                if (box.name === "who" && field("is_new")) {
                    field("is_new").checked = false;
                }
                await look(box.name === "whose" ? {day: ""} : {});
                onward();
            },
        });
        box.addEventListener("change", () => {
            if (!box.value.trim()) {
                look();
            }
        });
    }

    // --- times, days, and the other fields --------------------------------------------------------------------------

    let soon, isReady = false; // to be sent as a whole
    form.addEventListener("change", (event) => {
        const {name: changed, value} = event.target;
        if (["reason", "is_urgent", "who", "whose"].includes(changed)) {
            return;
        }
        if (changed === "found_patient") {
            field("patient").value = value;
        }
        clearTimeout(soon);
        soon = setTimeout(look, changed === "slot" ? 200 : 0);
        if (changed === "is_new") {
            name();
            if (event.target.checked) {
                field("patient").value = "";
                field("new-first_name").focus();
            }
        }
    });
    const settled = () => {
        clearTimeout(soon);
        return look();
    };
    // The whole form goes to the page to sign in on, which brings it back as it was.
    again.addEventListener("click", (event) => {
        event.stopPropagation();
        isReady = true;
    });
    form.addEventListener("click", (event) => {
        const pressed = event.target.closest("button[name=day], button[name=goto], button[name=look]");
        if (pressed) {
            event.preventDefault();
            look({[pressed.name]: pressed.value}).then(() => {
                if (pressed.name === "day") {
                    (form.querySelector("[name=slot]:checked") || form.querySelector("[name=slot]") || pressed).focus();
                }
            });
        }
    });
    const choose = (radio) => {
        radio.checked = true;
        button.focus();
        settled();
    };
    form.addEventListener("keydown", (event) => {
        const {target, key} = event;
        const isTyping = target.matches("input:not([type=radio], [type=checkbox], [type=submit]), textarea, select");
        const numbered = /^[1-9]$/.test(key) && !isTyping && !event.ctrlKey && !event.altKey && !event.metaKey
            && form.querySelector(`[name=slot][data-number="${key}"]`);
        if (numbered) {
            event.preventDefault();
            choose(numbered);
        } else if (key === "Enter" && target.name === "slot") {
            event.preventDefault();
            choose(target);
        } else if (target.closest(".calendar td")) {
            leaf(event);
        }
    });
    // The arrows walk through the days with free seats; Page Up and Page Down turn to other weeks.
    const leaf = (event) => {
        const cells = [...form.querySelectorAll(".calendar td button")];
        const at = cells.indexOf(event.target.closest("button"));
        const day = (cell) => Date.parse(cell.value);
        const week = 7 * 86_400_000;
        const below = cells.find((cell) => day(cell) >= day(cells[at]) + week);
        const above = cells.findLast((cell) => day(cell) <= day(cells[at]) - week);
        const to = {
            ArrowRight: cells[at + 1], ArrowLeft: cells[at - 1], ArrowDown: below, ArrowUp: above,
            Home: cells[0], End: cells.at(-1),
        }[event.key];
        const other = {PageDown: "[data-later]", PageUp: "[data-earlier]"}[event.key];
        if (to) {
            event.preventDefault();
            cells[at].tabIndex = -1;
            to.tabIndex = 0;
            to.focus();
        } else if (other) {
            event.preventDefault();
            const turn = form.querySelector(other);
            if (turn) {
                look({goto: turn.value}).then(() => (form.querySelector(".calendar td button") || field("whose")).focus());
            }
        }
    };

    // --- sending, once: not before the seat is held, and never by Enter in a field --------------------------------

    form.addEventListener("submit", (event) => {
        if (isReady) {
            isReady = false;
            clearTimeout(soon);
            leaving = true;
            return;
        }
        event.preventDefault();
        event.stopPropagation(); // the buttons stay as they are
        if (event.submitter !== button || button.disabled) {
            if (event.submitter !== button) {
                settled();
            }
            return;
        }
        const before = time() && time().value;
        button.disabled = true;
        working.then(() => setTimeout(() => { // not before this event has ended: a form is not sent while it is asked to
            button.disabled = false;
            if ((time() && time().value) === before || !before) {
                isReady = true;
                form.requestSubmit(button);
            } else {
                onward();
            }
        }));
    }, true);

    // --- the hold lives as long as somebody works, here or for a while in another window ----------------------------

    let leaving = false, active = Date.now();
    for (const kind of ["keydown", "pointerdown"]) {
        document.addEventListener(kind, () => { active = Date.now(); });
    }
    setInterval(() => {
        if (field("held").value && Date.now() - active < AWAY && !leaving) {
            look();
        }
    }, RENEW);
    document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "visible" && time() && !leaving && !form.hidden) {
            active = Date.now();
            look();
        }
    });
    window.addEventListener("pagehide", () => {
        if (field("held").value && !leaving) {
            const body = new FormData();
            for (const name of ["csrfmiddlewaretoken", "key", "held"]) {
                body.set(name, field(name).value);
            }
            fetch(form.dataset.release, {method: "POST", body, keepalive: true}).catch(() => {});
        }
    });

    // --- coming back: what is booked is not offered again ----------------------------------------------------------

    window.addEventListener("pageshow", async (event) => {
        leaving = isReady = false;
        const key = (history.state && history.state.form) || form.dataset.key;
        history.replaceState({...history.state, form: form.dataset.key}, "");
        const [visit] = performance.getEntriesByType("navigation");
        if (event.persisted || (visit && visit.type === "back_forward")) {
            const answer = await fetch(`${form.dataset.state}?key=${encodeURIComponent(key)}`).catch(() => null);
            const said = answer && answer.ok ? await answer.json() : {};
            if (said.done) {
                history.replaceState({...history.state, form: key}, "");
                const note = document.getElementById("already");
                note.querySelector("[data-already]").href = said.url;
                note.hidden = false;
                form.hidden = true;
                note.querySelector("[data-already]").focus();
                return;
            }
        }
        if (time() && (event.persisted || !wrong() || !field("held").value)) { // what was refused is not to vanish
            await settled();
        }
        if (wrong()) {
            correct(wrong());
        }
    });
    const wrong = () => form.querySelector("[aria-invalid=true], .errorlist, .candidates");
    const correct = (at) => {
        const first = at.matches("[aria-invalid]") ? at
            : at.matches(".candidates") ? at.querySelector("input")
                : at.closest("#part-who") ? field("who")
                    : at.closest("#part-when") ? form.querySelector("[name=slot]") || field("whose")
                        : at.closest("fieldset, div").querySelector("input, textarea");
        first.focus();
    };
    count();
    name();
}
