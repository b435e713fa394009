from appointments.admin.appointments import AppointmentAdmin

__all__ = ["AppointmentAdmin"]
