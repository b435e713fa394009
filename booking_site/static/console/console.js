"use strict";
// What the stock admin pages lack. No page does anything by itself.
{
    // A form that writes is sent once, however often the button is pressed.
    document.addEventListener("submit", (event) => {
        if (event.target.method === "post" && event.target.id === "step_form") {
            for (const button of event.target.querySelectorAll("input[type=submit]")) {
                setTimeout(() => { button.disabled = true; }, 0);
            }
        }
    });
    window.addEventListener("pageshow", () => {
        for (const button of document.querySelectorAll("#step_form input[type=submit]")) {
            button.disabled = false;
        }
    });

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
    if ($) {
        // Department, doctor and day narrow the slots that the booking form offers.
        $.ajaxPrefilter((options) => {
            if (!/(^|&)field_name=slot(&|$)/.test(options.data)) {
                return;
            }
            for (const name of ["department", "doctor", "date"]) {
                const field = document.getElementById(`id_${name}`);
                if (field && field.value) {
                    options.data += `&${name}=${encodeURIComponent(field.value)}`;
                }
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
                        part.setAttribute("aria-label", `${label(select)}: ${chosen || "none chosen"}`);
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
