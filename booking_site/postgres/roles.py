"""The names of the roles that the site and the sealer of the audit log have in the database, unless told otherwise."""

SITE = "hospital_site"
SEALER = "hospital_sealer"
