"use strict";
// Today: keeps the page as the day is, takes steps without leaving it, and offers to undo them.
{
    const $ = (id) => document.getElementById(id);
    const {config, sections, now} = JSON.parse($("today-data").textContent);
    const texts = config.texts;
    const token = $("today-token").elements.csrfmiddlewaretoken.value;
    const fill = (text, value) => text.replace("%s", value);
    let skew = now - Date.now(); // the server's clock against this one
    let etag = "";

    // --- what is told ------------------------------------------------------------------------------------------

    const trouble = (text) => {
        $("today-trouble").textContent = text;
        $("today-trouble").hidden = !text;
    };
    let undo = null;
    const toast = (text, how) => {
        undo = how || null;
        $("today-toast").hidden = !text;
        $("today-toast").querySelector("span").textContent = text;
        $("today-undo").hidden = !undo;
    };
    $("today-toast-close").addEventListener("click", () => toast(""));
    $("today-undo").addEventListener("click", async () => {
        const how = undo;
        toast("");
        if (how) {
            await how();
        }
    });

    // Minutes go by in the browser; the server need not say so.
    const dayIn = (zone) => new Intl.DateTimeFormat("en-CA", {timeZone: zone}).format(Date.now() + skew); // 2026-11-28
    const tick = () => {
        if (config.isToday && dayIn(config.zone) !== config.day && !document.querySelector("dialog[open]")) {
            window.location.replace(config.home); // a new day has begun
        }
        for (const mark of document.querySelectorAll("#today [data-since]")) {
            const minutes = Math.floor((Date.now() + skew - Number(mark.dataset.since)) / 60000);
            const text = fill(texts[mark.dataset.say], minutes);
            const words = mark.querySelector(".minutes");
            if (words.textContent !== text) {
                words.textContent = text;
            }
            mark.hidden = mark.dataset.say === "booked" && minutes < 1;
            const isLong = Boolean(mark.dataset.alert) && minutes >= Number(mark.dataset.alert);
            const waits = mark.closest("#today-queue .who");
            if (isLong && waits && !mark.classList.contains("is-long")) {
                $("today-said").textContent = `${waits.querySelector("bdi")?.textContent || ""} ${texts.long}`.trim();
            }
            mark.classList.toggle("is-long", isLong);
        }
    };

    // --- the parts of the page ---------------------------------------------------------------------------------

    const last = {};
    const reachable = (row) => row ? [...row.querySelectorAll("a[href], button")] : [];
    const swap = (name, html) => {
        const piece = $(`today-${name}`);
        if (!piece || last[name] === html) {
            return;
        }
        last[name] = html;
        const active = piece.contains(document.activeElement) ? document.activeElement : null;
        const row = active && active.closest("[data-key]");
        const place = row ? reachable(row).indexOf(active) : active ? reachable(piece).indexOf(active) : -1;
        piece.innerHTML = html;
        if (active) {
            const again = row ? piece.querySelector(`[data-key="${CSS.escape(row.dataset.key)}"]`) : piece;
            const places = reachable(again);
            (places[place] || places[0] || piece).focus({preventScroll: true});
        }
    };

    // Who is where: what has changed since is said aloud.
    const statesOf = (data) => {
        const states = new Map();
        for (const section of data.sections) {
            for (const item of section.items) {
                states.set(item.key, [item.kind, `${item.clock} ${item.who || item.word}, ${item.doctor_name}`]);
            }
        }
        for (const row of document.querySelectorAll("#today-list [data-kind]")) {
            states.set(row.dataset.key, [row.dataset.kind, row.dataset.name]);
        }
        return states;
    };
    const SILENT = new Set(["past", "shut", "withdrawn"]);
    let known = statesOf({sections});
    const announce = (data) => {
        const states = statesOf(data);
        const said = [];
        for (const [key, [kind, name]] of states) {
            if (!SILENT.has(kind) && (!known.has(key) || known.get(key)[0] !== kind)) {
                said.push(`${name}: ${config.kinds[kind]}`);
            }
        }
        for (const [key, [kind, name]] of known) {
            if (key.startsWith("a") && !states.has(key) && !SILENT.has(kind)) {
                said.push(`${name}: ${texts.gone}`);
            }
        }
        known = states;
        if (said.length) {
            $("today-said").textContent = said.length > 3 ? fill(texts.changes, said.length) : said.join(". ");
        }
    };

    const board = window.todayBoard && window.todayBoard($("today-boards"), config, {
        open: (item) => open(item),
        book: (item) => { window.location.assign(`${config.add}?slot=${item.id}`); },
        move: (item, seat) => confirmMove(item, seat),
        tell: (text) => toast(text),
    });
    const show = (data) => {
        skew = data.now - Date.now();
        for (const [name, html] of Object.entries(data.pieces || {})) {
            swap(name, html);
        }
        if (board) {
            board.draw(data.sections);
        }
        if (panel.open) { // what it offers is no longer what can be done
            const item = data.sections.flatMap((section) => section.items).find(({key}) => key === opened.key);
            if (item && item.version !== opened.version) {
                open(item);
            }
        }
        tick();
    };

    // --- refreshing --------------------------------------------------------------------------------------------

    let timer, asking = null;
    const refresh = async () => {
        clearTimeout(timer);
        if (asking) {
            return asking;
        }
        asking = (async () => {
            try {
                const answer = await fetch(config.data, {headers: {"If-None-Match": etag}, cache: "no-store"});
                if (answer.status === 401) {
                    trouble(texts.ended);
                } else if (answer.status === 304) {
                    trouble("");
                } else if (answer.ok && !answer.redirected) {
                    const data = await answer.json();
                    if (!(board && board.isBusy())) {
                        etag = answer.headers.get("ETag");
                        show(data);
                        announce(data);
                    }
                    trouble("");
                } else {
                    trouble(texts.away);
                }
            } catch {
                trouble(texts.away);
            }
            tick();
        })();
        await asking;
        asking = null;
        clearTimeout(timer);
        if (!document.hidden) {
            timer = setTimeout(refresh, config.every * 1000);
        }
        return null;
    };
    const refreshNow = async () => {
        if (asking) {
            await asking; // that one may have been asked before the change
        }
        await refresh();
    };
    document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
            clearTimeout(timer);
        } else {
            refresh();
        }
    });

    // --- steps -------------------------------------------------------------------------------------------------

    const post = async (url, fields) => {
        const body = new URLSearchParams({...fields, csrfmiddlewaretoken: token});
        try {
            const answer = await fetch(url, {method: "POST", body, headers: {Accept: "application/json"}});
            const said = await answer.json();
            if (answer.ok) {
                return said;
            }
            toast(said.detail);
        } catch {
            toast(texts.away);
        }
        await refreshNow();
        return null;
    };
    const stepUrl = (id, version) => `${config.step.replace("ID", id)}?version=${version}`;
    const undoStep = (done) => async () => {
        const answer = await post(stepUrl(done.id, done.version), {step: "undo"});
        if (answer) {
            toast(answer.detail);
            await refreshNow();
        }
    };
    let busy = false;
    document.addEventListener("submit", async (event) => {
        const button = event.submitter;
        if (!button || button.name !== "step" || !event.target.closest("#today")) {
            return;
        }
        event.preventDefault();
        if (busy) {
            return;
        }
        busy = true;
        const done = await post(button.formAction, {step: button.value});
        panel.close();
        if (done) {
            toast(done.detail, button.value === "undo" ? null : undoStep(done));
            await refreshNow();
        }
        busy = false;
    });

    // --- the panel of an appointment ---------------------------------------------------------------------------

    const panel = $("today-panel");
    let opened = null;
    const open = async (item) => {
        opened = item;
        try {
            const answer = await fetch(config.panel.replace("ID", item.id));
            if (!answer.ok || answer.redirected) {
                toast((await answer.json()).detail);
                return;
            }
            panel.querySelector(".panel-body").innerHTML = await answer.text();
            if (!panel.open) {
                panel.showModal();
            }
        } catch {
            toast(texts.away);
        }
    };

    // --- moving ------------------------------------------------------------------------------------------------

    const question = $("today-move");
    const confirmMove = (item, seat) => {
        const place = ({clock, doctor_name: doctor, what, minutes}) => (
            [clock, doctor, what, fill(texts.minutes, minutes)].filter(Boolean).join(", "));
        const parts = {who: item.who || item.word, from: place(item), to: place(seat)};
        for (const [name, text] of Object.entries(parts)) {
            question.querySelector(`[data-part=${name}]`).textContent = text;
        }
        $("move-differs").hidden = item.what === seat.what && item.minutes === seat.minutes;
        question.returnValue = "";
        question.showModal();
        question.addEventListener("close", async () => {
            if (question.returnValue !== "move") {
                return;
            }
            const moved = await post(config.move, {appointment: item.id, slot: seat.id, version: item.version});
            if (moved) {
                toast(fill(texts.moved, `${parts.who}, ${moved.detail}`), async () => {
                    const back = {appointment: moved.id, slot: item.slot, version: moved.version};
                    if (await post(config.move, back)) {
                        toast(texts.undone);
                        await refreshNow();
                    }
                });
                await refreshNow();
            }
        }, {once: true});
    };

    // --- keys --------------------------------------------------------------------------------------------------

    const KEYS = {b: "as-board", l: "as-list", t: "today-link"};
    document.addEventListener("keydown", (event) => {
        const typing = event.target.closest("input, select, textarea, [contenteditable], dialog");
        if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
            return;
        }
        const find = $("desk-find");
        if (event.key === "/" && find) {
            event.preventDefault();
            find.focus();
        } else if (event.key === "n" && config.mayBook) {
            window.location.assign(config.add);
        } else if (KEYS[event.key]) {
            $(KEYS[event.key]).click();
        }
    });

    if (board) {
        board.draw(sections);
    }
    tick();
    timer = setTimeout(refresh, config.every * 1000);
}
