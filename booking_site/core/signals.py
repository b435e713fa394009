"""Domain signals that belong to no single app. All are sent with ``send()``, so a failing receiver stops the sender.

``record_saved``: a plain record (department, doctor, patient) was registered or changed; inside the transaction.
    sender: the model; actor: Actor; instance; changes: ``{field: (old, new)}``; created: bool
``record_viewed``: somebody is shown a record that is about a patient; before the answer is sent. See core.shown.
    sender: the model; actor: Actor; pk: the record's key; patient_id: of whom (without it the record is the patient's
    own); patient_ids: of other patients on the same page; page: its name, or "api"; is_answer: bool, whether it answers
    something that was done with the record
``records_listed``: somebody is shown a list of records that are about patients; before the answer is sent, once for it.
    sender: the model; actor: Actor; patient_ids: set of all whom the list shows; page; filters: ``{name: value}``, with
    "..." for what is not kept
``trail_wanted``: a page asks what the audit log tells of records; who keeps one answers with a core.trail.Trail.
    sender: the model; keys: of the records; limit: int, of changes and of views each
``log_wanted``: an export asks for all that the audit log has on records; who keeps one answers with its rows.
    sender: None; keys: ``{model: [keys of its records]}``
``figures_wanted``: metrics are asked for; who keeps what is to be watched answers with it.
    sender: None; an answer is ``{name: (what it is, number)}``
``retention_applied``: what was kept long enough has been erased; once per run, after it.
    sender: None; actor: Actor; periods: ``{name: length}``; counts: ``{what: how many}``
``refused``: an operation ended with a domain error; *after* its transaction has rolled back.
    sender: the operation (a function); actor: Actor; action: the dotted name it would have had;
    error: DomainError; subject: the operation's identifiers, ``{"patient_id": ..., "slot_id": ...}``
``records_imported``: a file was imported; inside the transaction, once per run.
    sender: the model; actor: Actor; entity: its name in commands ("patients"); profile, file: str (names);
    sha256: of the file, hex; counts: ``{"read", "created", "there", "repeated", "rejected"}``, the last four add up
``demo_loaded``: the demo hospital is being written; inside the transaction, before the first row.
    sender: the function; actor: Actor; patients: int, how many
``backup_made``, ``backup_restored``: the database was written to a file, or read from one.
    sender: the function; actor: Actor; file: its name; sha256: of the file, hex
``records_cleared``: what has served its time was deleted; inside the transaction, once per run.
    sender: the command; actor: Actor; counts: how many by what they were
``access_denied``: somebody was refused by permission.
    sender: the view class; actor: Actor; method, path: str; code: str
"""

from django.dispatch import Signal

record_saved = Signal()
record_viewed = Signal()
records_listed = Signal()
trail_wanted = Signal()
log_wanted = Signal()
figures_wanted = Signal()
retention_applied = Signal()
refused = Signal()
records_imported = Signal()
demo_loaded = Signal()
backup_made = Signal()
backup_restored = Signal()
records_cleared = Signal()
access_denied = Signal()
