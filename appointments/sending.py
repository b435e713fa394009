"""Sending the slip to the patient by e-mail, with the PDF and the calendar file."""

import uuid
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from appointments import signals
from appointments.calendar_file import calendar_file
from appointments.exceptions import AppointmentNotFound, MailRefused
from appointments.idempotency import Idempotency, earlier_answer, remember
from appointments.models import Appointment
from appointments.slips import Slip, slip_of, with_all
from booking_site.core.actor import Actor
from booking_site.core.operations import operation


@operation("appointment.slip_sent")
def send_slip(
    *, actor: Actor, appointment_id: uuid.UUID, asked_for: bool = False, idempotency: Idempotency | None = None
) -> Appointment:
    """Send the slip to the address that the patient's record has. Returns the appointment.

    Only to somebody who agreed to mail (``remind_by_email``) or, by what the receptionist says, has just asked for it
    (``asked_for``). A repeated request sends nothing more. The mail server is spoken to last, inside the transaction:
    what it refuses leaves no row that says it was sent. Raises AppointmentNotFound, MailRefused, KeyReused.
    """
    if (made := earlier_answer(idempotency)) is not None:
        return Appointment.objects.get(pk=made)
    appointment = with_all(Appointment.objects.all()).filter(pk=appointment_id).first()
    if appointment is None:
        raise AppointmentNotFound
    patient = appointment.patient
    if not settings.SENDS_MAIL:
        raise MailRefused("no_mail_server", _("This installation sends no mail. Print the slip instead."))
    if not patient.email:
        raise MailRefused("no_address", _("The patient's record has no e-mail address."))
    if not (patient.remind_by_email or asked_for):
        raise MailRefused("no_consent", _("The patient has not agreed to e-mail. Ask, then tick the box."))
    remember(idempotency, appointment.pk)
    signals.slip_sent.send(sender=send_slip, actor=actor, appointment=appointment, email=patient.email)
    _deliver(slip_of(appointment), patient.email)
    return appointment


def _deliver(slip: Slip, address: str) -> None:
    from appointments.slip_pdf import slip_pdf

    mail = EmailMessage(subject=_("Your appointment, %(when)s") % {"when": slip.when}, body=_body(slip), to=[address])
    mail.attach(f"{slip.file_name}.pdf", slip_pdf(slip), "application/pdf")
    mail.attach(f"{slip.file_name}.ics", calendar_file(slip), "text/calendar")
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        raise MailRefused(
            "mail_failed", _("The mail server did not take the mail. Print the slip, or try again later.")
        ) from error


def _body(slip: Slip) -> str:
    """The kind of visit is in the PDF only: the text of a mail is shown on locked screens."""
    return "\n\n".join(
        text
        for text in (
            slip.notice,
            _("Your appointment: %(when)s, %(doctor)s.") % {"when": slip.when, "doctor": slip.doctor},
            slip.place,
            _("The slip and a file for your calendar are attached."),
            slip.to_change,
            _("Appointment number: %(number)s") % {"number": slip.number},
        )
        if text
    )
