"use strict";
// Whom a walk-in is for: offered while somebody types, or registered on the spot. Without this script the same in whole
// pages.
{
    const who = document.getElementById("walk-in-who");
    const form = document.getElementById("step_form");
    const box = who.querySelector("[data-box]");
    const field = (name) => form.querySelector(`[name="${name}"]`);
    const isNew = field("is_new");
    who.classList.add("scripted");
    who.querySelector("[name=look]").remove(); // else Enter in any field would press it

    const set = (value) => {
        const patient = field("patient");
        if (patient.value !== value) {
            patient.value = value;
            patient.parentElement.replaceChildren(patient); // what was said of the one before
            patient.dispatchEvent(new Event("change", {bubbles: true}));
        }
    };
    const begin = (text) => {
        isNew.checked = true;
        for (const [name, value] of Object.entries(window.asNewPatient(text))) {
            field(`new-${name}`).value = value;
        }
        field("new-first_name").focus();
    };
    window.combobox(box, {
        count: box.dataset.count,
        none: box.dataset.none,
        more: box.dataset.new && {name: box.dataset.new, about: [], value: ""},
        offers: async (text) => {
            const body = new FormData();
            body.set("what", "patient");
            body.set("q", text);
            body.set("csrfmiddlewaretoken", field("csrfmiddlewaretoken").value);
            const answer = await fetch(who.dataset.find, {method: "POST", body}).catch(() => null);
            return answer && answer.ok ? (await answer.json()).offered : null;
        },
        typed: () => set(""),
        chosen: (offer, text) => {
            if (!offer.value) {
                set("");
                begin(text);
                return;
            }
            box.value = offer.text;
            if (isNew) {
                isNew.checked = false;
            }
            set(offer.value);
        },
    });
    if (isNew) {
        isNew.addEventListener("change", () => {
            if (isNew.checked) {
                set("");
                field("new-first_name").focus();
            }
        });
    }
}
