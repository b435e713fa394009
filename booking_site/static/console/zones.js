"use strict";
// The name of a zone stands beside a time only where it tells something: where the clock of that place shows another
// time than this browser's would. What is meant is in the page either way, and without this script every name is seen.
{
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const clocks = new Map();
    const clock = (zone) => {
        if (!clocks.has(zone)) {
            clocks.set(zone, new Intl.DateTimeFormat("en", {timeZone: zone, dateStyle: "short", timeStyle: "medium"}));
        }
        return clocks.get(zone);
    };
    const HALF_A_YEAR = 183 * 24 * 3600 * 1000;
    // Of hours that recur, summer and winter count.
    const moments = (time) => time ? [new Date(time.dateTime)] : [new Date(), new Date(Date.now() + HALF_A_YEAR)];
    const told = (name) => {
        try {
            const [there, ours] = [clock(name.dataset.zone), clock(here)];
            return moments(name.closest("time")).every((moment) => there.format(moment) === ours.format(moment));
        } catch {
            return false;  // a zone that this browser does not know
        }
    };
    const look = () => {
        for (const name of document.querySelectorAll("[data-zone]:not([data-looked])")) {
            name.dataset.looked = "";
            name.hidden = name.dataset.zone === here || told(name);
        }
        const note = document.getElementById("zone-note");
        note.querySelector("b").textContent = here;
        note.hidden = document.querySelector("[data-zone]:not([hidden])") === null;
    };
    look();
    new MutationObserver(look).observe(document.getElementById("content-start"), {childList: true, subtree: true});
}
