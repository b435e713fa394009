"""How the site is watched: an access log, slow queries, metrics, traces. Each is off until a setting says otherwise,
and what is off is not imported. None tells of patients: no addresses that were asked for, no queries, no parameters."""
