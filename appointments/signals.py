"""Sent by ``appointments.operations`` inside the transaction, with ``send()``: an audit that fails stops the booking.

``appointment_booked``: sender: book; actor: Actor; appointment: Appointment
``appointment_cancelled``: sender: cancel; actor: Actor; appointment: Appointment; old: {field: value}
``appointment_rescheduled``: sender: reschedule; actor: Actor; appointment: Appointment; old: {field: value};
    reason: str
``appointment_status_changed``: a step at the front desk, or its undoing. actor: Actor; appointment: Appointment;
    old: {field: value}; action: the dotted name of the step
``appointment_urgency_changed``: sender: set_urgent; actor: Actor; appointment: Appointment; old: {field: value}
``appointments_need_new_time``: the plan has changed under them. actor: Actor; appointments: [Appointment];
    because: str
``appointments_keep_time``: it has changed back. actor: Actor; appointments: [Appointment]
``appointments_rebooked``: many at once were given new times, each with its own signal. sender: rebook_all; actor;
    counts: see ``rebooking.Report.counts``
``report_exported``: numbers leave the house. sender: export; actor: Actor; report: its key; first, last: the period
    (ISO dates, empty for a report of now); department_id, doctor_id: what it was narrowed to, or None
``slip_sent``: the slip is on its way by mail. sender: send_slip; actor: Actor; appointment: Appointment; email: str
``patients_merged``: two records became one. sender: merge; actor: Actor; merge: PatientMerge
``patients_unmerged``: and two again. sender: unmerge; actor: Actor; undone: merging.Undone
``patient_exported``: all that is kept on a patient was given out. sender: export; actor: Actor; patient: Patient;
    rows: ``{table: how many}``
``patient_erased``: a person was forgotten. sender: erase; actor: Actor; patient: Patient, as it is now; records: ids,
    of those merged into it too; counts: ``{what: how many}``
``history_loaded``: rows written in bulk. sender: history.load; actor: Actor; source: str; count: int
"""

from django.dispatch import Signal

appointment_booked = Signal()
appointment_cancelled = Signal()
appointment_rescheduled = Signal()
appointment_status_changed = Signal()
appointment_urgency_changed = Signal()
appointments_need_new_time = Signal()
appointments_keep_time = Signal()
appointments_rebooked = Signal()
report_exported = Signal()
slip_sent = Signal()
patients_merged = Signal()
patients_unmerged = Signal()
patient_exported = Signal()
patient_erased = Signal()
history_loaded = Signal()
