"use strict";
// A search box with a list of what the server offers: the combobox of the WAI-ARIA Authoring Practices (list
// autocomplete, the only offer selected by itself). Arrows, Enter, Escape; the newest answer only.
{
    let boxes = 0;

    // offers(text) resolves to [{value, text, name, about}]; chosen(offer) is told what is chosen, and typed() that
    // something else is typed by now. ``more``: an offer that always stands last.
    window.combobox = (input, {offers, chosen, typed, more, count, none}) => {
        const id = `offers-${++boxes}`;
        const list = document.createElement("ul");
        const said = document.createElement("p");
        list.id = id;
        list.className = "offers-list";
        list.hidden = true;
        list.setAttribute("role", "listbox");
        list.setAttribute("aria-label", input.labels[0].textContent.trim());
        said.className = "offers-said";
        said.setAttribute("role", "status");
        input.parentElement.classList.add("combobox");
        input.after(list, said);
        for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", id], ["aria-expanded", "false"]]) {
            input.setAttribute(name, value);
        }
        let shown = [], active = -1, timer, asked = 0;

        const close = () => {
            said.textContent = "";
            clearTimeout(timer);
            asked += 1; // what is still to come is not wanted any more
            list.hidden = true;
            active = -1;
            input.setAttribute("aria-expanded", "false");
            input.removeAttribute("aria-activedescendant");
        };
        const mark = (number) => {
            active = number;
            [...list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === active)));
            if (active < 0) {
                input.removeAttribute("aria-activedescendant");
            } else {
                input.setAttribute("aria-activedescendant", list.children[active].id);
                list.children[active].scrollIntoView({block: "nearest"});
            }
        };
        const take = (number) => {
            const offer = shown[number];
            close();
            chosen(offer, input.value.trim());
        };
        const option = (offer, number) => {
            const item = document.createElement("li");
            item.id = `${id}-${number}`;
            item.setAttribute("role", "option");
            const name = document.createElement("b");
            name.textContent = offer.name;
            item.append(name);
            for (const fact of offer.about) {
                const part = document.createElement("span");
                part.className = "fact";
                part.textContent = fact;
                item.append(" ", part);
            }
            item.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
            item.addEventListener("click", () => take(number));
            return item;
        };
        const show = (found) => {
            shown = more && input.value.trim() ? [...found, more] : found;
            list.replaceChildren(...shown.map(option));
            list.hidden = !shown.length;
            input.setAttribute("aria-expanded", String(!list.hidden));
            said.textContent = found.length ? `${count} ${found.length}` : none;
            said.classList.toggle("visually-hidden", found.length > 0);
            mark(found.length === 1 ? 0 : -1);
        };
        const ask = async () => {
            const mine = ++asked;
            const found = await offers(input.value.trim());
            if (mine === asked && found && document.activeElement === input) {
                show(found);
            }
        };
        input.addEventListener("input", () => {
            clearTimeout(timer);
            typed();
            if (!input.value.trim()) {
                close();
                return;
            }
            asked += 1;
            timer = setTimeout(ask, 150);
        });
        input.addEventListener("keydown", (event) => {
            const isOpen = !list.hidden;
            const last = shown.length - 1;
            const moves = {ArrowDown: active >= last ? 0 : active + 1, ArrowUp: active <= 0 ? last : active - 1};
            if (event.key === "ArrowDown" || event.key === "ArrowUp") {
                event.preventDefault();
                if (isOpen) {
                    mark(moves[event.key]);
                } else {
                    ask();
                }
            } else if (event.key === "Enter") {
                event.preventDefault();
                if (isOpen && active >= 0) {
                    take(active);
                } else {
                    clearTimeout(timer);
                    ask();
                }
            } else if (event.key === "Escape" && isOpen) {
                event.preventDefault();
                close();
            } else if (event.key === "Tab" && isOpen && active >= 0) {
                take(active);
            }
        });
        input.addEventListener("blur", close);
        if (document.activeElement === input && input.value !== input.defaultValue) {
            ask(); // somebody who types fast has begun before this script had come
        }
    };

    // What was typed of somebody who is not found, as fields of a new patient: a phone number, or names.
    window.asNewPatient = (text) => {
        const words = text.split(/\s+/);
        return (text.match(/\d/g) || []).length >= 5 ? {phone: text}
            : {last_name: words.pop(), first_name: words.join(" ")};
    };
}
