"""The forms that the Scheduler changes the doctors' working time with."""
