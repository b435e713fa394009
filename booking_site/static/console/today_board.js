"use strict";
// The board of the day: one calendar for each time zone, a column for each doctor. What is drawn comes from today.js.
window.todayBoard = (host, config, on) => {
    const make = (tag, className, text) => {
        const element = document.createElement(tag);
        element.className = className;
        element.textContent = text;
        return element;
    };
    const sign = (item) => {
        const element = make("span", "sign", item.sign);
        element.setAttribute("aria-hidden", "true");
        return element;
    };
    const passed = (item) => {
        const isLate = item.kind === "booked";
        if (!isLate && !item.since) {
            return [];
        }
        const mark = make("span", isLate ? "passed is-late" : "passed", "");
        mark.dataset.since = isLate ? item.at : item.since;
        mark.dataset.say = item.kind;
        mark.hidden = isLate;
        if (item.kind === "arrived") {
            mark.dataset.alert = config.alert;
            mark.append(make("span", "alert", `⚠ ${config.texts.long}`), " ");
        }
        mark.append(make("span", "minutes", ""));
        return [mark];
    };

    const contentOf = (item) => {
        const first = make("span", "first", "");
        first.append(make("span", "clock", item.clock), " ", sign(item), " ", make("bdi", "who", item.who || item.word));
        const second = make("span", "second-line", "");
        const marks = item.marks.map(([kind, words]) => (
            make("span", `mark mark-${kind}`, kind === "urgent" ? `! ${words}` : words)));
        const word = item.who ? [make("span", "word", item.word)] : [];
        for (const part of [...word, ...passed(item), ...marks, make("span", "what", item.what)]) {
            second.append(part, " ");
        }
        return {domNodes: [first, " ", second]};
    };
    // The same nodes as long as the item is the same: nothing is drawn again without need. What is dragged is drawn
    // twice, and its copy needs nodes of its own.
    const drawn = new Map();
    const contentIn = (info) => {
        const item = info.event.extendedProps.item;
        if (!item) {
            return {domNodes: []};
        }
        if (info.event.display === "preview") {
            return contentOf(item);
        }
        if (!drawn.has(item.key) || drawn.get(item.key).item !== item) {
            drawn.set(item.key, {item, content: contentOf(item)});
        }
        return drawn.get(item.key).content;
    };

    // --- going from item to item by the arrows -----------------------------------------------------------------

    const elements = new Map();
    const columns = new Map(); // of a calendar: its items by doctor, in order of time
    const live = (key) => elements.get(key) && elements.get(key).isConnected ? elements.get(key) : null;
    const reachByTab = (element) => {
        for (const each of host.querySelectorAll(".ec-event[tabindex='0']")) {
            each.tabIndex = -1;
        }
        element.tabIndex = 0;
    };
    const nearest = (column, at) => column.reduce(
        (best, item) => Math.abs(item.at - at) < Math.abs(best.at - at) ? item : best, column[0]);
    host.addEventListener("keydown", (event) => {
        const element = event.target.closest(".ec-event");
        const way = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[event.key];
        if (!element || !way) {
            return;
        }
        const ofDoctors = [...columns.get(element.closest(".today-board")).values()].filter((column) => column.length);
        const x = ofDoctors.findIndex((column) => column.some((item) => item.key === element.dataset.key));
        const y = x < 0 ? -1 : ofDoctors[x].findIndex((item) => item.key === element.dataset.key);
        const other = ofDoctors[x + way[0]];
        const next = y < 0 || !other ? null : way[0] ? nearest(other, ofDoctors[x][y].at) : other[y + way[1]];
        if (next && live(next.key)) {
            event.preventDefault();
            reachByTab(live(next.key));
            live(next.key).focus();
        }
    });
    host.addEventListener("focusin", (event) => {
        if (event.target.matches(".ec-event")) {
            reachByTab(event.target);
        }
    });

    // --- dragging: onto free seats only ------------------------------------------------------------------------

    let dragging = null, seat = null, pointer = [0, 0];
    document.addEventListener("pointermove", (event) => { pointer = [event.clientX, event.clientY]; }, true);
    const aim = () => {
        const below = document.elementsFromPoint(...pointer).map((element) => element.closest(".ec-event.t-free"));
        const found = below.find((element) => element && drawn.has(element.dataset.key));
        for (const element of host.querySelectorAll(".is-target")) {
            element.classList.remove("is-target");
        }
        seat = found ? drawn.get(found.dataset.key).item : null;
        if (found) {
            found.classList.add("is-target");
        }
        return Boolean(found);
    };
    const drop = (info) => {
        const item = info.oldEvent.extendedProps.item;
        aim();
        info.revert();
        for (const element of host.querySelectorAll(".is-target")) {
            element.classList.remove("is-target");
        }
        dragging = null;
        if (seat) {
            on.move(item, seat);
        } else {
            on.tell(config.texts.free_only);
        }
    };

    // --- the calendars -----------------------------------------------------------------------------------------

    const eventOf = (item) => ({
        id: item.key,
        resourceIds: [item.doctor],
        start: item.start,
        end: item.end,
        startEditable: item.kind === "booked" && config.mayMove,
        className: `t-${item.kind}`,
        extendedProps: {item},
    });
    const backgroundOf = (stretch, number) => ({
        id: `closed${number}`,
        resourceIds: [stretch.doctor],
        start: stretch.start,
        end: stretch.end,
        display: "background",
        className: "t-closed",
    });
    const click = (info) => {
        const item = info.event.extendedProps.item;
        if (item.kind === "free" && config.mayBook) {
            on.book(item);
        } else if (item.key.startsWith("a")) {
            on.open(item);
        } else {
            on.tell(`${item.clock} ${item.doctor_name}: ${item.word}`);
        }
    };
    const label = (info) => {
        const notes = info.resource.extendedProps.notes || [];
        return {domNodes: [make("b", "", info.resource.title), ...notes.map((note) => make("span", "note", note))]};
    };
    const dayIn = (zone) => new Date().toLocaleDateString("sv-SE", {timeZone: zone}); // 2026-11-30
    const MORNING = "07:00:00"; // where another day opens that begins at night
    const clockIn = (zone) => new Date().toLocaleTimeString("en-GB", {timeZone: zone, hour12: false});
    const resourcesOf = (section) => section.columns.map((column) => (
        {id: column.id, title: column.title, extendedProps: {notes: column.notes}}));
    const frame = (section) => ({
        slotMinTime: section.first,
        slotMaxTime: section.last,
        slotDuration: {minutes: section.step},
        slotHeight: section.step < 15 ? 30 : 40,
    });
    const optionsOf = (section) => ({
        ...frame(section),
        view: "resourceTimeGridDay",
        date: config.day,
        timeZone: section.offset, // where the line of the present time is drawn
        resources: resourcesOf(section),
        events: [...section.items.map(eventOf), ...section.closed.map(backgroundOf)],
        headerToolbar: {start: "", center: "", end: ""},
        allDaySlot: false,
        nowIndicator: true,
        columnWidth: "minmax(9rem, 1fr)",
        slotLabelInterval: {hours: 1},
        slotLabelFormat: {hour: "2-digit", minute: "2-digit", hourCycle: "h23"},
        slotEventOverlap: false,
        scrollTime: config.day === dayIn(section.zone) ? clockIn(section.zone) : MORNING,
        locale: document.documentElement.lang || "en",
        eventTimeFormat: () => "",
        eventContent: contentIn,
        eventDidMount: (info) => {
            if (info.event.extendedProps.item && info.event.display !== "preview") {
                info.el.dataset.key = info.event.id;
                info.el.tabIndex = -1;
                elements.set(info.event.id, info.el);
            }
        },
        eventClick: click,
        eventDurationEditable: false,
        eventDragStart: (info) => { dragging = info.event.id; },
        eventDragStop: () => { dragging = null; },
        eventDrop: drop,
        dragConstraint: aim,
        resourceLabelContent: label,
    });

    let boards = [];
    const keep = (element, section) => {
        const ofDoctor = new Map(section.columns.map((column) => [column.id, []]));
        for (const item of section.items) {
            ofDoctor.get(item.doctor).push(item);
        }
        columns.set(element, ofDoctor);
        for (const column of ofDoctor.values()) {
            column.sort((one, other) => one.at - other.at);
        }
    };
    const build = (sections) => {
        for (const board of boards) {
            window.EventCalendar.destroy(board.calendar);
        }
        host.replaceChildren();
        boards = sections.map((section) => {
            if (sections.length > 1) {
                host.append(make("h2", "zone-title", section.zone));
            }
            const element = make("div", "today-board", "");
            host.append(element);
            const calendar = window.EventCalendar.create(element, optionsOf(section));
            return {element, calendar, section, items: new Map(section.items.map((item) => [item.key, item]))};
        });
    };
    // Only what has changed is told to the calendar.
    const update = (board, section) => {
        const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
        if (!same(board.section.columns, section.columns)) {
            board.calendar.setOption("resources", resourcesOf(section));
        }
        for (const [name, value] of Object.entries(frame(section))) {
            if (!same(frame(board.section)[name], value)) {
                board.calendar.setOption(name, value);
            }
        }
        board.calendar.setOption("timeZone", section.offset);
        if (!same(board.section.closed, section.closed)) {
            board.section.closed.forEach((_stretch, number) => board.calendar.removeEventById(`closed${number}`));
            section.closed.forEach((stretch, number) => board.calendar.addEvent(backgroundOf(stretch, number)));
        }
        const items = new Map();
        for (const item of section.items) {
            const old = board.items.get(item.key);
            if (!old) {
                board.calendar.addEvent(eventOf(item));
            } else if (!same(old, item)) {
                board.calendar.updateEvent(eventOf(item));
            }
            items.set(item.key, old && same(old, item) ? old : item);
        }
        for (const key of board.items.keys()) {
            if (!items.has(key)) {
                board.calendar.removeEventById(key);
                drawn.delete(key);
                elements.delete(key);
            }
        }
        board.items = items;
        board.section = section;
    };

    return {
        isBusy: () => dragging !== null,
        draw: (sections) => {
            const focused = host.contains(document.activeElement) ? document.activeElement.dataset.key : null;
            const zones = (list) => list.map((section) => section.zone).join();
            if (zones(sections) !== zones(boards.map((board) => board.section)) || !boards.length) {
                build(sections);
            } else {
                sections.forEach((section, number) => update(boards[number], section));
            }
            boards.forEach((board) => keep(board.element, board.section));
            requestAnimationFrame(() => {
                for (const board of boards) {
                    // It says it is a table, whose cells hold nothing: buttons in a group are what there is.
                    for (const each of board.element.querySelectorAll(":is([role=rowgroup], [role=row], [role=cell], [role=columnheader])")) {
                        each.removeAttribute("role");
                        each.removeAttribute("aria-colindex");
                    }
                    board.element.firstElementChild.setAttribute("role", "group");
                    board.element.firstElementChild.setAttribute("aria-label", config.texts.board.replace("%s", board.section.zone));
                    if (!board.element.querySelector(".ec-event[tabindex='0']")) {
                        board.element.querySelector(".ec-event[data-key]")?.setAttribute("tabindex", "0");
                    }
                    // Without an item to go to, it is the board itself that the keyboard scrolls.
                    board.element.querySelector(".ec-main").tabIndex = board.items.size ? -1 : 0;
                }
                if (focused && live(focused) && document.activeElement === document.body) {
                    live(focused).focus({preventScroll: true}); // an item that has changed is drawn anew
                }
            });
        },
    };
};
