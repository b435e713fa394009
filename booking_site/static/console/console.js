"use strict";
// What the stock admin pages lack. No page does anything by itself.
{
    const NONE_CHOSEN = document.currentScript.dataset.noneChosen;  // texts come from the templates, to be translated
    const ONCE = "#step_form[method=post], form.once";
    // A form that writes is sent once, however often the button is pressed.
    document.addEventListener("submit", (event) => {
        if (event.target.matches(ONCE)) {
            for (const button of event.target.querySelectorAll("[type=submit]")) {
                setTimeout(() => { button.disabled = true; }, 0);
            }
            for (const status of event.target.querySelectorAll("[data-working]")) {
                status.textContent = status.dataset.working;
            }
        }
    });
    window.addEventListener("pageshow", () => {
        for (const form of document.querySelectorAll(ONCE)) {
            for (const button of form.querySelectorAll("[type=submit]")) {
                button.disabled = false;
            }
            for (const status of form.querySelectorAll("[data-working]")) {
                status.textContent = "";
            }
        }
    });

    document.addEventListener("click", (event) => {
        if (event.target.matches("[data-print]")) {
            window.print();
        }
    });

    // Links that say which keys lead there: Alt and a letter, wherever the cursor is. On a form that they lead to,
    // which may be half filled, they go back to its first box.
    document.addEventListener("keydown", (event) => {
        if (event.altKey && !event.ctrlKey && !event.metaKey && event.code.startsWith("Key")) {
            const way = document.querySelector(`a[aria-keyshortcuts="Alt+${event.code.slice(3)}"]`);
            if (way) {
                event.preventDefault();
                const boxes = way.hasAttribute("aria-current") ? document.querySelectorAll("#content-main input:not([type=hidden])") : [];
                const box = [...boxes].find((one) => one.offsetParent);
                if (box) {
                    box.focus();
                } else {
                    way.click();
                }
            }
        }
    });

    // The menu of all pages closes when something else is clicked, and with Escape.
    const menu = document.querySelector("nav.desk details");
    if (menu) {
        document.addEventListener("click", (event) => {
            if (!menu.contains(event.target)) {
                menu.open = false;
            }
        });
        menu.addEventListener("keydown", (event) => {
            if (event.key === "Escape" && menu.open) {
                menu.open = false;
                menu.querySelector("summary").focus();
            }
        });
    }

    // One tick for all the seats of a session.
    for (const all of document.querySelectorAll("input.tick-all")) {
        const boxes = all.closest("section").querySelectorAll("input[name=slots]");
        all.hidden = boxes.length < 2;
        all.addEventListener("change", () => {
            for (const box of boxes) {
                box.checked = all.checked;
            }
        });
    }

    const $ = window.django && window.django.jQuery;

    // Of a form, only what the choice in hand is about. (Without this script all of it is there.)
    for (const chooser of document.querySelectorAll("select[data-rows]")) {
        const rows = JSON.parse(chooser.dataset.rows);
        const all = new Set(Object.values(rows).flat());
        const show = () => {
            for (const name of all) {
                const row = chooser.form.querySelector(`.form-row.field-${name}`);
                if (row) {
                    row.hidden = !rows[chooser.value].includes(name);
                }
            }
        };
        chooser.addEventListener("change", show);
        show();
    }

    // A visit type brings its length, unless somebody has typed another.
    const kind = document.querySelector("select#id_visit_type");
    const length = document.getElementById("id_slot_minutes");
    if (kind && length) {
        let filled = "";
        const minutes = () => (kind.selectedOptions[0] && kind.selectedOptions[0].dataset.minutes) || "";
        length.placeholder = minutes();
        kind.addEventListener("change", () => {
            length.placeholder = minutes();
            if (length.value === filled) {
                length.value = filled = minutes();
            }
        });
    }

    // What follows from what has been typed so far, as the server says it; the newest answer only. data-live-form: the
    // id of the form, where it is not around the text; data-live-fields: what is asked with, where that is not all.
    for (const text of document.querySelectorAll("[data-live]")) {
        const form = document.getElementById(text.dataset.liveForm) || text.closest("form");
        const fields = text.dataset.liveFields && text.dataset.liveFields.split(" ");
        let timer, asked;
        const ask = async () => {
            const query = new URLSearchParams(new FormData(form));
            query.delete("csrfmiddlewaretoken");
            for (const name of fields ? [...query.keys()].filter((name) => !fields.includes(name)) : []) {
                query.delete(name);
            }
            const mine = asked = new AbortController();
            try {
                const glue = text.dataset.live.includes("?") ? "&" : "?";
                const answer = await fetch(`${text.dataset.live}${glue}${query}`, {signal: mine.signal});
                const said = answer.ok && !answer.redirected ? await answer.text() : "";
                if (mine === asked && said.trim() !== text.dataset.said) {
                    text.dataset.said = said.trim();
                    text.innerHTML = said;
                }
            } catch {
                // The next page shows it.
            }
        };
        const soon = () => {
            clearTimeout(timer);
            if (asked) {
                asked.abort();
            }
            timer = setTimeout(ask, 300);
        };
        form.addEventListener("input", soon);
        form.addEventListener("change", soon);
        if ($) {
            $(form).on("change", "select.admin-autocomplete", soon);  // says so to jQuery only
        }
        ask();
    }

    if ($) {
        // What is typed into an autocomplete is sent by POST, not in an address: with the token of the page.
        $.ajaxPrefilter((options, given, request) => {
            const token = document.querySelector("input[name=csrfmiddlewaretoken]");
            if (options.type === "POST" && !options.crossDomain && token) {
                request.setRequestHeader("X-CSRFToken", token.value);
            }
        });

        // Names for screen readers: the autocomplete builds its own boxes and does not label them.
        const label = (select) => {
            const text = document.querySelector(`label[for="${select.id}"]`);
            return text ? text.textContent.trim().replace(/:$/, "") : select.name;
        };
        const name = () => {
            for (const select of document.querySelectorAll("select.admin-autocomplete")) {
                const box = $(select).next(".select2-container").find("[role=combobox]")[0];
                if (box) {
                    const chosen = select.selectedOptions.length ? select.selectedOptions[0].textContent : "";
                    for (const part of [box, box.querySelector("[role=textbox]")]) {
                        part.removeAttribute("aria-labelledby");
                        part.setAttribute("aria-label", `${label(select)}: ${chosen || NONE_CHOSEN}`);
                    }
                }
            }
        };
        $(() => setTimeout(name, 0));
        $(document).on("change", "select.admin-autocomplete", name);
        $(document).on("select2:open", (event) => {
            const field = document.querySelector(".select2-container--open .select2-search__field");
            if (field) {
                field.setAttribute("aria-label", label(event.target));
                field.focus();
            }
            const list = document.querySelector(".select2-container--open .select2-results__options");
            const box = document.querySelector(".select2-container--open [role=combobox]");
            if (list && box) {
                list.setAttribute("aria-label", label(event.target));
                box.setAttribute("aria-controls", list.id);
                field.setAttribute("aria-controls", list.id);
            }
        });
    }
}
